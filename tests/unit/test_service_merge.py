"""Several results as one: no value hides another's, what is shared stands once, the worst status counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import Skipped
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.core.source import Source
from evaltrail.destinations.mlflow.points import metric_points
from evaltrail.service.gathering.merge import Label, labels_of, merge
from mlflow_bundles import ENDED, STARTED


def task(name="acc_task", *, prefix=None, config=None, **metrics):
    values = tuple(MetricValue(name=metric, value=value) for metric, value in metrics.items())
    return TaskResult(name=name, provider="p", prefix=prefix, config=config or {}, metrics=values)


def bundle(identity="one", *tasks, **fields):
    given = {"origin": Origin(producer="p"), "started_at": STARTED, "ended_at": ENDED, **fields}
    return ResultBundle(id=identity, tasks=tasks or (task(f1=0.5),), **given)


def merged(*bundles, group="", name="all", labels=None, is_split=False):
    told = labels or [Label(text=f"r{place}", folder=f"r{place}") for place, _ in enumerate(bundles)]
    return merge(bundles, told, group=group, name=name, is_split=is_split)


def points(whole):
    return {(point.name, point.step): point.value for point in metric_points(whole.tasks, timestamp_ms=1).metrics}


def source(path, *, is_folder=False):
    return Source(path=Path(path), root=Path("/"), is_folder=is_folder)


@pytest.mark.parametrize(
    ("paths", "texts", "folders"),
    [
        (["/d/a.json", "/d/b.json"], ["a", "b"], ["", ""]),
        (["/d/x/r.json", "/d/y/r.json"], ["x/r", "y/r"], ["x", "y"]),
        (["/d/a.json", "/d/a.csv"], ["a.json", "a.csv"], ["", ""]),
        (["/d/a.json"], ["a"], [""]),
    ],
)
def test_files_are_told_apart_by_their_paths(paths, texts, folders):
    """Relative to what they share, without the extension where that is clear; files go to their own folders."""
    labels = labels_of([source(path) for path in paths])
    assert [label.text for label in labels] == texts
    assert [label.folder for label in labels] == folders


def test_folders_are_told_apart_by_their_whole_names():
    """`mmlu.0` has no extension, and its files go below it."""
    labels = labels_of([source("/d/mmlu.0", is_folder=True), source("/d/mmlu.1", is_folder=True)])
    assert [(label.text, label.folder) for label in labels] == [("mmlu.0", "mmlu.0"), ("mmlu.1", "mmlu.1")]


def test_names_that_meet_bear_their_label_and_others_stay():
    """Only the tasks that share a metric's name are told apart."""
    whole = merged(bundle("a", task("t", f1=0.1)), bundle("b", task("t", f1=0.2)), bundle("c", task("u", f1=0.3)))
    assert points(whole) == {("r0/t/f1", 0): 0.1, ("r1/t/f1", 0): 0.2, ("u/f1", 0): 0.3}
    assert [each.name for each in whole.tasks] == ["r0/t", "r1/t", "u"]


def test_a_label_that_begins_with_the_task_says_enough():
    """`mmlu.0/acc`, not `mmlu.0/mmlu/acc`; but not where a result has several tasks that begin alike."""
    labels = [Label(text=f"mmlu_pro.{place}", folder="") for place in range(2)]
    one = merged(bundle("a", task("mmlu_pro", acc=1)), bundle("b", task("mmlu_pro", acc=2)), labels=labels)
    assert set(points(one)) == {("mmlu_pro.0/acc", 0), ("mmlu_pro.1/acc", 0)}
    pair = (task("mmlu", acc=1), task("mmlu_pro", acc=2))
    two = merged(bundle("a", *pair), bundle("b", *pair), labels=labels)
    assert set(points(two).values()) == {1.0, 2.0}
    assert len(points(two)) == len({each.name for each in two.tasks}) == 4


_values = st.dictionaries(st.sampled_from(["acc", "f1", "em"]), st.integers(0, 5).map(float), max_size=3)
_tasks = st.lists(
    st.tuples(st.sampled_from(["a", "r", "r1", "mmlu"]), st.sampled_from([None, ""]), _values),
    min_size=1,
    max_size=3,
    unique_by=lambda item: item[0],
)


