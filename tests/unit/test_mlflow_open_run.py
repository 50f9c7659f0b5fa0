"""Landing in a run that goes on: the plan."""

from __future__ import annotations

from dataclasses import replace

from evaltrail.core.delivery import DeliveryOptions, Skipped
from evaltrail.destinations.mlflow.open_run import beside_others, in_part
from evaltrail.destinations.mlflow.run_plan import PlannedArtifact, PlannedMetric, RunPlan

PLAN = RunPlan(
    key="k",
    run_id="r",
    run_name="n",
    started_ms=1,
    ended_ms=2,
    status="FAILED",
    tags={"evaltrail.key": "k", "evaltrail.model": "m", "mlflow.note.content": "note", "team": "blue"},
    params={"model": "m", "seed": "1"},
    metrics=(PlannedMetric(name="bleu", value=0.5, timestamp_ms=2), PlannedMetric(name="n", value=1, timestamp_ms=2)),
    artifacts=(PlannedArtifact(path="samples.parquet", file="/s"),),
)


def test_the_first_result_keeps_its_names():
    """No part: everything as in a run of its own, but the status is not ours."""
    plan = beside_others(PLAN, DeliveryOptions(run_id="r", stays_open=True))
    assert plan == replace(PLAN, stays_open=True)
    assert in_part(plan, "") == plan


def test_what_the_run_says_otherwise_is_left_out_and_told():
    """A param of another value, a metric of the same name; a param of the same value stays."""
    options = DeliveryOptions(taken_params={"model": "mine", "seed": "1", "x": "y"}, taken_metrics=frozenset({"n"}))
    plan = beside_others(PLAN, options)
    assert (plan.params, [point.name for point in plan.metrics]) == ({"seed": "1"}, ["bleu"])
    assert plan.skipped == (
        Skipped(what="param model", why="the run says 'mine', not 'm'"),
        Skipped(what="metric n", why="the run has a metric of this name already"),
    )


def test_a_part_has_its_name_at_everything_but_the_metrics():
    """Params before, our tags behind, files in a folder; MLflow's own tags stay the first result's."""
    plan = in_part(beside_others(PLAN, DeliveryOptions(part="two", taken_params={"model": "mine"})), "two")
    assert plan.params == {"two.model": "m", "two.seed": "1"}
    assert plan.tags == {"evaltrail.key.two": "k", "evaltrail.model.two": "m", "team": "blue"}
    assert plan.key_tag == "evaltrail.key.two"
    assert [item.path for item in plan.artifacts] == ["two/samples.parquet"]
    assert plan.metrics == PLAN.metrics
