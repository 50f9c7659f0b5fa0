"""Numbers of a NeMo Evaluator job: the scores of ``results.yml`` and the run's own figures, each under a unique name.

Format: EvaluationResult of nemo-evaluator as the launcher's exporter reads it (0.1.27 to 0.2.6): groups, nested to any
depth, and tasks hold metrics, a metric holds scores, a score holds ``value`` and ``stats``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from evaltrail.core.metric import MetricValue
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.leaves import leaves, number, why_no_number
from evaltrail.readers.notes import Notes

_PARTS = ("groups", "tasks")
_NO_SETTINGS = frozenset({"description", "end_time", "start_time"})
"""Texts of the runtime figures that say nothing, or become the run's times."""
_MOST_COUNT = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one document holds."""

    metrics: tuple[MetricValue, ...] = ()
    texts: Mapping[str, Scalar] = field(default_factory=dict)
    """Dotted path to what is no number: texts, true and false."""


def read_results(results: Json, notes: Notes, *, where: str) -> Measured:
    """Every number of ``results``, as ``<group or task>[_<subgroup>]_<metric>[_<score>]``.

    A score's name is left out where it is the metric's. ``stderr`` and ``count`` stand beside their score, other
    statistics are metrics of their own. What stands in groups and tasks alike is one metric; with another value the
    later one has ``_task`` (``_group``) at its end.

    Args:
        results: the mapping below ``results``.
        notes: told what is null, no number, or missing.
        where: the file's name, for the notes.
    """
    walk = _Walk(notes, where)
    if not isinstance(results, Mapping):
        walk.rest((), results, "results")
        return walk.measured()
    for key, value in results.items():
        if key in _PARTS and isinstance(value, Mapping):
            walk.ending = key.removesuffix("s")
            for name, entry in value.items():
                walk.entry((name,), entry, f"results.{key}.{name}")
        elif value is not None or key not in _PARTS:
            walk.rest((key,), value, f"results.{key}")
    return walk.measured()


def read_runtime(document: Json, notes: Notes, *, where: str) -> Measured:
    """Every number of ``eval_factory_metrics.json`` as ``runtime/<name>``; the section is named where two would meet.

    Args:
        document: the file's content.
        notes: told what is null or no finite number.
        where: the file's name, for the notes.
    """
    walk = _Walk(notes, where)
    found = [(path or ("value",), leaf) for path, leaf in leaves(document)]
    short = Counter("_".join(path[1:]) for path, _ in found)
    for path, leaf in found:
        inner = "_".join(path[1:])
        name = inner if inner and short[inner] == 1 else "_".join(path)
        if path[-1] not in _NO_SETTINGS or not isinstance(leaf, str):
            walk.rest((name,), leaf, ".".join(path))
    metrics = tuple(replace(metric, group=("runtime",), is_grade=False) for metric in walk.measured().metrics)
    return Measured(metrics=metrics, texts={f"runtime.{path}": text for path, text in walk.texts.items()})


def moment(value: Json) -> datetime | None:
    """The aware UTC time that a value says, or None: ISO 8601 (no zone is UTC) or Unix seconds.

    Some versions write ``%f`` where microseconds belong.
    """
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value.replace(".%f", "").strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


class _Walk:
    """One way through a document; what it meets is kept by name."""

    def __init__(self, notes: Notes, where: str) -> None:
        self._notes = notes
        self._where = where
        self._found: dict[str, MetricValue] = {}
        self.texts: dict[str, Scalar] = {}
        self.ending = "other"
        """What a name gets at its end when it is taken by another value."""

    def measured(self) -> Measured:
        """What was met."""
        return Measured(metrics=tuple(self._found.values()), texts=self.texts)

    def entry(self, names: tuple[str, ...], entry: Json, where: str) -> None:
        """One group or task."""
        if not isinstance(entry, Mapping):
            self.rest(names, entry, where)
            return
        for key, value in entry.items():
            here = f"{where}.{key}"
            if key == "metrics" and isinstance(value, Mapping):
                for name, metric in value.items():
                    self._metric((*names, name), metric, f"{here}.{name}")
            elif key in _PARTS and isinstance(value, Mapping):
                for name, inner in value.items():
                    self.entry((*names, name), inner, f"{here}.{name}")
            elif value is not None or key not in {*_PARTS, "metrics"}:
                self.rest((*names, key), value, here)

    def rest(self, names: tuple[str, ...], value: Json, where: str, *, has_texts: bool = True) -> None:
        """Whatever stands where the format foresees nothing: its numbers are metrics, its texts are kept."""
        for path, leaf in leaves(value):
            found = number(leaf)
            here = ".".join((where, *path))
            if found is not None:
                name = "_".join((*names, *path)) or "value"
                self._add(MetricValue(name=name, value=found, better="neither"))
            elif has_texts and isinstance(leaf, str | bool) and not _is_empty_word(leaf):
                self.texts[here] = leaf
            else:
                self._skip(here, why_no_number(leaf))

    def _metric(self, names: tuple[str, ...], metric: Json, where: str) -> None:
        if not isinstance(metric, Mapping):
            self.rest(names, metric, where)
            return
        for key, value in metric.items():
            here = f"{where}.{key}"
            if key == "scores" and isinstance(value, Mapping):
                for name, score in value.items():
                    self._score(names if name == names[-1] else (*names, name), score, f"{here}.{name}")
            else:
                self.rest(names if key == "stats" else (*names, key), value, here)

    def _score(self, names: tuple[str, ...], score: Json, where: str) -> None:
        if not isinstance(score, Mapping):
            self.rest(names, score, where)
            return
        given = score.get("stats")
        stats = given if isinstance(given, Mapping) else {}
        value = number(score.get("value"))
        name, kept = "_".join(names), set[str]()
        if value is not None:
            stderr, count = number(stats.get("stderr")), _count(stats.get("count"))
            kept = {key for key, found in (("stderr", stderr), ("count", count)) if found is not None}
            name = self._add(MetricValue(name=name, value=value, better="neither", stderr=stderr, n=count))
        elif "value" in score:
            self._skip(f"{where}.value", why_no_number(score["value"]))
        else:
            self._skip(where, "it has no value")
        for key, found in stats.items():
            if key not in kept:
                self.rest((name, key), found, f"{where}.stats.{key}", has_texts=False)
        for key, found in score.items():
            if key != "value" and found is not stats and (key != "stats" or found is not None):
                self.rest((name, key), found, f"{where}.{key}")

    def _add(self, new: MetricValue) -> str:
        """Keep a metric; the name that it got."""
        name, tries = new.name, 1
        while name in self._found:
            same = _joined(self._found[name], new)
            if same is not None:
                self._found[name] = same
                return name
            name = f"{new.name}_{self.ending}" + (f"_{tries}" if tries > 1 else "")
            tries += 1
        self._found[name] = replace(new, name=name)
        return name

    def _skip(self, where: str, why: str) -> None:
        self._notes.skip(f"{self._where}: {where}", why)


def _joined(one: MetricValue, other: MetricValue) -> MetricValue | None:
    """The one metric that two of the same name are, or None where they say different things."""
    if one.value != other.value:
        return None
    if None not in {one.stderr, other.stderr} and one.stderr != other.stderr:
        return None
    if None not in {one.n, other.n} and one.n != other.n:
        return None
    return replace(
        one, stderr=other.stderr if one.stderr is None else one.stderr, n=other.n if one.n is None else one.n
    )


def _count(value: Json) -> int | None:
    """The number of samples that a statistic says, where it is one."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < _MOST_COUNT and found.is_integer() else None


def _is_empty_word(leaf: str | bool) -> bool:
    """Whether a text only says that a number is missing."""
    return isinstance(leaf, str) and leaf.strip().lower().lstrip("+-.") in {
        "",
        "n/a",
        "na",
        "nan",
        "null",
        "none",
        "inf",
    }
