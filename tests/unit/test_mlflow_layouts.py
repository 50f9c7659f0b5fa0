"""Layouts, files and filters of a delivery: which runs a bundle becomes, and what each of them gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import DeliveryOptions, Skipped
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.points import is_wanted, metric_points
from evaltrail.destinations.mlflow.run_plan import SAMPLES_FILE, TABLE_FILE
from mlflow_bundles import some_bundle, some_task


def plans(bundle, **options):
    return plan_bundle(bundle, DeliveryOptions(**options), version="0.1.0")


def two_tasks(folder):
    tasks = (some_task("one", metric="acc"), some_task("two", metric="acc", status="failed"))
    return replace(some_bundle(folder, tasks=tasks), name="eval-abc", skipped=(Skipped(what="x", why="null"),))


def test_a_run_a_task_has_its_own_name_status_and_metrics(tmp_path):
    """`per_task` makes one run for each task, none of them a child, named `<name>-<task>`."""
    one, two = plans(two_tasks(tmp_path), layout="per_task")
    assert (one.run_name, two.run_name) == ("eval-abc-one", "eval-abc-two")
    assert (one.status, two.status) == ("FINISHED", "FAILED")
    assert (one.parent_key, two.parent_key) == ("", "")
    assert {point.name.partition("/")[0] for point in one.metrics} == {"one"}
    assert one.key != two.key


def test_what_a_reader_left_out_is_told_once(tmp_path):
    """The notes of the bundle stand in the first run's receipt, not in every one's."""
    one, two = plans(two_tasks(tmp_path), layout="per_task")
    assert [item.what for item in (*one.skipped, *two.skipped)].count("x") == 1
    parent, *children = plans(two_tasks(tmp_path), layout="nested")
    assert Skipped(what="x", why="null") in parent.skipped
    assert not any(item.what == "x" for child in children for item in child.skipped)


def test_a_file_of_one_task_goes_to_the_run_of_that_task(tmp_path):
    """With `per_task` shared files go to each run, a task's own only to its."""
    bundle = two_tasks(tmp_path)
    own = replace(bundle.artifacts[0], path="one.json", task="one")
    one, two = plans(replace(bundle, artifacts=(*bundle.artifacts, own)), layout="per_task", table_rows=0)
    assert {item.path for item in one.artifacts} - {item.path for item in two.artifacts} == {"one.json"}
    assert "request.json" in {item.path for item in two.artifacts}


def test_a_bundle_of_one_task_is_one_run_in_every_layout_but_nested(tmp_path):
    """One task needs no run of its own beside the whole."""
    bundle = some_bundle(tmp_path)
    assert [len(plans(bundle, layout=layout)) for layout in ("per_bundle", "per_file", "per_task", "nested")] == [
        1,
        1,
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("roles", "landed"),
    [
        ({"required"}, {"request.json", TABLE_FILE, SAMPLES_FILE}),
        ({"required", "log"}, {"request.json", "logs/run.log", TABLE_FILE, SAMPLES_FILE}),
        (set(), set()),
    ],
)
def test_files_land_by_role_and_none_at_all_when_nothing_is_asked_for(tmp_path, roles, landed):
    """`log_artifacts: false` uploads nothing, not even what is made here."""
    bundle = some_bundle(tmp_path, tasks=(some_task(metric="acc"),))
    (plan,) = plans(bundle, artifact_roles=frozenset(roles))
    assert {item.path for item in plan.artifacts} == landed


@pytest.mark.parametrize("name", [".secrets.env", "prod.env", ".env", "server.pem", "id_rsa", ".netrc", "deploy.key"])
def test_files_that_hold_keys_never_land(tmp_path, name):
    """Whatever the options, such a file is left out, and the receipt says so."""
    bundle = some_bundle(tmp_path)
    file = tmp_path / name
    file.write_text("KEY=1")
    (plan,) = plans(replace(bundle, artifacts=(*bundle.artifacts, Artifact(path=f"conf/{name}", file=file))))
    assert f"conf/{name}" not in {item.path for item in plan.artifacts}
    assert any(item.what == f"artifact conf/{name}" for item in plan.skipped)


