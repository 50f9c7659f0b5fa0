"""What judges came to when they were measured against people: one small file a judge in EVALTRAIL_HOME."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import make_private, write_whole
from evaltrail.core.decoding import decoded
from evaltrail.core.ids import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How far a judge agreed with people."""

    source: str
    """The judge's own identity: name, version and digest of its rubric, parameters and votes."""
    model: str
    kappa: float | None
    """Cohen's; None where the labels had one class only."""
    kappa_low: float | None = None
    kappa_high: float | None = None
    weighted_kappa: float | None = None
    """With quadratic weights; None for words."""
    n: int
    """Labelled rows that the judge scored."""
    measured_at: datetime
    evaluation_id: str = ""

    def told(self) -> str:
        """In one line: ``calibrated: kappa 0.71 (n 60)``; says so where chance would explain it."""
        kappa = "none" if self.kappa is None else f"{self.kappa:.2f}"
        weighted = "" if self.weighted_kappa is None else f", weighted {self.weighted_kappa:.2f}"
        chance = ", maybe no better than chance" if self.kappa_low is not None and self.kappa_low <= 0 else ""
        return f"calibrated: kappa {kappa}{weighted} (n {self.n}{chance})"


class Calibrations:
    """The calibrations of one EVALTRAIL_HOME; the latest of a judge counts."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "calibrations"

    def keep(self, calibration: Calibration) -> None:
        """Remember it in place of an earlier one of the same judge.

        Raises:
            StorageError: the disk refuses.
        """
        make_private(self._folder)
        write_whole(self._file(calibration.source, calibration.model), msgspec.json.encode(calibration))

    def find(self, source: str, model: str) -> Calibration | None:
        """The latest of a judge with a model; None where there is none that can be read."""
        try:
            return decoded(self._file(source, model).read_bytes(), Calibration)
        except (OSError, msgspec.DecodeError):
            return None

    def _file(self, source: str, model: str) -> Path:
        return self._folder / f"{digest([source, model])}.json"
