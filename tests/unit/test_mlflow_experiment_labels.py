"""What an experiment says of itself: its tags, its description, and what of it stands on the runs too."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.destinations.mlflow.labels import check_tag_names
from evaltrail.destinations.mlflow.naming import NAME_CHARACTERS, legal_tags
from evaltrail.destinations.mlflow.places import Places
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.port import ExperimentState
from evaltrail.destinations.mlflow.run_plan import NOTE_TAG, ExperimentLabels, RunPlan
from mlflow_bundles import some_bundle, some_task


def plan_one(bundle, **options):
    (plan,) = plan_bundle(bundle, DeliveryOptions(**options), version="0.1.0")
    return plan


class Kept:
    """A gateway whose one experiment keeps its tags, and that counts what it is asked."""

    tracking_uri = "http://host"

    def __init__(self, tags=None):
        self.tags = tags
        self.asked = []

    def experiment(self, name, tags):
        self.asked.append("look")
        is_new = self.tags is None
        self.tags = dict(tags) if is_new else self.tags
        return ExperimentState(id="7", name=name, is_new=is_new, tags=dict(self.tags))

    def tag_experiment(self, experiment_id, name, value):
        assert experiment_id == "7"
        self.asked.append(name)
        self.tags[name] = value


def test_the_experiments_tags_are_on_the_run_too(tmp_path):
    """Seed 001: tags of the experiment stand on it and on each of its runs; empty values are kept."""
    plan = plan_one(some_bundle(tmp_path), experiment_tags={"environment": "testing", "flag": ""})
    assert plan.experiment_labels == ExperimentLabels(tags={"environment": "testing", "flag": ""})
    assert (plan.tags["environment"], plan.tags["flag"]) == ("testing", "")


def test_tags_about_the_run_win_over_the_experiments(tmp_path):
    """What describes this run is true of it; the experiment bears its own value, and the receipt tells both."""
    own = {"model.name": "org/m", "model.server": "vllm", "model.temperature": "0.1", "weighted_score": "0.9"}
    plan = plan_one(some_bundle(tmp_path), tags=own, experiment_tags={"model.name": "llama", "team": "blue"})
    assert own.items() <= plan.tags.items()
    assert plan.tags["team"] == "red"
    assert plan.experiment_labels.tags == {"model.name": "llama", "team": "blue"}
    assert [(item.what, "experiment's alone" in item.why) for item in plan.skipped] == [
        ("tag model.name", True),
        ("tag team", True),
    ]


def test_a_description_is_the_experiments_not_the_runs(tmp_path):
    """Both have one of their own."""
    plan = plan_one(some_bundle(tmp_path), description="of the run", experiment_description="of all")
    assert plan.experiment_labels == ExperimentLabels(description="of all")
    assert plan.tags[NOTE_TAG] == "of the run"


def test_values_that_an_experiment_cannot_keep_are_cut_and_told(tmp_path):
    """MLflow refuses more than 20,000 characters of an experiment's tag, and keeps 8,000 of a run's."""
    plan = plan_one(some_bundle(tmp_path), experiment_tags={"long": "v" * 20_001})
    assert (len(plan.experiment_labels.tags["long"]), len(plan.tags["long"])) == (20_000, 8000)
    assert [item.what for item in plan.skipped] == ["tag long", "experiment tag long"]


def test_secrets_of_the_result_are_hidden_in_the_experiments_tags(tmp_path):
    """A value that the reader met as a secret leaves the machine nowhere."""
    bundle = replace(some_bundle(tmp_path), secrets=frozenset({"hunter22"}))
    plan = plan_one(bundle, experiment_tags={"url": "x?key=hunter22"}, experiment_description="by hunter22")
    assert plan.experiment_labels == ExperimentLabels(tags={"url": "x?key=***"}, description="by ***")


def test_labels_do_not_make_another_delivery(tmp_path):
    """What MLflow can change later is no part of the identity."""
    bundle = some_bundle(tmp_path)
    labelled = plan_one(bundle, experiment_tags={"a": "b"}, experiment_description="d")
    assert labelled.key == plan_one(bundle).key


def test_plans_from_before_there_were_labels_are_still_read(tmp_path):
    """The outbox of an earlier version lands with this one; a new plan survives JSON."""
    plan = plan_one(some_bundle(tmp_path), experiment_tags={"a": "b"}, experiment_description="d")
    assert RunPlan.from_json(plan.to_json()) == plan
    old = json.loads(plan.to_json())
    del old["experiment_labels"]
    assert RunPlan.from_json(msgspec.json.encode(old)).experiment_labels == ExperimentLabels()


@pytest.mark.parametrize("name", ["evaltrail.key", "mlflow.user", "/mlflow.runName", "//evaltrail.id", "job_id"])
def test_reserved_names_are_refused_however_they_are_written(tmp_path, name):
    """Also a name that MLflow would store as a reserved one."""
    with pytest.raises(InputError, match="cannot be set") as refusal:
        check_tag_names([name])
    assert refusal.value.code == "bad_tag"
    with pytest.raises(InputError, match="cannot be set"):
        plan_one(replace(some_bundle(tmp_path), tags={"job_id": "other"}), experiment_tags={name: "mine"})


def test_a_new_experiment_gets_its_labels_in_one_call():
    """It is made with them; a second delivery asks nothing."""
    gateway, places = Kept(), Places()
    labels = ExperimentLabels(tags={"a": "1"}, description="about")
    assert places.experiment(gateway, "e", "", labels).is_new
    assert places.experiment(gateway, "e", "", labels).id == "7"
    assert gateway.tags == {"a": "1", NOTE_TAG: "about"}
    assert gateway.asked == ["look"]


def test_an_experiment_that_is_there_gets_what_differs():
    """Tags of others and a description stay; ours are set where they are missing or say otherwise, and once."""
    gateway, places = Kept({"theirs": "x", "a": "old", "b": "2", NOTE_TAG: "written by hand"}), Places()
    labels = ExperimentLabels(tags={"a": "1", "b": "2", "c": ""}, description="about")
    for _ in range(2):
        places.experiment(gateway, "e", "", labels)
    assert gateway.tags == {"theirs": "x", "a": "1", "b": "2", "c": "", NOTE_TAG: "written by hand"}
    assert gateway.asked == ["look", "a", "c"]
    places.experiment(gateway, "e", "", ExperimentLabels(tags={"a": "3"}))
    assert gateway.asked == ["look", "a", "c", "a"]


def test_settings_bear_their_task_where_that_is_wanted(tmp_path):
    """`params_by_task`: one benchmark has `arc_easy.num_fewshot` as several have."""
    task = replace(some_task("arc_easy"), config={"num_fewshot": 0})
    plan = plan_one(some_bundle(tmp_path, tasks=(task,)), params_by_task=True, params={"temperature": 0.1})
    assert plan.params == {
        "model": "model-a",
        "arc_easy.num_fewshot": "0",
        "arc_easy.dataset.name": "arc_easy.jsonl",
        "arc_easy.dataset.digest": "d" * 32,
        "limit": "5",
        "temperature": "0.1",
    }


def test_legal_tags_stay_and_others_are_told():
    """Each changed name has its sentence; values stay, empty ones too; names that meet are numbered."""
    stored, told = legal_tags({"model.name": "m", "a@b": "1", "a_at_b": "", "cost,$": "x"})
    assert stored == {"model.name": "m", "a_at_b_2": "1", "a_at_b": "", "cost__": "x"}
    assert told == (
        "the tag 'a@b' is stored as 'a_at_b_2': MLflow takes letters, digits, spaces and _ - . : / in names",
        "the tag 'cost,$' is stored as 'cost__': MLflow takes letters, digits, spaces and _ - . : / in names",
    )
    assert legal_tags({}) == ({}, ())


@given(st.dictionaries(st.text(max_size=300), st.text(max_size=5), max_size=6))
def test_legal_tags_are_as_many_as_were_given_and_stay_legal(tags):
    """No tag is lost, every name fits, and what is legal changes no more."""
    stored, told = legal_tags(tags)
    assert sorted(stored.values()) == sorted(tags.values())
    assert all(0 < len(name) <= NAME_CHARACTERS for name in stored)
    assert legal_tags(stored) == (stored, ())
    assert len(told) <= len(tags)