@settings(max_examples=80, deadline=None)
@given(st.lists(_tasks, min_size=2, max_size=4))
@example([[("r", None, {}), ("r1", None, {"em": 0.0})], [("r", None, {"em": 0.0})]])
@example([[("r1/a", None, {"em": 0.0}), ("a", None, {"em": 0.0})], [("a", None, {"em": 0.0}), ("b", None, {})]])
@example([[("r1", "", {"em": 0.0})], [("r1", None, {"em": 0.0}), ("mmlu", None, {})]])
def test_no_value_is_lost_or_numbered_away(results):
    """Every value of every result is a point of its own: as many in the whole as in all of them."""

    def made(name, prefix, values):
        own = {f"{name}_{metric}": value for metric, value in values.items()} if prefix == "" else values
        return task(name, prefix=prefix, **own)

    bundles = [bundle(str(number), *(made(*each) for each in tasks)) for number, tasks in enumerate(results)]
    alone = Counter(value for each in bundles for value in points(each).values())
    whole = points(merged(*bundles))
    assert Counter(whole.values()) == alone


def test_a_label_never_makes_the_name_of_another_task():
    """Neither `mmlu.1`, the only `mmlu` of a result, nor what stands below it may be what another one is called."""
    labels = [Label(text=text, folder="") for text in ("x", "x/r", "y")]
    ours = task("r", em=1.0), task("q", em=2.0)
    whole = merged(bundle("a", *ours), bundle("b", task("r", em=3.0)), bundle("c", task("x/r", em=4.0)), labels=labels)
    assert points(whole) == {("x/r_2/em", 0): 1.0, ("q/em", 0): 2.0, ("x/r/r/em", 0): 3.0, ("x/r/em", 0): 4.0}
    assert len({each.name for each in whole.tasks}) == 4


def test_shared_settings_stand_once_and_others_bear_their_label():
    """The same value everywhere is one param; another one, or one that is missing somewhere, is its result's."""
    params = [{"model": "m", "shots": 5}, {"model": "m", "shots": 0, "extra": True}]
    whole = merged(*(bundle(str(number), params=each) for number, each in enumerate(params)))
    assert whole.params == {"model": "m", "r0.shots": 5, "r1.shots": 0, "r1.extra": True}
    assert whole.skipped == ()


def test_too_many_settings_stand_together_and_the_receipt_says_so():
    """More than one request takes: the values of one name are one param, in the order of the results."""
    results = [
        bundle(str(number), task("t", config={f"c{place}": number for place in range(40)}), params={"seed": number})
        for number in range(4)
    ]
    whole = merged(*results)
    assert len(whole.params) <= 100
    assert (whole.params["seed"], whole.params["c39"]) == ("0,1,2,3", "0,1,2,3")
    assert [item.what for item in whole.skipped] == ["settings that differ between the results"]
    assert not any(each.config for each in whole.tasks)


def test_files_keep_their_folders_and_no_two_share_a_path(tmp_path):
    """A file that two results share lands once."""
    shared = Artifact(path="config.yaml", file=tmp_path / "config.yaml", task="t")
    other = Artifact(path="results.json", file=tmp_path / "b.json")
    labels = [Label(text="a", folder=""), Label(text="b", folder=""), Label(text="c", folder="c")]
    whole = merged(
        bundle("a", artifacts=(shared,)),
        bundle("b", artifacts=(shared, other)),
        bundle("c", artifacts=(other,)),
        labels=labels,
    )
    assert [item.path for item in whole.artifacts] == ["config.yaml", "results.json", "c/results.json"]
    assert {item.task for item in whole.artifacts} == {""}


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["completed", "completed"], "completed"),
        (["completed", "failed"], "partially_failed"),
        (["failed", "failed"], "failed"),
        (["completed", "cancelled"], "cancelled"),
        (["failed", "cancelled"], "partially_failed"),
    ],
)
def test_the_whole_is_as_well_as_its_parts(statuses, status):
    """One failed part makes the whole a failure; only cancelled ones make it cancelled."""
    whole = merged(*(bundle(str(number), status=each) for number, each in enumerate(statuses)))
    assert whole.status == status