def test_excluded_files_stay_behind(tmp_path):
    """Patterns fit the path or the file's name."""
    (plan,) = plans(some_bundle(tmp_path), exclude_patterns=("*.log",))
    assert "logs/run.log" not in {item.path for item in plan.artifacts}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("ACC", {"t/acc,none"}),
        ("pass@1", {"t/pass@1", "t/pass@10"}),
        ("pass_at_1", {"t/pass@1", "t/pass@10"}),
        ("*pass@1", {"t/pass@1"}),
        ("acc_none", {"t/acc,none"}),
        ("nothing", set()),
    ],
)
def test_metrics_are_chosen_by_part_or_glob_whatever_the_case(pattern, names):
    """The raw and the mapped name count alike (the launcher's exporters ignored the filter or broke on case)."""
    known = ("t/acc,none", "t/pass@1", "t/pass@10", "t/F1")
    assert {name for name in known if is_wanted(name, (pattern,))} == names


def test_metrics_that_were_not_asked_for_are_counted():
    """A filter hides nothing silently."""
    task = replace(
        some_task(), usage={}, metrics=(MetricValue(name="first", value=1), MetricValue(name="second", value=2))
    )
    points = metric_points((task,), timestamp_ms=1, only=("FIRST",))
    assert [point.name for point in points.metrics] == ["capitals/first"]
    assert any(item.what == "1 metrics" for item in points.skipped)


def test_a_prefix_of_its_own_replaces_the_tasks_name():
    """A producer whose names already tell tasks apart keeps them."""
    task = replace(some_task(metric="mmlu_score_micro"), prefix="", usage={}, counts=Counts())
    names = {point.name for point in metric_points((task,), timestamp_ms=1).metrics}
    assert "mmlu_score_micro" in names


def test_a_count_that_a_producer_does_not_give_is_not_made_up():
    """`_n_unscored` stands only where somebody counted."""
    metric = MetricValue(name="acc", value=0.5, n=10)
    task = replace(some_task(), prefix="", metrics=(metric,), usage={}, counts=Counts())
    assert {point.name for point in metric_points((task,), timestamp_ms=1).metrics} == {"acc", "acc_n"}


def test_the_identity_follows_content_layout_and_options(tmp_path):
    """Another content, layout, experiment or filter is another delivery of the same source; files and tags are not."""
    bundle = two_tasks(tmp_path)
    (base,) = plans(bundle, layout="per_bundle")
    same = [
        plans(bundle, layout="per_bundle", tags={"a": "b"}),
        plans(bundle, layout="per_bundle", artifact_roles=frozenset()),
    ]
    other = [
        plans(replace(bundle, digest="new"), layout="per_bundle"),
        plans(bundle, layout="per_file"),
        plans(bundle, layout="per_bundle", experiment="e"),
        plans(bundle, layout="per_bundle", log_metrics=("one",)),
        plans(bundle, layout="per_bundle", params={"hardware": "A100"}),
    ]
    assert {found[0].key for found in same} == {base.key}
    assert base.key not in {found[0].key for found in other}


def test_every_run_names_what_is_looked_for_to_find_its_source(tmp_path):
    """An invocation's runs are found by one search, others by the id; what a filter could not compare is left out."""
    bundle = some_bundle(tmp_path)
    assert plans(bundle)[0].family == ("evaltrail.id", bundle.id)
    assert plans(replace(bundle, tags={"invocation_id": "8abcd123"}))[0].family == ("invocation_id", "8abcd123")
    assert plans(replace(bundle, id='it\'s "x"'))[0].family == ("", "")


def test_a_file_with_settings_is_marked_for_redaction(tmp_path):
    """What may hold secrets lands as a copy without them."""
    file = tmp_path / "config.yaml"
    file.write_text("api_key: abc")
    bundle = replace(some_bundle(tmp_path), artifacts=(Artifact(path="c.yaml", file=file, may_hold_secrets=True),))
    (plan,) = plans(bundle)
    assert [item.may_hold_secrets for item in plan.artifacts if item.path == "c.yaml"] == [True]
    assert Path(plan.artifacts[0].file) == file
