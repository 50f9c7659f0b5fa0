"""A finished evaluation as the one JSON object that programs get and the ledger keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.core.delivery import Receipt
from evaltrail.service.evaluation.order import Result
from evaltrail.service.record import error_object, result_parts

OF_RESULT = frozenset({"unscored", "task_failed", "shortfall"})
"""Codes of errors that are about the result itself; others are about its delivery."""


def recorded(result: Result) -> bytes:
    """What the ledger keeps of a result."""
    return msgspec.json.encode(result_object(result))


def with_landed(record: bytes, receipts: Sequence[Receipt]) -> bytes:
    """What the ledger keeps of a result, parts of which have landed since.

    Args:
        record: what it has kept so far.
        receipts: of the parts.
    """
    kept = decoded(record, dict[str, Any])
    own = {receipt.task: msgspec.to_builtins(receipt) for receipt in receipts}
    earlier = {receipt["task"]: receipt for receipt in kept.get("receipts", ())}
    errors = [error for error in kept.get("errors", ()) if error["code"] in OF_RESULT]
    code = 1 if errors else 0
    whole = {"ok": not code, "exit_code": code, "receipts": list({**earlier, **own}.values()), "errors": errors}
    return msgspec.json.encode({**kept, **whole})


def result_object(result: Result) -> dict[str, Any]:
    """The JSON object of a finished evaluation."""
    return {
        "ok": result.exit_code == 0,
        "exit_code": result.exit_code,
        "evaluation_id": result.evaluation_id,
        "state": result.state,
        "model": result.bundle.model,
        "out": str(result.out),
        "receipts": msgspec.to_builtins(result.receipts),
        **result_parts(result.bundle),
        "errors": [error_object(error) for error in result.errors],
    }
