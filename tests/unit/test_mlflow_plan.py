from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.artifact import Artifact
from evaltrail.core.dataset import Dataset
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import TaskResult
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.points import metric_points
from evaltrail.destinations.mlflow.run_plan import NAME_MAP_FILE, TABLE_FILE, RunPlan
from mlflow_bundles import ENDED, STARTED, some_bundle, some_task


def plan_one(bundle, **options):
    (plan,) = plan_bundle(bundle, DeliveryOptions(**options), version="0.1.0", user="ann")
    return plan


def values(tasks):
    return {point.name: point.value for point in metric_points(tasks, timestamp_ms=1).metrics}


def test_a_metric_lands_with_its_error_interval_and_counts(tmp_path):
    """`<task>/<metric>` with `_stderr`, `_ci_low`, `_ci_high`, `_n`, `_n_unscored` beside it, and the usage."""
    plan = plan_one(some_bundle(tmp_path))
    assert {point.name: point.value for point in plan.metrics} == {
        "capitals/pass_at_1": 0.5,
        "capitals/pass_at_1_stderr": 0.25,
        "capitals/pass_at_1_ci_low": 0.1,
        "capitals/pass_at_1_ci_high": 0.9,
        "capitals/pass_at_1_n": 4,
        "capitals/pass_at_1_n_unscored": 1,
        "capitals/runtime_seconds": 1.5,
    }
    assert {point.timestamp_ms for point in plan.metrics} == {int(ENDED.timestamp() * 1000)}


def test_a_run_has_the_true_times_the_status_and_our_tags(tmp_path):
    """Identity, version, source, model, task and provider are tags; the terminal status follows the result."""
    plan = plan_one(some_bundle(tmp_path), tags={"owner": "ann"}, description="Two\nlines")
    assert (plan.started_ms, plan.ended_ms) == (int(STARTED.timestamp() * 1000), int(ENDED.timestamp() * 1000))
    assert plan.status == "FINISHED"
    assert plan.user == "ann"
    assert plan.experiment == "evaltrail"
    expected = {
        "evaltrail.key": plan.key,
        "evaltrail.version": "0.1.0",
        "evaltrail.source": "evaltrail 0.1.0",
        "evaltrail.model": "model-a",
        "evaltrail.task": "capitals",
        "evaltrail.provider": "native",
        "mlflow.note.content": "Two\nlines",
        "team": "red",
        "owner": "ann",
    }
    assert expected.items() <= plan.tags.items()


@pytest.mark.parametrize(
    ("status", "word"),
    [("completed", "FINISHED"), ("partially_failed", "FAILED"), ("failed", "FAILED"), ("cancelled", "KILLED")],
)
def test_the_terminal_status_is_how_the_result_ended(tmp_path, status, word):
    """A failed evaluation never looks finished."""
    assert plan_one(some_bundle(tmp_path, status=status)).status == word


def test_settings_bear_their_task_only_when_there_are_several(tmp_path):
    """One task: plain names; two: `<task>.` before each setting; None is not a value."""
    one = plan_one(some_bundle(tmp_path), params={"note": "x"})
    assert one.params == {
        "model": "model-a",
        "generation.temperature": "0",
        "dataset.name": "capitals.jsonl",
        "dataset.digest": "d" * 32,
        "limit": "5",
        "note": "x",
    }
    two = plan_one(some_bundle(tmp_path, tasks=(some_task("a"), some_task("b"))))
    assert {"a.generation.temperature", "b.generation.temperature", "a.dataset.name", "model"} <= set(two.params)


def test_a_param_never_replaces_what_the_evaluation_says(tmp_path):
    """A user's param with the name of one of ours is left out, and the plan says so."""
    plan = plan_one(some_bundle(tmp_path), params={"model": "another"})
    assert plan.params["model"] == "model-a"
    assert [item.what for item in plan.skipped] == ["param model"]


@pytest.mark.parametrize("name", ["evaltrail.key", "evaltrail.mine", "mlflow.runName", "mlflow.parentRunId", "job_id"])
def test_a_users_tag_cannot_take_the_place_of_an_identity(tmp_path, name):
    """Tags of ours, MLflow's own and those that a result is found by are refused as the user's."""
    with pytest.raises(InputError, match=name):
        plan_one(replace(some_bundle(tmp_path), tags={"job_id": "8abcd123.0"}), tags={name: "mine"})


