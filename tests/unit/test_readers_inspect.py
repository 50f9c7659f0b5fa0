"""Inspect logs: `.eval` and `.json`, whole, unfinished and damaged, every number and every sample of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.readers.inspect.reader import InspectReader
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
    write_zip,
)

READER = InspectReader()
ZIPPED = next((EXAMPLES / "inspect").glob("*.eval"))
PLAIN = next((EXAMPLES / "inspect").glob("*.json"))
EVAL = {"task": "t", "model": "m", "eval_id": "e1", "dataset": {"name": "d", "samples": 2}, "config": {"epochs": 1}}
NAMES = st.sampled_from(["accuracy", "mean", "stderr", "std", "group/a"])
METRICS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries({"value": NESTED}, optional={"name": NAMES, "params": NESTED, "metadata": NESTED}) | NESTED,
    max_size=4,
)
SCORES = st.fixed_dictionaries(
    {},
    optional={
        **{key: st.sampled_from(["match", "judge"]) for key in ("name", "scorer", "reducer")},
        "metrics": METRICS | SCALARS,
        **dict.fromkeys(("scored_samples", "unscored_samples", "other"), SCALARS),
        "params": NESTED,
        "metadata": NESTED,
    },
)
RESULTS = st.fixed_dictionaries(
    {},
    optional={
        "scores": st.lists(SCORES | SCALARS, max_size=3) | NESTED,
        "scorer": SCORES,
        "metrics": METRICS,
        **dict.fromkeys(("total_samples", "completed_samples", "metadata", "early_stopping"), NESTED),
    },
)
SAMPLES = st.dictionaries(
    st.sampled_from(["id", "epoch", "input", "target", "choices", "output", "scores", "score", "error", "metadata"])
    | st.sampled_from(["model_usage", "messages", "attachments", "limit"]),
    NESTED | st.just({"choices": [{"message": {"content": [{"type": "text", "text": 1}]}}]}),
    max_size=14,
)
DOCUMENTS = st.fixed_dictionaries(
    {"eval": st.fixed_dictionaries({}, optional={**dict.fromkeys(EVAL, NESTED), "tags": NESTED, "packages": NESTED})},
    optional={
        "status": st.sampled_from(["success", "error", "cancelled", "started", "odd"]) | SCALARS,
        "results": RESULTS | SCALARS,
        "stats": st.fixed_dictionaries({}, optional={"model_usage": NESTED, "started_at": SCALARS}) | SCALARS,
        "plan": NESTED,
        "samples": st.lists(SAMPLES | SCALARS, max_size=3) | SCALARS,
        "error": NESTED,
    },
)


def log(**parts) -> dict:
    return {"version": 2, "status": "success", "eval": EVAL, **parts}


def score(name, metrics, **more) -> dict:
    return {"name": name, "scorer": name, "metrics": {key: {"value": value} for key, value in metrics.items()}, **more}


def read(folder, **parts):
    bundle = READER.read(source_of(write_json(folder / "log.json", log(**parts))))
    return bundle, bundle.tasks[0]


def read_sample(folder, **fields):
    _, task = read(folder, samples=[{"id": 1, "epoch": 1, **fields}])
    (sample,) = task.samples
    return sample


def test_an_archive_is_read_with_metrics_usage_and_samples():
    """The example: two scorers, tokens of two models, three samples in their order, the log as the artifact."""
    bundle = READER.read(source_of(ZIPPED))
    (task,) = bundle.tasks
    found = metrics_of(task)
    assert {name: metric.n for name, metric in found.items()} == {
        "match/accuracy": 3,
        "clarity/mean": 2,
        "clarity/std": 2,
    }
    assert found["match/accuracy"].stderr == pytest.approx(0.333333, abs=1e-6)
    assert found["clarity/mean"].unscored == {"unscored": 1}
    assert (task.usage["tokens_in"], task.usage["runtime_seconds"]) == (330, 3)
    assert task.usage["model_usage/openai-api/example/judge/output_tokens"] == 30
    assert (task.name, task.status, task.counts.total, task.counts.scored) == ("rivers", "completed", 3, 3)
    assert (task.dataset.name, task.dataset.source, task.dataset.size) == ("rivers", "rivers.jsonl", 3)
    assert (bundle.id, bundle.model) == ("Ev2alZipLogExample00002", "openai-api/example/tiny-1b")
    assert bundle.digest
    assert bundle.params["model_generate_config.max_tokens"] == 64
    assert bundle.started_at == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    assert [(item.role, item.may_hold_secrets) for item in bundle.artifacts] == [("required", False)]
    assert [(each.id, each.index, each.scores["match"].value) for each in task.samples] == [
        ("1", 0, "C"),
        ("2", 1, "I"),
        ("3", 2, "C"),
    ]
    assert [each.output for each in task.samples] == ["Danube", "Niger", "The Rhine."]


def test_a_json_log_is_read_like_an_archive():
    """Repeats are samples of their own, in the order of the log; its settings can be rid of secrets."""
    bundle = READER.read(source_of(PLAIN))
    (task,) = bundle.tasks
    assert {name: (metric.value, metric.stderr) for name, metric in metrics_of(task).items()} == {
        "includes/accuracy": (0.75, 0.25)
    }
    assert [(each.id, each.index, each.repeat) for each in task.samples] == [
        ("largest-planet", 0, 0),
        ("boiling-point", 1, 0),
        ("largest-planet", 0, 1),
        ("boiling-point", 1, 1),
    ]
    assert bundle.artifacts[0].may_hold_secrets
    assert bundle.params["task_args.closed_book"] is True
    assert [skipped.what for skipped in bundle.skipped] == ["reductions"]


def test_samples_hold_what_was_asked_and_what_came_back():
    """Turns, reference, answer, the judge's reason, tokens, and why a score is missing."""
    sample = list(READER.read(source_of(ZIPPED)).tasks[0].samples)[2]
    assert sample.input[0] == {"role": "system", "content": "Answer in one word."}
    assert (sample.reference, sample.extracted, sample.finish_reason) == (("Rhine",), "The Rhine.", "stop")
    assert (sample.scores["clarity"].value, sample.scores["clarity"].reason) == (None, "not_finite")
    assert sample.scores["clarity"].rationale == "the judge gave no grade"
    assert (sample.usage.prompt_tokens, sample.usage.completion_tokens, sample.usage.latency_s) == (30, 3, 0.2)


