"""The metrics as objects for `evaluate()`: judges by MLflow's names and arguments, and every built-in as a factory.

``bleu()``, ``token_count(tokenizer="...")``, ``exact_match(ignore_case=True)``: what a task file's options say, as
keyword arguments.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from evaltrail.scoring.catalog import METRICS

if TYPE_CHECKING:
    from evaltrail.scoring.bleu import Bleu as bleu  # noqa: N813  the metric's name
    from evaltrail.scoring.bleu import Chrf as chrf  # noqa: N813
    from evaltrail.scoring.choice import MultipleChoice as multiple_choice  # noqa: N813
    from evaltrail.scoring.exact import Contains as contains  # noqa: N813
    from evaltrail.scoring.exact import ExactMatch as exact_match  # noqa: N813
    from evaltrail.scoring.exact import Numeric as numeric  # noqa: N813
    from evaltrail.scoring.exact import Regex as regex  # noqa: N813
    from evaltrail.scoring.json_form import JsonValid as json_valid  # noqa: N813
    from evaltrail.scoring.json_schema import JsonSchema as json_schema  # noqa: N813
    from evaltrail.scoring.judging.builtin import groundedness, guidelines, safety, toxicity_judge
    from evaltrail.scoring.judging.genai import (
        answer_correctness,
        answer_relevance,
        answer_similarity,
        faithfulness,
        make_genai_metric,
        make_genai_metric_from_prompt,
        relevance,
    )
    from evaltrail.scoring.judging.pairwise import PairwiseJudge as pairwise_preference  # noqa: N813
    from evaltrail.scoring.judging.rubric import EvaluationExample
    from evaltrail.scoring.levenshtein import Levenshtein as levenshtein  # noqa: N813
    from evaltrail.scoring.overlap import TokenF1 as token_f1  # noqa: N813
    from evaltrail.scoring.overlap import rouge1, rouge2
    from evaltrail.scoring.overlap import rouge_l as rougeL  # noqa: N812  the metric's name
    from evaltrail.scoring.overlap import rouge_lsum as rougeLsum  # noqa: N812
    from evaltrail.scoring.readability import Ari as ari  # noqa: N813
    from evaltrail.scoring.readability import FleschKincaid as flesch_kincaid  # noqa: N813
    from evaltrail.scoring.retrieval import average_precision as map  # noqa: A004  the metric's name
    from evaltrail.scoring.retrieval import ndcg, precision, recall
    from evaltrail.scoring.retrieval import reciprocal_rank as mrr
    from evaltrail.scoring.speed import Cost as cost  # noqa: N813
    from evaltrail.scoring.speed import Latency as latency  # noqa: N813
    from evaltrail.scoring.speed import Tokens as tokens  # noqa: N813
    from evaltrail.scoring.token_count import TokenCount as token_count  # noqa: N813
    from evaltrail.scoring.toxicity import toxicity

__all__ = [
    "EvaluationExample",
    "answer_correctness",
    "answer_relevance",
    "answer_similarity",
    "ari",
    "bleu",
    "chrf",
    "contains",
    "cost",
    "exact_match",
    "faithfulness",
    "flesch_kincaid",
    "groundedness",
    "guidelines",
    "json_schema",
    "json_valid",
    "latency",
    "levenshtein",
    "make_genai_metric",
    "make_genai_metric_from_prompt",
    "map",
    "mrr",
    "multiple_choice",
    "ndcg",
    "numeric",
    "pairwise_preference",
    "precision",
    "recall",
    "regex",
    "relevance",
    "rouge1",
    "rouge2",
    "rougeL",
    "rougeLsum",
    "safety",
    "token_count",
    "token_f1",
    "tokens",
    "toxicity",
    "toxicity_judge",
]

_GENAI = "evaltrail.scoring.judging.genai"
_PLACES = {
    "EvaluationExample": "evaltrail.scoring.judging.rubric",
    "answer_correctness": _GENAI,
    "answer_relevance": _GENAI,
    "answer_similarity": _GENAI,
    "faithfulness": _GENAI,
    "make_genai_metric": _GENAI,
    "make_genai_metric_from_prompt": _GENAI,
    "relevance": _GENAI,
}
"""Names that take MLflow's arguments, not those of a task file."""


def __getattr__(name: str) -> object:
    """Load a name on first use."""
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    if name in __all__:
        return METRICS.load(name)
    raise AttributeError(f"module 'evaltrail.metrics' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
