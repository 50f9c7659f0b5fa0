"""evaltrail: LLM evaluations that land in MLflow complete, once and comparable."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from evaltrail.core.version import VERSION

if TYPE_CHECKING:
    from evaltrail.client.client import Client
    from evaltrail.core.delivery import Receipt
    from evaltrail.core.errors import EvaltrailError, PartialError
    from evaltrail.service.evaluation.order import Result
    from evaltrail.service.evaluation.run import run
    from evaltrail.service.exporting.export import export_results
    from evaltrail.service.frames.evaluate_data import evaluate
    from evaltrail.service.frames.evaluation_result import EvaluationResult
    from evaltrail.service.gathering.ingest import ingest
    from evaltrail.service.generating.generate import generate
    from evaltrail.service.generating.order import GenerationResult
    from evaltrail.service.rescoring.score import score

__version__ = VERSION
__all__ = [
    "Client",
    "EvaltrailError",
    "EvaluationResult",
    "GenerationResult",
    "PartialError",
    "Receipt",
    "Result",
    "__version__",
    "evaluate",
    "export_results",
    "generate",
    "ingest",
    "run",
    "score",
]

_PLACES = {
    "Client": "evaltrail.client.client",
    "EvaltrailError": "evaltrail.core.errors",
    "EvaluationResult": "evaltrail.service.frames.evaluation_result",
    "GenerationResult": "evaltrail.service.generating.order",
    "PartialError": "evaltrail.core.errors",
    "Receipt": "evaltrail.core.delivery",
    "Result": "evaltrail.service.evaluation.order",
    "evaluate": "evaltrail.service.frames.evaluate_data",
    "export_results": "evaltrail.service.exporting.export",
    "generate": "evaltrail.service.generating.generate",
    "ingest": "evaltrail.service.gathering.ingest",
    "run": "evaltrail.service.evaluation.run",
    "score": "evaltrail.service.rescoring.score",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use, so that importing the package costs nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module 'evaltrail' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
