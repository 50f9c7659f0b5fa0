"""Measure: how far a judge says what people say, from what both said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from evaltrail.scoring.judging.scale import Value
from evaltrail.stats.agreement import Kappa, cohens_kappa, weighted_kappa
from evaltrail.stats.estimate import Estimate, estimate_mean, estimate_share
from evaltrail.stats.interval import mean
from evaltrail.stats.prediction_powered import PoweredMean, powered_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one row."""

    id: str
    human: Value | None
    """None where the row has no label."""
    judge: Value | None
    """None where the judge could not be read."""
    reason: str = ""
    """Why there is none."""
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A mean (or a word's share) over all rows, labelled or not."""

    estimate: PoweredMean
    of_labels: float
    """What the labels alone say."""
    of_judge: float
    """What the judge alone says, over all rows it scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How a judge did."""

    kappa: Kappa
    weighted: Kappa | None
    """With quadratic weights; None where there are no steps between right and wrong."""
    agreement: Estimate | None
    """Share of rows where both said the same; None without rows."""
    bias: Estimate | None
    """Mean of judge minus human; None for words."""
    confusion: Mapping[str, Mapping[str, int]]
    """What people said to what the judge said to number of rows."""
    n: int
    """Labelled rows that the judge scored."""
    unscored: Mapping[str, int]
    """Reason to number of labelled rows without a score."""
    n_unlabelled: int
    """Rows without a label that the judge scored."""
    corrected: Mapping[str, Corrected] = field(default_factory=dict)
    """Word to its share, or, under the empty name, the mean of numbers; empty without unlabelled rows."""


def measure(rows: Sequence[Judged], *, name_of: Callable[[Value], str], is_number: bool, is_graded: bool) -> Measured:
    """What a judge's scores and people's labels come to.

    Args:
        rows: labelled or not, scored or not.
        name_of: a value as the confusion calls it.
        is_number: whether values have a mean.
        is_graded: whether there are steps between right and wrong.
    """
    pairs = [(row.human, row.judge) for row in rows if row.human is not None and row.judge is not None]
    others = [row.judge for row in rows if row.human is None and row.judge is not None]
    numbers = [(float(human), float(judge)) for human, judge in pairs] if is_number else []
    confusion: dict[str, Counter[str]] = {}
    for human, judge in sorted(pairs, key=str):
        confusion.setdefault(name_of(human), Counter())[name_of(judge)] += 1
    same = [float(human == judge) for human, judge in pairs]
    return Measured(
        kappa=cohens_kappa(pairs),
        weighted=weighted_kappa(numbers) if is_graded else None,
        agreement=estimate_share(same, len(same)) if same else None,
        bias=estimate_mean([judge - human for human, judge in numbers]) if numbers else None,
        confusion={human: dict(said) for human, said in confusion.items()},
        n=len(pairs),
        unscored=Counter(row.reason for row in rows if row.human is not None and row.judge is None),
        n_unlabelled=len(others),
        corrected=_corrected(pairs, others, name_of, is_number=is_number),
    )


def _corrected(
    pairs: Sequence[tuple[Value, Value]], others: Sequence[Value], name_of: Callable[[Value], str], *, is_number: bool
) -> dict[str, Corrected]:
    if len(pairs) < 2 or not others:
        return {}
    if is_number:
        human, judge, rest = [one for one, _ in pairs], [other for _, other in pairs], others
        return {"": _one(list(map(float, human)), list(map(float, judge)), list(map(float, rest)))}
    words = sorted({name_of(value) for pair in pairs for value in pair} | set(map(name_of, others)))
    return {
        word: _one(
            [float(name_of(one) == word) for one, _ in pairs],
            [float(name_of(other) == word) for _, other in pairs],
            [float(name_of(value) == word) for value in others],
        )
        for word in words
    }


def _one(human: list[float], judge: list[float], rest: list[float]) -> Corrected:
    return Corrected(estimate=powered_mean(human, judge, rest), of_labels=mean(human), of_judge=mean([*judge, *rest]))
