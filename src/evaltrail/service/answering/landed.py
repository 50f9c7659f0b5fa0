"""What the ledger keeps of a delivery: experiment and runs, with the links that were made when they landed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from evaltrail.config.settings import Settings
from evaltrail.core.decoding import decoder
from evaltrail.service.answering.account import RunAccount
from evaltrail.service.evaluation.result_record import OF_RESULT
from evaltrail.store.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Where an evaluation landed; empty = nowhere yet."""

    experiment_id: str = ""
    experiment_name: str = ""
    runs: tuple[RunAccount, ...] = ()
    is_whole: bool = False
    """Whether nothing of it is missing there."""


NOWHERE = Landing()


class _Receipt(msgspec.Struct):
    run_id: str
    run_url: str = ""
    experiment_id: str = ""
    experiment_name: str = ""
    task: str = ""


class _Error(msgspec.Struct):
    code: str = ""


class _Recorded(msgspec.Struct):
    receipts: tuple[_Receipt, ...] = ()
    errors: tuple[_Error, ...] = ()


_DECODE = decoder(_Recorded).decode


def landings(settings: Settings, evaluation_ids: Sequence[str]) -> Mapping[str, Landing]:
    """Evaluation to where it landed; of those that have not, or that this home does not know, nothing.

    Args:
        settings: where the ledger is.
        evaluation_ids: whole ids.
    """
    ledger = Ledger(settings.home)
    if not evaluation_ids or not ledger.is_there:
        return {}
    found = {name: landing_of(result) for name, result in ledger.results(evaluation_ids).items()}
    return {name: landing for name, landing in found.items() if landing.runs}


def landing_of(result: bytes) -> Landing:
    """Where an evaluation landed, from what the ledger keeps of its result."""
    try:
        found = _DECODE(result)
    except msgspec.DecodeError:  # of another version: then its links are made anew
        return NOWHERE
    receipts = found.receipts
    if not receipts:
        return NOWHERE
    runs = tuple(RunAccount(run_id=each.run_id, task=each.task, url=each.run_url) for each in receipts)
    first = receipts[0]
    return Landing(
        experiment_id=first.experiment_id,
        experiment_name=first.experiment_name,
        runs=runs,
        is_whole=all(error.code in OF_RESULT for error in found.errors),
    )
