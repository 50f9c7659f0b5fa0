"""Bundles of NeMo Evaluator's own engine, and our own bundle folders."""

from __future__ import annotations

import json
import re
import shutil
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.readers.nemo_bundle.reader import NemoBundleReader
from evaltrail.readers.nemo_bundle.rows import NemoRows
from evaltrail.readers.own_bundle import OwnBundleReader
from foreign_results import (
    EXAMPLES,
    NESTED,
    SCALARS,
    broken,
    expect_every_number,
    expect_readable_or_input_error,
    expect_storable,
    metrics_of,
    source_of,
    write_json,
    write_rows,
)

NEMO = NemoBundleReader()
OWN = OwnBundleReader()
EXAMPLE = next((EXAMPLES / "nemo-bundle").glob("eval-*.json"))
OURS = EXAMPLES / "own-bundle"
NAME = "eval-20260102T030405Z-sums.json"
VALUES = st.fixed_dictionaries(
    {"value": SCALARS}, optional=dict.fromkeys(("ci_lower", "ci_upper", "n", "correct", "mean_reward"), SCALARS)
)
SCORES = st.dictionaries(
    st.sampled_from(["pass@1", "summary", "runtime", "breakdowns", "scorer:x", "group", "value"]),
    VALUES
    | NESTED
    | st.lists(st.fixed_dictionaries({"group": st.sampled_from("ab"), "n": SCALARS, "mean_reward": SCALARS})),
    max_size=4,
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "benchmark": st.fixed_dictionaries(
            {"name": SCALARS, "scores": SCORES}, optional={"categories": SCORES, "samples": NESTED}
        )
    },
    optional=dict.fromkeys(("config", "run_id", "timestamp", "n_results", "sdk_version"), NESTED),
)
ROWS = st.dictionaries(
    st.sampled_from(["problem_idx", "repeat", "reward", "scorer_rewards", "model_response", "extracted_answer"])
    | st.sampled_from(["expected_answer", "scoring_details", "metadata", "tokens", "latency_ms", "prompt"]),
    NESTED,
    max_size=12,
)


def write_bundle(folder, scores, name=NAME, **parts):
    benchmark = {"name": "sums", "samples": 4, "repeats": 2, "scores": scores}
    return write_json(
        folder / name, {"run_id": name.removesuffix(".json"), "config": {}, "benchmark": benchmark, **parts}
    )


def read(folder, scores, **parts):
    bundle = NEMO.read(source_of(write_bundle(folder, scores, **parts)))
    return bundle, bundle.tasks[0]


def rows_of(folder, rows):
    return list(NemoRows(write_rows(folder / "results.jsonl", rows)))


def copied(folder):
    shutil.copytree(OURS, folder / "bundle")
    return folder / "bundle"


def test_a_bundle_is_read_with_metrics_intervals_usage_and_rows():
    """The example: shares with their intervals, breakdowns, figures of the engine, one sample a repeat."""
    bundle = NEMO.read(source_of(EXAMPLE))
    (task,) = bundle.tasks
    found = metrics_of(task)
    first = found["pass@1"]
    assert (first.value, first.ci_low, first.ci_high, first.ci_method) == (0.625, 0.25, 1.0, "bootstrap")
    assert (found["summary/std"].value, found["scorer:contains/correct"].value) == (0.517549, 5)
    assert found["breakdowns/category/hard/mean_reward"].n == found["categories/hard/mean_reward"].n == 4
    assert task.usage["runtime_seconds"] == task.usage["runtime/elapsed_seconds"] == 2.5
    assert (task.usage["tokens_in"], task.usage["runtime/latency_percentiles_ms/p90"]) == (160, 210)
    assert (task.name, task.counts.total, task.config["repeats"]) == ("small_sums", 8, 2)
    assert (bundle.model, bundle.origin.version, bundle.params["config.temperature"]) == (
        "example-org/tiny-1b",
        "0.3.0",
        0.6,
    )
    assert bundle.tags["job_id"] == "eval-20260302T104500Z-small_sums"
    assert bundle.ended_at == datetime(2026, 3, 2, 10, 45, 0, 500000, tzinfo=UTC)
    assert (bundle.ended_at - bundle.started_at).total_seconds() == pytest.approx(2.5)
    assert [(item.path, item.role) for item in bundle.artifacts] == [
        (EXAMPLE.name, "required"),
        ("results.jsonl", "samples"),
    ]
    assert bundle.skipped == ()
    assert [(each.id, each.repeat) for each in task.samples][:3] == [("0", 0), ("0", 1), ("1", 0)]
    rewards = [each.scores["reward"].value for each in task.samples]
    assert sum(rewards) / len(rewards) == found["summary/mean"].value


