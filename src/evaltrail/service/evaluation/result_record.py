"""A finished evaluation as the one JSON object that programs get and the ledger keeps."""

from __future__ import annotations

from typing import Any

import msgspec

from evaltrail.service.evaluation.order import Result
from evaltrail.service.record import error_object, result_parts


def recorded(result: Result) -> bytes:
    """What the ledger keeps of a result."""
    return msgspec.json.encode(result_object(result))


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