@pytest.mark.parametrize(
    ("status", "expected", "error"),
    [
        ("success", "completed", ""),
        ("error", "failed", "out of quota"),
        ("cancelled", "cancelled", "out of quota"),
        ("started", "failed", "out of quota"),
        ("melted", "failed", "out of quota"),
    ],
)
def test_the_logs_status_is_the_results(tmp_path, status, expected, error):
    """What did not succeed is told as what it is, with the log's own words."""
    bundle, task = read(tmp_path, status=status, error={"message": "out of quota", "traceback": "..."})
    assert (bundle.status, task.status, task.error) == (expected, expected, error)


def test_metrics_of_several_scores_have_names_of_their_own(tmp_path):
    """Reducers, scores of one scorer and scores of one name stand apart; an error without a mean is a metric."""
    scores = [
        score("match", {"accuracy": 0.5, "stderr": 0.1}, reducer="mean"),
        score("match", {"accuracy": 0.7}, reducer="max"),
        {**score("style", {"mean": 1}), "scorer": "judge"},
        score("odd", {"stderr": 0.2, "var": None}),
        score("odd", {"var": 3}),
    ]
    bundle, task = read(tmp_path, results={"scores": scores})
    assert {name: (metric.value, metric.stderr) for name, metric in metrics_of(task).items()} == {
        "match/mean/accuracy": (0.5, 0.1),
        "match/max/accuracy": (0.7, None),
        "judge/style/mean": (1.0, None),
        "odd/stderr": (0.2, None),
        "odd/2/var": (3.0, None),
    }
    assert [(skipped.what, skipped.why) for skipped in bundle.skipped] == [
        ("results.scores.3.metrics.var", "it is null")
    ]


def test_results_of_the_first_format_are_read(tmp_path):
    """One scorer with its metrics beside it, and those that it holds itself."""
    results = {
        "total_samples": 4,
        "scorer": {"name": "match", "metrics": {"accuracy": 0.5}},
        "metrics": {"accuracy": {"name": "accuracy", "value": 1}},
    }
    _, task = read(tmp_path, results=results)
    assert {name: metric.value for name, metric in metrics_of(task).items()} == {
        "match/accuracy": 1.0,
        "match/2/accuracy": 0.5,
    }
    assert task.counts.total == 4


def test_samples_that_were_not_completed_are_counted(tmp_path):
    """Total is scored and unscored together."""
    _, task = read(tmp_path, results={"total_samples": 10, "completed_samples": 7})
    assert (task.counts.total, task.counts.scored, task.counts.unscored) == (10, 7, {"not_completed": 3})
    assert (task.config["total_samples"], task.config["completed_samples"]) == (10, 7)


def test_keys_and_places_of_a_machine_stay_away(tmp_path):
    """Secrets are hidden; absolute paths are cut to names."""
    told = {**EVAL, "model_args": {"api_key": "sesame-1234"}, "task_file": "/home/me/t.py"}
    dataset = {"location": "/home/me/data.jsonl", "samples": 1}
    bundle, task = read(tmp_path, eval={**told, "dataset": dataset})
    assert "sesame" not in str(dict(bundle.params))
    assert bundle.secrets == {"sesame-1234"}
    assert (bundle.params["task_file"], task.dataset.name, task.dataset.source) == ("t.py", "data.jsonl", "data.jsonl")
    zipped = READER.read(source_of(write_zip(tmp_path / "a.eval", {"header.json": log(eval=told)})))
    assert [item.role for item in zipped.artifacts] == ["samples"]
    assert "hold secrets" in zipped.skipped[-1].why