def test_a_row_keeps_every_field(tmp_path):
    """Answer, reference and scores in their places, seconds from milliseconds, the rest as attributes."""
    details = {"method": "exact", "scorer:a": {"correct": True}, "scorer:b": {"reward": 0.5, "correct": False}}
    row = {
        "problem_idx": 3,
        "repeat": 1,
        "reward": 1.0,
        "scorer_rewards": {"scorer:b": 0.5},
        "model_response": "It is 5",
    }
    rest = {
        "extracted_answer": "5",
        "expected_answer": ["5", "five"],
        "latency_ms": 1500,
        "tokens": 7,
        "trajectory": [{}],
    }
    (sample,) = rows_of(tmp_path, [{**row, **rest, "scoring_details": details, "metadata": {"category": "easy"}}])
    assert (sample.id, sample.index, sample.repeat, sample.output) == ("3", 3, 1, "It is 5")
    assert (sample.extracted, sample.reference, sample.usage.latency_s) == ("5", ("5", "five"), 1.5)
    assert {name: score.value for name, score in sample.scores.items()} == {
        "reward": 1.0,
        "scorer:a": True,
        "scorer:b": 0.5,
    }
    assert sample.attributes == {
        "metadata.category": "easy",
        "tokens": 7,
        "trajectory": "[{}]",
        "scoring_details": json.dumps(details),
    }


def test_a_failed_row_says_why(tmp_path):
    """An empty answer with an error is none; other empty answers are answers."""
    failed = {"model_response": "", "scoring_details": {"error_category": "infra_error", "error": "gone"}}
    first, second = rows_of(tmp_path, [failed, {"model_response": "", "reward": None}])
    assert (first.output, first.error, first.detail) == (None, "sample_error", "gone")
    assert (second.output, second.error, second.scores["reward"].reason) == ("", "", "null")


def test_what_is_no_number_is_listed(tmp_path):
    """Null, NaN and texts by their paths; examples of failures are among the rows."""
    failures = {"total": 1, "categories": {"refusal": {"count": 1, "exemplars": [{"problem_idx": 3}]}}}
    scores = {"pass@1": {"value": None}, "a": float("nan"), "b": "n/a", "failures": failures, "runtime": {"x": None}}
    bundle, task = read(tmp_path, scores)
    assert {name: metric.value for name, metric in metrics_of(task).items()} == {
        "failures/total": 1,
        "failures/categories/refusal/count": 1,
    }
    assert {skipped.what for skipped in bundle.skipped} == {
        "scores.pass@1.value",
        "scores.a",
        "scores.b",
        "scores.failures.categories.refusal.exemplars",
        "scores.runtime.x",
    }


def test_groups_of_one_name_are_told_apart_by_their_place(tmp_path):
    """No value of a breakdown hides another's."""
    groups = [
        {"group": "a", "mean_reward": 0.1},
        {"group": "a", "mean_reward": 0.2},
        {"group": "b", "mean_reward": 0.3},
    ]
    _, task = read(tmp_path, {"breakdowns": {"level": groups}})
    assert [metric.value for metric in task.metrics] == [0.1, 0.2, 0.3]
    assert len(metrics_of(task)) == 3


