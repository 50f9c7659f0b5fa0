"""Calibrated: a judge that was measured, and the evaluation in which it judged."""

from __future__ import annotations

from dataclasses import dataclass

from evaltrail.core.errors import EvaltrailError
from evaltrail.core.request import ModelTarget
from evaltrail.scoring.judging.port import Judge
from evaltrail.service.calibrating.label_reader import LabelReader
from evaltrail.service.calibrating.measure import Judged, Measured
from evaltrail.service.evaluation.order import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What a calibration came to."""

    judge: Judge
    target: ModelTarget
    """The model that judged."""
    reader: LabelReader
    measured: Measured
    rows: tuple[Judged, ...]
    result: Result
    """The evaluation that the rows were judged in; `evaltrail samples` shows them."""

    @property
    def unreadable(self) -> tuple[Judged, ...]:
        """The rows that the judge left unscored."""
        return tuple(row for row in self.rows if row.judge is None)

    @property
    def errors(self) -> tuple[EvaltrailError, ...]:
        """What did not go as it should: more rows unscored than allowed."""
        return self.result.errors

    @property
    def exit_code(self) -> int:
        """0, or 1 when more is unscored than allowed."""
        return self.result.exit_code
