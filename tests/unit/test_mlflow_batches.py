from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from evaltrail.destinations.mlflow.batches import batches
from evaltrail.destinations.mlflow.rest_bodies import batch_body
from evaltrail.destinations.mlflow.run_plan import PlannedMetric


def points(count: int) -> list[PlannedMetric]:
    return [PlannedMetric(name=f"m{number}", value=float(number), timestamp_ms=1) for number in range(count)]


@given(
    metrics=st.integers(0, 2500),
    params=st.integers(0, 250),
    tags=st.integers(0, 250),
    length=st.sampled_from([1, 6000]),
    character=st.sampled_from(["a", "é", "\U0001f600"]),
)
def test_batches_carry_everything_once_within_mlflows_limits(metrics, params, tags, length, character):
    """At most 1000 metrics, 100 params, 100 tags, 1000 items and 1 MB a request, even when all is escaped."""
    given_metrics = points(metrics)
    given_params = {f"p{number}": character * length for number in range(params)}
    given_tags = {f"t{number}": "tag" for number in range(tags)}
    made = list(batches(given_metrics, given_params, given_tags))
    for batch in made:
        assert len(batch.metrics) <= 1000
        assert len(batch.params) <= 100
        assert len(batch.tags) <= 100
        assert 1 <= len(batch.metrics) + len(batch.params) + len(batch.tags) <= 1000
        assert len(json.dumps(batch_body("r" * 32, batch), indent=2)) <= 1_000_000
    assert [point for batch in made for point in batch.metrics] == given_metrics
    assert [pair for batch in made for pair in batch.params] == list(given_params.items())
    assert [pair for batch in made for pair in batch.tags] == list(given_tags.items())


def test_an_ordinary_evaluation_is_one_request():
    """60 metrics, 40 params and 20 tags need no second batch."""
    made = list(batches(points(60), {f"p{n}": "v" for n in range(40)}, {f"t{n}": "v" for n in range(20)}))
    assert len(made) == 1
