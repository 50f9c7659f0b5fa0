"""Entries of lm-evaluation-harness: the metrics below one task or group of a results file, ``<metric>,<filter>``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evaltrail.core.metric import Better, MetricValue
from evaltrail.core.values import Json
from evaltrail.readers.heads import count_of, mapping
from evaltrail.readers.leaves import leaves, number, why_no_number
from evaltrail.readers.notes import Notes

COUNTS = ("sample_len", "samples", "sample_count")
"""Keys of an entry that count samples; what they are called differs between versions."""
_LABELS = ("alias", "name")


def says_something(entry: Json) -> bool:
    """Whether an entry holds more than labels; that of a group without a metric of its own does not."""
    return bool(_measured(entry))


def metrics_of(
    entry: Json, better: Mapping[str, Json], n: int | None, notes: Notes, *, where: str, group: tuple[str, ...] = ()
) -> Iterator[MetricValue]:
    """Every number of an entry as a metric, ``acc_stderr,none`` as the error of ``acc,none``; all else is noted.

    Args:
        entry: metric and filter to number.
        better: metric, without filter, to whether higher is better.
        n: samples behind each metric where the entry does not say.
        notes: told what is no number.
        where: the entry's path in its file.
        group: what stands above the metrics' names.
    """
    counts = mapping(mapping(entry).get("sample_count"))
    size = count_of(mapping(entry).get("sample_len")) or count_of(mapping(entry).get("samples"))
    measured = _measured(entry)
    for path, value in leaves(measured):
        name = ".".join(path)
        found = number(value)
        if found is None:
            notes.skip(f"{where}.{name}", why_no_number(value))
        elif len(path) > 1 or not _is_error(name, measured):
            yield MetricValue(
                name=name or "value",
                value=found,
                better=_better(better.get(name.partition(",")[0])),
                n=count_of(counts.get(name)) or size or n,
                stderr=number(measured.get(_error_of(name))) if len(path) == 1 else None,
                group=group,
            )


def _measured(entry: Json) -> Mapping[str, Json]:
    """An entry without labels and counts; groups without a metric hold a blank under a blank."""
    if not isinstance(entry, Mapping):
        return {} if entry is None else {"": entry}
    return {
        key: value
        for key, value in entry.items()
        if key not in COUNTS and not (isinstance(value, str) and (key in _LABELS or not (key.strip() or value.strip())))
    }


def _error_of(name: str) -> str:
    """Where the standard error of a metric stands."""
    metric, comma, filter_name = name.partition(",")
    return f"{metric}_stderr{comma}{filter_name}"


def _is_error(name: str, measured: Mapping[str, Json]) -> bool:
    """Whether a key is the standard error of a metric beside it that has a value."""
    metric, comma, filter_name = name.partition(",")
    if not metric.endswith("_stderr"):
        return False
    owner = f"{metric.removesuffix('_stderr')}{comma}{filter_name}"
    return number(measured.get(owner)) is not None and not _is_error(owner, measured)


def _better(higher: Json) -> Better:
    if not isinstance(higher, bool):
        return "neither"
    return "higher" if higher else "lower"
