"""Row: one measured figure beside its goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("what", "floor", "evaltrail", "ratio", "must", "stretch", "reached?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure, what was promised of it, and whether that holds; a row without goals only informs."""

    what: str
    floor: str = ""
    evaltrail: str
    ratio: str = ""
    must: str = ""
    stretch: str = ""
    is_must: bool | None = None
    is_stretch: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as the table shows it; a miss stands out."""
        reached = "" if self.is_must is None else "stretch" if self.is_stretch else "must" if self.is_must else "**NO**"
        return (self.what, self.floor, self.evaltrail, self.ratio, self.must, self.stretch, reached)


def at_most(what: str, value: float, unit: str, must: float, stretch: float | None = None, *, floor: str = "") -> Row:
    """A figure with an upper bound."""
    return Row(
        what=what,
        floor=floor,
        evaltrail=f"{value:.3g} {unit}",
        must=f"<= {must:g} {unit}",
        stretch="" if stretch is None else f"<= {stretch:g} {unit}",
        is_must=value <= must,
        is_stretch=stretch is not None and value <= stretch,
    )


def at_least(what: str, value: float, unit: str, must: float) -> Row:
    """A figure with a lower bound."""
    return Row(what=what, evaltrail=f"{value:.3g} {unit}", must=f">= {must:g} {unit}", is_must=value >= must)


def times_floor(what: str, floor_s: float, ours_s: float, must: float, stretch: float) -> Row:
    """Seconds that are to be at most so many times the floor's."""
    ratio = ours_s / floor_s
    return Row(
        what=what,
        floor=f"{floor_s:.3f} s",
        evaltrail=f"{ours_s:.3f} s",
        ratio=f"{ratio:.1f}",
        must=f"<= {must:g} x",
        stretch=f"<= {stretch:g} x",
        is_must=ratio <= must,
        is_stretch=ratio <= stretch,
    )


def at_least_times(what: str, theirs: float, ours: float, must: float) -> Row:
    """A rate that is to be at least so many times another's."""
    ratio = ours / theirs
    return Row(
        what=what,
        floor=_figure(theirs),
        evaltrail=_figure(ours),
        ratio=_figure(ratio),
        must=f">= {must:g} x",
        is_must=ratio >= must,
    )


def exactly(what: str, found: str, wanted: str) -> Row:
    """Something that is right or wrong."""
    return Row(what=what, evaltrail=found, must=wanted, is_must=found == wanted)


def show(rows: Sequence[Row], way: str) -> int:
    """Print rows and how they were measured; the exit code is 1 where one misses what was promised.

    Rows that only inform promise nothing.
    """
    for row in rows:
        print("  ".join(filter(None, row.cells)))
    print(way)
    return 1 if any(row.is_must is False for row in rows) else 0


def _figure(value: float) -> str:
    """Three digits at least, never an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