def test_several_scores_answers_and_parts_of_a_sample_are_kept(tmp_path):
    """Scores by key, answers that differ, reasoning, attachments, metadata and failures all have their place."""
    content = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "attachment://1f"}, {"type": "image"}]
    sample = read_sample(
        tmp_path,
        input=[{"role": "user", "content": content}],
        target=["a", "b"],
        choices=["x", "y"],
        output={"choices": [{"message": {"content": content}, "stop_reason": "max_tokens"}]},
        scores={
            "s": {"value": {"p": 1, "q": "C"}, "answer": "1"},
            "l": {"value": [True], "answer": "2", "metadata": {"k": 1}},
        },
        metadata={"level": 3, "more": {"a": 1}},
        attachments={"1f": "long text"},
        error={"message": "sandbox gone", "traceback": "..."},
        limit={"type": "token", "limit": 5},
        events=[{"event": "model"}],
    )
    assert sample.input == ({"role": "user", "content": "long text\n[image]"},)
    assert (sample.output, sample.reasoning, sample.finish_reason) == ("long text\n[image]", "hm", "max_tokens")
    assert (sample.reference, sample.choices) == (("a", "b"), ("x", "y"))
    assert {name: each.value for name, each in sample.scores.items()} == {"s/p": 1.0, "s/q": "C", "l/0": True}
    assert (sample.error, sample.detail, sample.extracted) == ("sample_error", "sandbox gone", None)
    assert sample.attributes == {
        "metadata.level": 3,
        "metadata.more": '{"a": 1}',
        "limit": '{"type": "token", "limit": 5}',
        "scores.l.metadata": '{"k": 1}',
        "scores.s.answer": "1",
        "scores.l.answer": "2",
    }


def test_broken_samples_do_not_stop_the_others(tmp_path):
    """No JSON, and no object, are samples that say so."""
    members = {"header.json": log(), "samples/a_epoch_1.json": b"{", "samples/b_epoch_1.json": {"id": "b"}}
    first, second = READER.read(source_of(write_zip(tmp_path / "a.eval", members))).tasks[0].samples
    assert (first.id, first.error, second.id) == ("a", "unreadable_row", "b")
    _, task = read(tmp_path, samples=[1, {"id": 2}])
    assert [(each.id, each.error) for each in task.samples] == [("samples.0", "unreadable_row"), ("2", "empty")]


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("log.json", {"version": 2, "status": "success", "eval": {"task": "t", "model": "m"}}, 0.9),
        ("log.json", {"status": "success", "eval": {}}, 0.5),
        ("log.json", {"status": {"a": 1}, "eval": {}}, 0),
        ("log.json", {"results": {"eval": {}, "status": "x"}}, 0),
        ("logs.json", {"a.eval": {"status": "success", "eval": {"task": "t", "model": "m"}}}, 0),
        ("log.csv", [1], 0),
    ],
)
def test_json_logs_are_known_by_their_top_keys(tmp_path, name, value, least):
    """`eval` and `status` at the top; a listing of logs is none."""
    evidence = READER.sniff(source_of(write_json(tmp_path / name, value)))
    assert (evidence.confidence >= least) if least else evidence is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"eval": {}, "status": "success"}', b"PK\x03\x04", b"\xff\xfe\x00"]
)
def test_what_is_no_log_is_an_input_error(tmp_path, content):
    """The message says where and why."""
    (tmp_path / "a.eval").write_bytes(content)
    assert "cannot be read" in broken(READER, tmp_path / "a.eval").message


@settings(max_examples=50, deadline=None)
@given(DOCUMENTS, st.booleans())
def test_any_log_is_read_without_losing_a_number(tmp_path_factory, document, as_zip):
    """Whatever stands in the results: a metric, a setting, or listed; counts are settings too."""
    folder = tmp_path_factory.mktemp("log")
    if as_zip:
        rows = document.get("samples")
        samples = {
            f"samples/{place}_epoch_1.json": row for place, row in enumerate(rows if isinstance(rows, list) else [])
        }
        file = write_zip(folder / "a.eval", {"header.json": document, **samples})
    else:
        file = write_json(folder / "a.json", document)
    try:
        bundle = READER.read(source_of(file))
    except InputError:
        assert not document["eval"]
        return
    expect_every_number(bundle, {"results": document["results"]} if isinstance(document.get("results"), dict) else {})
    expected = document.get("samples")
    samples = list(bundle.tasks[0].samples or ())
    assert len(samples) == (len(expected) if isinstance(expected, list) else 0)
    expect_storable(samples, folder)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([ZIPPED, PLAIN]), st.data())
def test_a_damaged_log_is_read_or_an_input_error(tmp_path_factory, original, data):
    """Cut anywhere, or with any byte changed."""
    content = bytearray(original.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] = data.draw(st.integers(0, 255))
    else:
        del content[place:]
    file = tmp_path_factory.mktemp("log") / original.name
    file.write_bytes(content)
    expect_readable_or_input_error(READER, file)