def test_rows_belong_to_the_bundle_that_wrote_them_last(tmp_path):
    """Several bundles in one folder share one file of rows, and each writes it anew."""
    write_rows(tmp_path / "results.jsonl", [{"problem_idx": 0}])
    write_bundle(tmp_path, {"pass@1": 1}, name="eval-20260102T030400Z-first.json")
    _, later = read(tmp_path, {"pass@1": 1})
    earlier = NEMO.read(source_of(tmp_path / "eval-20260102T030400Z-first.json"))
    assert len(list(later.samples)) == 1
    assert earlier.tasks[0].samples is None
    assert [skipped.what for skipped in earlier.skipped] == ["results.jsonl"]


def test_files_beside_a_bundle_come_along(tmp_path):
    """Figures from their own file where the bundle has none; the steps stay; a broken file is told."""
    write_json(tmp_path / "runtime_stats.json", {"elapsed_seconds": 4})
    write_rows(tmp_path / "trajectories.jsonl", [{}])
    bundle, task = read(tmp_path, {"pass@1": 1})
    assert task.usage == {"runtime_seconds": 4, "runtime/elapsed_seconds": 4}
    assert [(item.path, item.role) for item in bundle.artifacts] == [
        (NAME, "required"),
        ("runtime_stats.json", "extra"),
        ("trajectories.jsonl", "samples"),
    ]
    (tmp_path / "runtime_stats.json").write_text("{")
    bundle, task = read(tmp_path, {"pass@1": 1})
    assert (task.usage, bundle.skipped[0].what) == ({}, "runtime_stats.json")


def test_scores_at_the_top_are_read_too(tmp_path):
    """A bundle put together by other means: the benchmark is a name, the scores stand beside it."""
    value = {
        "benchmark": "sums",
        "model": {"id": "org/m"},
        "metrics": {"acc": 0.5},
        "config": {"api_key": "sesame-1234"},
    }
    bundle = NEMO.read(source_of(write_json(tmp_path / "eval-x.json", value)))
    assert (bundle.tasks[0].name, bundle.model, bundle.secrets) == ("sums", "org/m", {"sesame-1234"})
    assert list(metrics_of(bundle.tasks[0])) == ["metrics/acc"]
    assert "sesame" not in str(dict(bundle.params))


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("eval-x.json", {"run_id": "x", "benchmark": {"name": "n"}}, 0.9),
        ("renamed.json", {"benchmark": {"name": "n"}, "sdk_version": "1", "config_hash": ""}, 0.9),
        ("eval-x.json", {"model": "m", "scores": {"acc": 1}}, 0.5),
        ("eval-x.json", {"status": "ok"}, 0),
        ("report.json", {"benchmark": {"name": "n"}}, 0),
        ("report.json", {"inner": {"benchmark": {}, "run_id": "x"}}, 0),
        ("eval-x.csv", {"scores": {"acc": 1}}, 0),
    ],
)
def test_bundles_are_known_by_keys_then_by_name(tmp_path, name, value, least):
    """What the engine always writes is enough; without it the name and scores are needed."""
    evidence = NEMO.sniff(source_of(write_json(tmp_path / name, value)))
    assert (evidence.confidence >= least) if least else evidence is None