def test_times_models_tags_and_secrets_are_those_of_all():
    """From the first beginning to the last end; what differs stands together; notes say whose they are."""
    later = {"started_at": STARTED + timedelta(hours=1), "ended_at": ENDED + timedelta(hours=1)}
    first = bundle("a", model="m", tags={"h": "x", "k": "1"}, secrets=frozenset({"s1"}))
    second = bundle("b", model="n", tags={"h": "x", "k": "2"}, secrets=frozenset({"s2"}), **later)
    note = Skipped(what="acc", why="it is null")
    whole = merged(first, replace(second, skipped=(note,)))
    assert (whole.started_at, whole.ended_at) == (STARTED, ENDED + timedelta(hours=1))
    assert (whole.model, whole.tags) == ("m,n", {"h": "x", "k": "1,2"})
    assert whole.secrets == {"s1", "s2"}
    assert whole.skipped == (Skipped(what="r1: acc", why="it is null"),)


def test_the_identity_is_that_of_the_content_or_the_producers_own():
    """The same results in any order are the same; an invocation keeps its id, and its digest tells its content."""
    a, b = bundle("a"), bundle("b")
    assert merged(a, b).id == merged(b, a).id != merged(a, a).id
    launched = [replace(each, origin=Origin(producer="p", invocation="inv")) for each in (a, b)]
    whole = merged(*launched, group="inv")
    changed = merged(replace(launched[0], digest="new"), launched[1], group="inv")
    assert (whole.id, changed.id) == ("inv", "inv")
    assert whole.digest != changed.digest


def test_where_tasks_become_runs_what_differs_stands_with_them():
    """Settings, model and tags that all share stay above; the invocation's tag is never lost; no label is needed."""
    first = bundle(
        "a", task("t", config={"shots": 5}), model="m", params={"n": 1, "job": 0}, tags={"invocation_id": "i", "k": "1"}
    )
    second = bundle("b", task("u", config={"shots": 0}), model="o", params={"n": 1, "job": 1}, tags={"k": "2"})
    third = bundle("c", task("v"), task("w", config={"job": 9}), params={"n": 1, "job": 2})
    whole = merged(first, second, third, is_split=True)
    assert {each.name: each.config for each in whole.tasks} == {
        "t": {"invocation_id": "i", "k": "1", "model": "m", "job": 0, "shots": 5},
        "u": {"k": "2", "model": "o", "job": 1, "shots": 0},
        "v": {"job": 2},
        "w": {"job": 9},
    }
    assert (whole.params, whole.model, whole.tags) == ({"n": 1}, "", {"invocation_id": "i"})
    same = merged(replace(first, id="d"), first, is_split=True)
    assert (same.params, same.model, same.tags) == (first.params, "m", first.tags)
    assert [each.config for each in same.tasks] == [{"shots": 5}, {"shots": 5}]


def test_a_result_without_tasks_keeps_its_settings_though_tasks_become_runs():
    """Nobody else would tell them: they bear its label."""
    empty = replace(bundle("b", params={"seed": 2}), tasks=())
    whole = merged(bundle("a", params={"seed": 1}), empty, is_split=True)
    assert (whole.params, whole.tasks[0].config) == ({"r1.seed": 2}, {"seed": 1})


def test_where_tasks_become_runs_files_stay_with_their_only_task(tmp_path):
    """Under the name that the task has now; those of several tasks, or of several results, are shared."""
    own, theirs, both = (Artifact(path=name, file=tmp_path / name, task="t") for name in ("own", "theirs", "both"))
    pair = (task("t", f1=1), task("x", f1=1))
    labels = [Label(text=text, folder="") for text in "abc"]
    whole = merged(
        bundle("a", task("t", f1=1), artifacts=(replace(own, task=""), both)),
        bundle("b", task("u", f1=1), artifacts=(both,)),
        bundle("c", *pair, artifacts=(theirs, replace(own, path="any", task=""))),
        labels=labels,
        is_split=True,
    )
    assert {item.path: item.task for item in whole.artifacts} == {"own": "a/t", "both": "", "theirs": "c/t", "any": ""}
