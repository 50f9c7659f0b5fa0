"""The files of an evaluation's bundle that are its artifacts: results for all, for each benchmark, and further ones."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evaltrail.bundle.read import read_bundle
from evaltrail.bundle.write import write_bundle
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.core.result import Counts, TaskResult
from evaltrail.core.sample import Sample, Usage
from evaltrail.providers.stored import StoredTask
from evaltrail.scoring.exact import ExactMatch
from evaltrail.service.evaluation.elsewhere import Left
from evaltrail.service.evaluation.result_documents import Appraisal
from evaltrail.service.evaluation.summary import Asked, build_bundle
from evaltrail.store.work import claim_work
from mlflow_bundles import some_bundle, some_samples, some_task


class Program:
    """A task that another program ran."""

    provider, provider_version, leaves, repeats, total, dataset = "prog", "1", "", 1, 0, None

    def __init__(self, name):
        self.name = name

    def config(self):
        return {"num_fewshot": 0}


def spent(count, seconds):
    """So many samples that took so long each."""
    usage = Usage(attempts=1, prompt_tokens=5, completion_tokens=0, latency_s=seconds)
    return tuple(Sample(id=f"{number}", index=number, output="x", usage=usage) for number in range(count))


@pytest.fixture
def built(tmp_path):
    """A function that makes a bundle folder of some tasks, and reads it back."""

    def build(tasks, asked, **more):
        request = EvaluationRequest(tasks=tuple(task.name for task in tasks), target=ModelTarget(id="m"))
        with claim_work(tmp_path / "home", "key", 1) as work:
            write_bundle(
                tmp_path / "bundle",
                lambda made: build_bundle(made, work, request, tasks, asked=asked, version="0", **more),
            )
        return read_bundle(tmp_path / "bundle")

    return build


def read(bundle, path):
    (found,) = (item for item in bundle.artifacts if item.path == path)
    return json.loads(found.file.read_text())


def test_results_are_files_for_all_and_for_each_benchmark(built):
    """`results.json` is required, the others come along; what the caller adds is an artifact too."""
    scored = StoredTask(replace(some_task("capitals"), samples=some_samples()), [ExactMatch()])
    tasks = (scored, Program("broken one"))
    asked = {
        "capitals": Asked(samples=some_samples()),
        "broken one": Asked(error=EvaltrailError("no such data")),
    }
    bundle = built(
        tasks,
        asked,
        appraise=lambda found: Appraisal(whole={"verdict": found.status}, tasks={"capitals": {"verdict": "pass"}}),
        extra_files={"request_body.json": b'{"a": 1}', "notes/why.txt": b"because"},
    )
    roles = {item.path: item.role for item in bundle.artifacts}
    assert roles == {
        **dict.fromkeys(("request.json", "results.json", "samples.parquet", "report.md"), "required"),
        **dict.fromkeys(("results/capitals.json", "results/broken-one.json"), "extra"),
        **dict.fromkeys(("request_body.json", "notes/why.txt"), "extra"),
    }
    whole = read(bundle, "results.json")
    assert [task["status"] for task in whole["tasks"]] == ["completed", "failed"]
    assert (whole["verdict"], whole["tasks"][0]["verdict"]) == ({"verdict": "partially_failed"}, {"verdict": "pass"})
    assert read(bundle, "results/capitals.json")["tasks"] == whole["tasks"][:1]
    assert read(bundle, "results/broken-one.json")["tasks"][0]["error"] == "no such data"
    assert read(bundle, "request_body.json") == {"a": 1}


def test_a_group_costs_what_its_tasks_cost(built, tmp_path):
    """Requests, tokens and latencies stand on each task of a group, and all of them on the group itself."""
    (tmp_path / "left").mkdir()
    counts = Counts(total=3, scored=3)
    results = (
        TaskResult(name="all", provider="prog", counts=counts),
        TaskResult(name="slow", provider="prog", counts=counts, samples=spent(1, 2.0)),
        TaskResult(name="fast", provider="prog", counts=counts, samples=spent(2, 0.5)),
    )
    asked = {"all": Asked(seconds=4.0, left=Left(folder=tmp_path / "left", results=results))}
    bundle = built((Program("all"),), asked)
    usage = {task.name: task.usage for task in bundle.tasks}
    assert usage["all"] == {
        "runtime_seconds": 4.0,
        "requests": 3,
        "tokens_in": 15,
        "tokens_out": 0,
        "latency_p50": 0.5,
        "latency_p95": 2.0,
    }
    assert (usage["slow"]["requests"], usage["fast"]["requests"], usage["fast"]["latency_p95"]) == (1, 2, 0.5)
    assert [task["name"] for task in read(bundle, "results/all.json")["tasks"]] == ["all", "slow", "fast"]


def test_a_bundle_without_further_files_has_none(tmp_path):
    """Only what lies in the folder is told; what a bundle says of files elsewhere is not."""
    write_bundle(tmp_path / "b", some_bundle)
    assert [item.path for item in read_bundle(tmp_path / "b").artifacts] == ["request.json"]