def test_rows_and_folders_are_no_heads():
    """Rows belong to their bundle."""
    assert NEMO.sniff(source_of(EXAMPLE.with_name("results.jsonl"))) is None
    assert NEMO.sniff(source_of(EXAMPLE.parent)) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"benchmark": "n"}', '{"benchmark": {"name": "n"', "{" * 5000])
def test_what_is_no_bundle_is_an_input_error(tmp_path, content):
    """The message says where and why."""
    (tmp_path / NAME).write_text(content)
    assert "cannot be read" in broken(NEMO, tmp_path / NAME).message


@settings(max_examples=50, deadline=None)
@given(DOCUMENTS)
def test_any_scores_are_read_without_losing_a_number(tmp_path_factory, document):
    """Whatever stands below the benchmark's scores: a metric, a usage figure, or listed."""
    bundle = NEMO.read(source_of(write_json(tmp_path_factory.mktemp("nemo") / NAME, document)))
    benchmark = document["benchmark"]
    expect_every_number(bundle, {"scores": benchmark["scores"], "categories": benchmark.get("categories")})


@settings(max_examples=50, deadline=None)
@given(st.lists(ROWS, max_size=4))
def test_any_rows_are_samples(tmp_path_factory, rows):
    """Every row is one sample that a table can hold, whatever its fields hold."""
    folder = tmp_path_factory.mktemp("rows")
    samples = rows_of(folder, rows)
    assert len(samples) == len(rows)
    expect_storable(samples, folder)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, EXAMPLE.stat().st_size))
def test_a_file_cut_anywhere_is_read_or_an_input_error(tmp_path_factory, length):
    """A half written file is told, with the reason."""
    file = tmp_path_factory.mktemp("cut") / NAME
    file.write_bytes(EXAMPLE.read_bytes()[:length])
    expect_readable_or_input_error(NEMO, file)


def test_large_rows_stream(tmp_path):
    """The memory used is that of a few rows, however many there are."""
    row = {"problem_idx": 0, "reward": 1, "model_response": "x" * 5000}
    file = write_rows(tmp_path / "results.jsonl", [json.dumps(row)] * 4000)
    assert file.stat().st_size > 20_000_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in NemoRows(file)) == 4000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_our_own_bundle_is_read_as_it_was_written():
    """Its id, metrics, samples and files; nothing in it tells of the machine it was made on."""
    evidence = OWN.sniff(source_of(OURS))
    bundle = OWN.read(source_of(OURS))
    assert evidence.confidence == 1.0
    assert bundle.id == json.loads((OURS / "bundle.json").read_text())["id"]
    assert [metric.name for metric in bundle.tasks[0].metrics] == ["exact_match", "token_f1"]
    assert len(list(bundle.tasks[0].samples)) == bundle.tasks[0].counts.total == 12
    assert {item.role for item in bundle.artifacts} == {"required", "log"}
    for file in OURS.rglob("*.*"):
        assert not re.search(rb"(?:^|[\s\"'=])/\w+/\w", file.read_bytes())


def test_only_a_folder_with_a_manifest_of_ours_is_a_bundle(tmp_path):
    """Another program's bundle.json, a file, and an empty folder are none."""
    assert OWN.sniff(source_of(tmp_path)) is None
    write_json(tmp_path / "bundle.json", {"name": "x", "id": 1})
    assert OWN.sniff(source_of(tmp_path)) is None
    assert OWN.sniff(source_of(OURS / "bundle.json")) is None


def test_a_bundle_of_a_newer_format_or_without_a_file_is_an_input_error(tmp_path):
    """Both are told."""
    folder = copied(tmp_path)
    (folder / "report.md").unlink()
    assert "is not there" in broken(OWN, folder).message
    manifest = json.loads((folder / "bundle.json").read_text())
    write_json(folder / "bundle.json", {**manifest, "schema_version": 99})
    assert broken(OWN, folder).code == "newer_bundle"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, (OURS / "bundle.json").stat().st_size - 1), st.integers(-1, 255))
def test_a_damaged_manifest_is_read_or_an_input_error(tmp_path_factory, place, value):
    """Cut anywhere, or with any byte changed."""
    folder = copied(tmp_path_factory.mktemp("own"))
    content = bytearray((OURS / "bundle.json").read_bytes())
    content[place:] = b"" if value < 0 else bytes([value]) + content[place + 1 :]
    (folder / "bundle.json").write_bytes(content)
    try:
        assert isinstance(OWN.read(source_of(folder)).tasks, tuple)
    except InputError as error:
        assert str(folder) in error.where  # noqa: PT017  either outcome is right, and both are looked at