def test_a_name_that_got_a_number_is_in_the_map_too():
    """The map is read backwards: what stands under a numbered name says whose second value it is."""
    metrics = (MetricValue(name="f@1", value=0.25), MetricValue(name="f@1", value=0.5))
    points = metric_points((TaskResult(name="t", provider="p", metrics=metrics),), timestamp_ms=1)
    assert {point.name: point.value for point in points.metrics} == {"t/f_at_1": 0.25, "t/f_at_1_2": 0.5}
    assert points.renamed == {"t/f_at_1": "t/f@1", "t/f_at_1_2": "t/f@1"}


def test_a_users_tag_does_not_replace_what_the_result_says(tmp_path):
    """What only describes stays as it is true, and the plan says what was left out."""
    plan = plan_one(some_bundle(tmp_path), tags={"team": "blue", "owner": "ann"})
    assert (plan.tags["team"], plan.tags["owner"]) == ("red", "ann")
    assert [item.what for item in plan.skipped] == ["tag team"]


def test_values_that_mlflow_would_cut_are_cut_by_us_and_said(tmp_path):
    """6000 characters of a param and 8000 of a tag are kept; the receipt will name the rest."""
    plan = plan_one(some_bundle(tmp_path), params={"long": "p" * 6001}, tags={"long": "t" * 8001})
    assert len(plan.params["long"]) == 6000
    assert len(plan.tags["long"]) == 8000
    assert sorted(item.what for item in plan.skipped) == ["param long", "tag long"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, 10**400])
def test_a_value_that_is_no_number_is_listed_never_sent(value):
    """MLflow would keep NaN and turn infinity into 1.8e308; we send neither and say why."""
    task = TaskResult(name="t", provider="p", metrics=(MetricValue(name="m", value=value, n=0),))
    points = metric_points((task,), timestamp_ms=1)
    assert {point.name for point in points.metrics} == {"t/m_n"}
    assert [item.what for item in points.skipped] == ["metric t/m"]


def test_metrics_that_fall_together_are_kept_apart():
    """Same name and value: one point. Same name, other value: a numbered name. Other step: the same metric."""
    metrics = (
        MetricValue(name="acc", value=0.5),
        MetricValue(name="acc", value=0.5),
        MetricValue(name="acc", value=0.75),
        MetricValue(name="acc", value=0.25, step=5),
        MetricValue(name="acc_stderr", value=0.1),
        MetricValue(name="f1", value=1.0, stderr=0.2),
        MetricValue(name="f1_stderr", value=0.3),
    )
    points = metric_points((TaskResult(name="t", provider="p", metrics=metrics),), timestamp_ms=1).metrics
    assert [(point.name, point.step, point.value) for point in points] == [
        ("t/acc", 0, 0.5),
        ("t/acc_2", 0, 0.75),
        ("t/acc", 5, 0.25),
        ("t/acc_stderr", 0, 0.1),
        ("t/f1", 0, 1.0),
        ("t/f1_stderr", 0, 0.2),
        ("t/f1_stderr_2", 0, 0.3),
    ]


def test_groups_stand_between_task_and_metric_and_a_nameless_task_adds_no_prefix():
    """A foreign result's groups tell its metrics apart; a launcher's names stay as they are."""
    grouped = TaskResult(name="t", provider="p", metrics=(MetricValue(name="acc", value=1.0, group=("stem", "math")),))
    plain = TaskResult(name="", provider="p", metrics=(MetricValue(name="mmlu_score_macro", value=1.0),))
    assert values((grouped, plain)) == {"t/stem/math/acc": 1.0, "mmlu_score_macro": 1.0}


def test_the_name_map_is_planned_only_when_a_name_changed(tmp_path):
    """`name_map.json` is there exactly when there is something to look up."""
    changed = plan_one(some_bundle(tmp_path))
    unchanged = plan_one(some_bundle(tmp_path, tasks=(some_task(metric="acc"),)))
    assert NAME_MAP_FILE in {item.path for item in changed.artifacts}
    assert changed.names.metrics["capitals/pass_at_1"] == "capitals/pass@1"
    assert NAME_MAP_FILE not in {item.path for item in unchanged.artifacts}


