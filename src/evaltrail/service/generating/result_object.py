"""A generation as the one JSON object that programs get and the ledger keeps."""

from __future__ import annotations

from typing import Any

import msgspec

from evaltrail.core.generation import Estimate, Generation
from evaltrail.service.generating.order import GenerationResult
from evaltrail.service.record import error_object


def generation_object(result: GenerationResult) -> dict[str, Any]:
    """The JSON object of a finished generation."""
    return {
        "ok": result.exit_code == 0,
        "exit_code": result.exit_code,
        "evaluation_id": result.evaluation_id,
        "state": result.state,
        "model": result.bundle.model,
        "dataset_id": result.dataset_id or None,
        "dataset_version": result.dataset_version or None,
        "out": None if result.out is None else str(result.out),
        "rejects": None if result.rejects is None else str(result.rejects),
        **generation_parts(result.generation),
        "receipts": msgspec.to_builtins(result.receipts),
        "metrics": {},
        "counts": {"questions": _counts(result.generation)},
        "errors": [error_object(error) for error in result.errors],
    }


def preview_object(generation: Generation, model: str, expected: Estimate) -> dict[str, Any]:
    """The JSON object of a generation that was only looked at."""
    return {
        "ok": True,
        "exit_code": 0,
        "evaluation_id": None,
        "model": model,
        "dry_run": True,
        "dataset_id": None,
        "out": None,
        "rejects": None,
        **generation_parts(generation),
        "shortfall": {"missing": 0, "reasons": {}},
        "estimate": {
            "calls": expected.calls,
            "tokens": _tokens(expected.prompt_tokens, expected.completion_tokens),
            "cost": expected.cost,
            "seconds": expected.seconds,
        },
        "receipts": [],
        "errors": [],
    }


def generation_parts(generation: Generation) -> dict[str, Any]:
    """What came of it, in figures."""
    return {
        "windows": [[first, last] for first, last in generation.windows],
        "unused_chunks": list(generation.unused_chunks),
        "requested": generation.requested,
        "accepted": generation.accepted,
        "rejected": generation.rejected_by_reason,
        "shortfall": {"missing": generation.missing, "reasons": dict(generation.shortfall)},
        "calls": generation.calls,
        "new_calls": generation.new_calls,
        "tokens": _tokens(generation.prompt_tokens, generation.completion_tokens),
        "cost": generation.cost,
        "seconds": generation.seconds,
    }


def _counts(generation: Generation) -> dict[str, Any]:
    """What became of the questions that were asked for, in the words that hold for samples."""
    return {
        "total": generation.requested,
        "scored": generation.accepted,
        "unscored": dict(generation.shortfall),
        "failed": 0,
    }


def _tokens(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt": prompt, "completion": completion, "total": prompt + completion}
