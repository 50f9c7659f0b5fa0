"""Metrics of a ranked list against the relevant ids: ndcg, recall, precision, map and mrr, as trec_eval defines them.

Source: Buckley and Voorhees, trec_eval 9 (``ndcg``, ``ndcg_cut``, ``recall``, ``P``, ``map``, ``map_cut``,
``recip_rank``). Two things it never meets are settled here: a sample without any relevant id is unscored, and an id
named again keeps its rank but finds nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Score
from evaltrail.scoring.grader import BAD_REFERENCE, TOO_LONG, TextGrader
from evaltrail.scoring.json_form import BadJsonError, read_json, without_fence

MAX_CHARACTERS = 4_000_000
"""Length of the output, and of the reference; longer ones are unscored (``too_long``)."""

_NO_RELEVANT = Score(reason="no_relevant")

Measure = Callable[[Sequence[float], Sequence[float], int | None], float]
"""Gains by rank down to the cut (0 = not relevant), all gains above 0 from the highest, and the cut, to a share."""


class Ranking(TextGrader):
    """A measure of the output, read as a ranked list of ids, best first: a JSON array, or one id a line.

    The reference says what is relevant: a JSON object of id to gain, a JSON array of ids, or the ids as a list; what
    has no gain above 0 is not relevant. References that are none of these leave the sample unscored
    (``bad_reference``), and so do those without anything relevant (``no_relevant``), which trec_eval counts as 0. An
    output that names nothing found is 0.

    Args:
        name: the measure's name; with a cut the metric is named ``ndcg@10``.
        measure: what is computed.
        k: the first so many ids count; None = all.

    Raises:
        InputError: k is below 1.
    """

    def __init__(self, name: str, measure: Measure, k: int | None) -> None:
        if k is not None and k < 1:
            raise InputError(
                f"metric {name!r}: k cannot be {k}", code="bad_option", hint="give 1 or more, or leave it out"
            )
        self.name = name if k is None else f"{name}@{k}"
        super().__init__()
        self._measure = measure
        self._k = k

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """The measure of one ranked list."""
        if len(text) > MAX_CHARACTERS or sum(map(len, references)) > MAX_CHARACTERS:
            return TOO_LONG
        try:
            relevant = read_relevant(references)
        except BadJsonError:
            return BAD_REFERENCE
        if not relevant:
            return _NO_RELEVANT
        left = dict(relevant)
        gains = [left.pop(each, 0.0) for each in read_ranking(text)[: self._k]]
        value = self._measure(gains, sorted(relevant.values(), reverse=True), self._k) if any(gains) else 0.0
        return Score(value=value, source=self.source)


def ndcg(*, k: int | None = None) -> Ranking:
    """Discounted cumulative gain / the best possible one: gain / log2(rank + 1), added up (Järvelin 2002)."""
    return Ranking("ndcg", _ndcg, k)


def recall(*, k: int | None = None) -> Ranking:
    """The share of the relevant ids that was found."""
    return Ranking("recall", lambda gains, relevant, _: _hits(gains) / len(relevant), k)


def precision(*, k: int | None = None) -> Ranking:
    """The share of the ids that is relevant: of k, even where fewer are named, or of all that are named."""
    return Ranking("precision", lambda gains, _, cut: _hits(gains) / (cut or len(gains)), k)


def average_precision(*, k: int | None = None) -> Ranking:
    """The precision at each relevant id found, added up, / all relevant ids; its mean over the samples is MAP."""
    return Ranking("map", _average_precision, k)


def reciprocal_rank(*, k: int | None = None) -> Ranking:
    """1 / rank of the first relevant id; its mean over the samples is MRR."""
    return Ranking("mrr", _reciprocal_rank, k)


def read_ranking(text: str) -> list[str]:
    """The ids of an output, best first: a JSON array of texts and numbers, else one id a line, blank lines left out.

    A Markdown code fence around either does not count.
    """
    text = without_fence(text).strip()
    if text.startswith("["):
        try:
            found = read_json(text)
        except BadJsonError:
            pass
        else:
            if isinstance(found, list):
                return [_as_id(each) for each in found]
    return [line for each in text.splitlines() if (line := each.strip())]


def read_relevant(references: Sequence[str]) -> dict[str, float]:
    """The relevant ids with their gains, all above 0.

    Raises:
        BadJsonError: a JSON object with something else than finite numbers, or no JSON where it begins like one.
    """
    alone = references[0].strip() if len(references) == 1 else ""
    if not alone.startswith(("{", "[")):
        return {each.strip(): 1.0 for each in references if each.strip()}
    found = read_json(alone)
    if isinstance(found, Mapping):
        gains = {name.strip(): _gain(value) for name, value in found.items()}
        return {name: gain for name, gain in gains.items() if gain > 0.0}
    if isinstance(found, list):
        return dict.fromkeys(map(_as_id, found), 1.0)
    raise BadJsonError


def _gain(value: object) -> float:
    try:
        gain = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        gain = math.inf
    if not math.isfinite(gain):
        raise BadJsonError
    return gain


def _as_id(value: object) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _hits(gains: Sequence[float]) -> int:
    return sum(gain > 0.0 for gain in gains)


def _ndcg(gains: Sequence[float], relevant: Sequence[float], cut: int | None) -> float:
    return min(_discounted(gains) / _discounted(relevant[:cut]), 1.0)


def _discounted(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains) if gain)


def _average_precision(gains: Sequence[float], relevant: Sequence[float], _: int | None) -> float:
    ranks = [rank for rank, gain in enumerate(gains, 1) if gain > 0.0]
    return math.fsum(found / rank for found, rank in enumerate(ranks, 1)) / len(relevant)


def _reciprocal_rank(gains: Sequence[float], _: Sequence[float], __: int | None) -> float:
    return 1.0 / next(rank for rank, gain in enumerate(gains, 1) if gain > 0.0)