def test_artifacts_whose_names_mlflow_mangles_are_renamed_with_a_note(tmp_path):
    """`a#b.txt` and `a?.txt` would both land as `a`; ours keep apart and the map names them."""
    bundle = some_bundle(tmp_path)
    odd = tuple(Artifact(path=path, file=tmp_path / "request.json") for path in ("a#b.txt", "a?b.txt"))
    plan = plan_one(replace(bundle, artifacts=odd))
    assert [item.path for item in plan.artifacts][:2] == ["a_b.txt", "a_b_2.txt"]
    assert plan.names.artifacts == {"a_b.txt": "a#b.txt", "a_b_2.txt": "a?b.txt"}


def test_the_table_is_announced_to_mlflows_ui(tmp_path):
    """The tag that makes the UI show the table stands beside the planned file; without samples there is neither."""
    plan = plan_one(some_bundle(tmp_path))
    assert json.loads(plan.tags["mlflow.loggedArtifacts"]) == [{"path": TABLE_FILE, "type": "table"}]
    bare = plan_one(some_bundle(tmp_path, tasks=(replace(some_task(), samples=None),)))
    assert "mlflow.loggedArtifacts" not in bare.tags
    assert TABLE_FILE not in {item.path for item in bare.artifacts}
    assert TABLE_FILE not in {item.path for item in plan_one(some_bundle(tmp_path), table_rows=0).artifacts}


@pytest.mark.parametrize(
    ("source", "source_type", "fields"),
    [
        ("hf://org/name?split=test", "hugging_face", {"path": "org/name", "split": "test"}),
        ("https://host/data.csv", "http", {"url": "https://host/data.csv"}),
        ("capitals.jsonl", "local", {"uri": "capitals.jsonl"}),
    ],
)
def test_lineage_speaks_mlflows_words_for_sources(tmp_path, source, source_type, fields):
    """A dataset input can be read back by `mlflow.data.get_source`."""
    task = replace(some_task(), dataset=Dataset(name="d", digest="0" * 32, source=source, size=3))
    (dataset,) = plan_one(some_bundle(tmp_path, tasks=(task,))).datasets
    assert dataset.source_type == source_type
    assert json.loads(dataset.source) == fields
    assert json.loads(dataset.profile) == {"num_rows": 3}


def test_nested_adds_one_child_run_for_each_task(tmp_path):
    """The parent is the same run as without nesting; a child has its task's metrics, status and datasets."""
    bundle = some_bundle(tmp_path, tasks=(some_task("a"), some_task("b", status="failed")), status="partially_failed")
    parent, first, second = plan_bundle(bundle, DeliveryOptions(layout="nested"), version="0.1.0")
    assert parent.metrics == plan_one(bundle).metrics
    assert [plan.parent_key for plan in (first, second)] == [parent.key, parent.key]
    assert [(plan.task, plan.status) for plan in (first, second)] == [("a", "FINISHED"), ("b", "FAILED")]
    assert {point.name.partition("/")[0] for point in second.metrics} == {"b"}
    assert len({plan.key for plan in (parent, first, second)}) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"experiment": "other"},
        {"experiment_id": "7"},
        {"params": {"a": 1}},
        {"run_id": "abc"},
        {"parent_run_id": "abc"},
        {"layout": "nested"},
    ],
)
def test_what_mlflow_cannot_change_later_makes_another_delivery(tmp_path, options):
    """Source, place, layout and params are the identity; tags, names and descriptions are not."""
    bundle = some_bundle(tmp_path)
    known = plan_one(bundle).key
    assert plan_bundle(bundle, DeliveryOptions(**options), version="0.1.0")[0].key != known
    assert plan_one(bundle, tags={"a": "b"}, run_name="r", description="d").key == known
    assert plan_one(replace(bundle, id="other")).key != known


@given(
    model=st.text(max_size=20),
    names=st.lists(st.text(max_size=20), max_size=5),
    number=st.floats() | st.none(),
    tags=st.dictionaries(st.text(max_size=10).map(lambda name: f"x{name}"), st.text(max_size=10), max_size=3),
)
def test_a_plan_is_the_same_every_time_and_survives_json(tmp_path_factory, model, names, number, tags):
    """Planning is pure: same bundle, same plan; the outbox gets back exactly what was planned."""
    bundle = some_bundle(tmp_path_factory.getbasetemp() / "bundle")
    metrics = tuple(MetricValue(name=name, value=number) for name in names)
    odd = replace(bundle, model=model, tags=tags, tasks=(replace(bundle.tasks[0], metrics=metrics),))
    plan = plan_one(odd)
    assert plan == plan_one(odd)
    assert RunPlan.from_json(plan.to_json()) == plan
