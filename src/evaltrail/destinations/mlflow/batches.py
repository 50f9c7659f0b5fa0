"""Batches: metrics, params and tags cut to MLflow's limits of one log-batch request (1000/100/100 items, 1 MB)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from json.encoder import encode_basestring_ascii

from evaltrail.destinations.mlflow.port import Batch
from evaltrail.destinations.mlflow.run_plan import PlannedMetric

_MOST_METRICS = 1000
_MOST_PARAMS = 100
_MOST_TAGS = 100
_MOST_ITEMS = 1000
_MOST_BYTES = 900_000
_BYTES_AROUND_AN_ITEM = 160


def batches(metrics: Sequence[PlannedMetric], params: Mapping[str, str], tags: Mapping[str, str]) -> Iterator[Batch]:
    """The fewest requests that carry everything, params first so that a conflicting one is refused early."""
    waiting_params, waiting_tags, waiting_metrics = list(params.items()), list(tags.items()), list(metrics)
    while waiting_params or waiting_tags or waiting_metrics:
        room = _MOST_BYTES
        taken_params, room = _take(waiting_params, _MOST_PARAMS, room)
        taken_tags, room = _take(waiting_tags, _MOST_TAGS, room)
        items = _MOST_ITEMS - len(taken_params) - len(taken_tags)
        sizes = (_size(point.name, "") for point in waiting_metrics)
        fits = _fitting(sizes, min(_MOST_METRICS, items), room)
        yield Batch(metrics=waiting_metrics[:fits], params=taken_params, tags=taken_tags)
        del waiting_metrics[:fits]


def _take(waiting: list[tuple[str, str]], most: int, room: int) -> tuple[list[tuple[str, str]], int]:
    """The first pairs that fit, taken off the waiting list, and the bytes left."""
    fits = _fitting((_size(*pair) for pair in waiting), most, room)
    taken = waiting[:fits]
    del waiting[:fits]
    return taken, room - sum(_size(*pair) for pair in taken)


def _fitting(sizes: Iterator[int], most: int, room: int) -> int:
    count = 0
    for size in islice(sizes, most):
        room -= size
        if room < 0:
            break
        count += 1
    return count


def _size(name: str, value: str) -> int:
    """Bytes of an item at most: the stock client escapes everything beyond ASCII."""
    return len(encode_basestring_ascii(name)) + len(encode_basestring_ascii(value)) + _BYTES_AROUND_AN_ITEM
