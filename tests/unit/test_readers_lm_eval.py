"""Native output of lm-evaluation-harness: every number of its results, every row of its samples."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.readers.lm_eval.reader import LmEvalReader
from evaltrail.readers.lm_eval.rows import LmEvalRows
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

READER = LmEvalReader()
DATE = "2026-01-02T03-04-05.678901"
EXAMPLE = next((EXAMPLES / "lm-eval").glob("results_*.json"))
KEYS = st.sampled_from(
    ("acc,none", "acc_stderr,none", "acc_stderr_stderr,none", "f1,strict", "f1", "f1_stderr", "_stderr", "", " ")
) | st.sampled_from(("alias", "name", "sample_len", "samples"))
ENTRIES = st.dictionaries(KEYS, NESTED, max_size=5) | SCALARS
TASKS = st.dictionaries(st.sampled_from(["mmlu", "gsm8k", "everyday", ""]), ENTRIES, max_size=3)
SECTIONS = ("group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config", "date")
DOCUMENTS = st.fixed_dictionaries(
    {"results": TASKS},
    optional={
        "groups": TASKS | st.none(),
        **{name: NESTED | st.dictionaries(st.sampled_from(["mmlu", ""]), NESTED, max_size=2) for name in SECTIONS},
        "total_evaluation_time_seconds": SCALARS,
        "samples": NESTED,
    },
)
ROWS = st.dictionaries(
    st.sampled_from(["doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "acc"]),
    NESTED,
    max_size=9,
)


def write_run(folder, entry, **sections):
    return write_json(
        folder / f"results_{DATE}.json", {"results": {"mmlu": entry}, "versions": {"mmlu": 1}, **sections}
    )


def read_run(folder, entry, **sections):
    bundle = READER.read(source_of(write_run(folder, entry, **sections)))
    return bundle, bundle.tasks[0]


def samples_of(folder, rows):
    return list(LmEvalRows(write_rows(folder / "samples_t.jsonl", rows)))


def sniffed(folder, value, name="results.json") -> float:
    evidence = READER.sniff(source_of(write_json(folder / name, value)))
    return 0.0 if evidence is None else evidence.confidence


def test_a_run_is_read_with_tasks_groups_settings_and_samples():
    """The example: two tasks and a group, each metric with error and n, rows as samples, times and model."""
    bundle = READER.read(source_of(EXAMPLE))
    assert [task.name for task in bundle.tasks] == ["everyday", "plain_sense", "small_sums"]
    everyday, sense, sums = bundle.tasks
    found = metrics_of(sums)
    assert set(found) == {"exact_match,strict-match", "exact_match,flexible-extract"}
    assert (found["exact_match,strict-match"].value, found["exact_match,strict-match"].n) == (0.5, 4)
    assert found["exact_match,strict-match"].stderr == pytest.approx(0.288675)
    assert found["exact_match,strict-match"].better == "higher"
    assert everyday.usage == {"runtime_seconds": 30.25}
    assert (sums.config["num_fewshot"], sums.config["version"], sums.config["n_samples.original"]) == (0, 2.0, 40)
    assert sums.dataset.source == "hf://example-org/small-sums?split=test&config=main"
    assert bundle.params["config.limit"] == 4.0
    assert (bundle.model, bundle.origin.version, bundle.origin.folder) == ("example-org/tiny-1b", "0.4.11", "lm-eval")
    assert bundle.started_at == datetime.fromtimestamp(1772446500.25, UTC)
    assert (bundle.ended_at - bundle.started_at).total_seconds() == 30.25
    assert [(item.role, item.task) for item in bundle.artifacts] == [
        ("required", ""),
        ("samples", "plain_sense"),
        ("samples", "small_sums"),
    ]
    assert [skipped.what for skipped in bundle.skipped] == ["results.plain_sense.acc_norm_stderr,none"]
    assert len(list(sense.samples)) == 3
    assert len(list(sums.samples)) == len(list(sums.samples)) == 8


def test_the_rows_of_the_example_say_what_their_aggregates_say():
    """The mean of the samples' scores is the metric of the same name."""
    for task in READER.read(source_of(EXAMPLE)).tasks[1:]:
        for name, metric in metrics_of(task).items():
            scores = [sample.scores[name].value for sample in task.samples if name in sample.scores]
            assert sum(scores) / len(scores) == pytest.approx(metric.value)


def test_every_filter_of_a_document_is_a_sample_of_its_own():
    """Rows of one document are told apart by their number; the answer stays, what the filter took is extracted."""
    first, *_ = by_filter = [each for each in READER.read(source_of(EXAMPLE)).tasks[2].samples if each.id == "2"]
    assert [(each.repeat, each.extracted) for each in by_filter] == [(0, "[invalid]"), (1, "42")]
    assert (first.output, first.reference, first.attributes["filter"]) == (" 42", ("42",), "strict-match")
    assert json.loads(first.attributes["doc"]) == {"question": "100 - 58", "answer": "42"}
    assert first.input == "Question: What is 100 - 58?\nAnswer:"


def test_a_multiple_choice_row_holds_choices_and_log_probabilities():
    """The output is the likeliest choice."""
    sample = list(READER.read(source_of(EXAMPLE)).tasks[1].samples)[1]
    assert sample.choices == (" made of glass", " yellow", " nocturnal")
    assert sample.choice_logprobs == (-8.1, -0.9, -9.3)
    assert (sample.output, sample.reference) == (" yellow", ("1",))


@pytest.mark.parametrize(
    ("entry", "metrics", "skipped"),
    [
        ({"acc,none": 0.5, "acc_stderr,none": "N/A"}, {"acc,none": (0.5, None)}, ["acc_stderr,none"]),
        ({"acc,none": None, "acc_stderr,none": 0.1}, {"acc_stderr,none": (0.1, None)}, ["acc,none"]),
        ({"acc,none": float("nan"), "f1,none": float("inf")}, {}, ["acc,none", "f1,none"]),
        ({"acc": 0.5, "acc_stderr": 0.1}, {"acc": (0.5, 0.1)}, []),
        ({"acc,none": "0.25", "alias": "12", " ": " "}, {"acc,none": (0.25, None)}, []),
        ({"curve,none": {"low": 1, "high": [2, 3]}}, {"curve,none.low": 1, "curve,none.high.0": 2}, []),
        (0.75, {"value": (0.75, None)}, []),
    ],
)
def test_every_number_of_an_entry_is_a_metric_or_listed(tmp_path, entry, metrics, skipped):
    """An error stands beside its metric; a metric that is no number is listed by its path."""
    bundle, task = read_run(tmp_path, entry)
    found = {name: (metric.value, metric.stderr) for name, metric in metrics_of(task).items()} if bundle.tasks else {}
    for name, expected in metrics.items():
        assert found[name] == (expected if isinstance(expected, tuple) else (expected, None))
    assert [each.what for each in bundle.skipped] == [f"results.mmlu.{path}" for path in skipped]


def test_a_group_that_stands_twice_is_one_and_what_differs_is_kept(tmp_path):
    """Equal values of `results` and `groups` are one metric; others stand below `groups`."""
    entry = {"acc,none": 0.5, "acc_stderr,none": 0.1, "alias": " - mmlu"}
    _, task = read_run(tmp_path, entry, groups={"mmlu": {**entry, "alias": "mmlu"}})
    assert list(metrics_of(task)) == ["acc,none"]
    bundle, task = read_run(tmp_path, entry, groups={"mmlu": {"acc,none": 0.75}, "more": {"acc,none": 1}})
    assert {name: metric.value for name, metric in metrics_of(task).items()} == {
        "acc,none": 0.5,
        "groups/acc,none": 0.75,
    }
    assert list(metrics_of(bundle.tasks[1])) == ["acc,none"]


def test_groups_that_only_bear_a_name_are_no_tasks(tmp_path):
    """A group without metrics of its own is an empty row of the harness's table."""
    bundle, _ = read_run(tmp_path, {"acc,none": 1}, groups={"bare": {"alias": "bare", " ": " "}})
    assert [task.name for task in bundle.tasks] == ["mmlu"]


@pytest.mark.parametrize(
    "arguments", ["pretrained=org/m,api_key=sesame-1234", {"model": "org/m", "api_key": "sesame-1234"}]
)
def test_keys_among_the_models_arguments_are_hidden(tmp_path, arguments):
    """A secret is in no param, and is told so that files can be rid of it."""
    bundle, _ = read_run(tmp_path, {"acc,none": 1}, config={"model_args": arguments})
    assert bundle.model == "org/m"
    assert "sesame" not in str(dict(bundle.params))
    assert bundle.secrets == {"sesame-1234"}
    assert bundle.artifacts[0].may_hold_secrets


def test_only_samples_of_the_same_date_belong_to_a_run(tmp_path):
    """Files of other dates are another run's; a task that only has samples comes along too; the id tells them apart."""
    write_rows(tmp_path / f"samples_mmlu_{DATE}.jsonl", [{"doc_id": 0}])
    write_rows(tmp_path / "samples_mmlu_2026-01-02T03-04-06.1.jsonl", [{"doc_id": 0}])
    first, task = read_run(tmp_path, {"acc,none": 1})
    assert [item.path for item in first.artifacts] == [f"results_{DATE}.json", f"samples_mmlu_{DATE}.jsonl"]
    assert len(list(task.samples)) == 1
    write_rows(tmp_path / f"samples_extra_{DATE}.jsonl", [{"doc_id": 0}, {"doc_id": 1}])
    second, _ = read_run(tmp_path, {"acc,none": 1})
    assert [(task.name, len(list(task.samples))) for task in second.tasks] == [("mmlu", 1), ("extra", 2)]
    assert first.id != second.id


def test_a_link_out_of_the_folder_is_no_samples_file(tmp_path):
    """What lies outside of the named folder is not read."""
    (tmp_path / "run").mkdir()
    outside = write_rows(tmp_path / "other.jsonl", [{"doc_id": 0}])
    (tmp_path / "run" / f"samples_mmlu_{DATE}.jsonl").symlink_to(outside)
    assert len(read_run(tmp_path / "run", {"acc,none": 1})[0].artifacts) == 1


def test_samples_inside_of_the_results_are_read_too(tmp_path):
    """A dumped result of the Python interface holds its samples itself."""
    _, task = read_run(tmp_path, {"acc,none": 1}, samples={"mmlu": [{"doc_id": 3, "acc": 1.0, "target": ["a", "b"]}]})
    assert [(each.id, each.reference, each.scores["acc"].value) for each in task.samples] == [("3", ("a", "b"), 1.0)]


def test_rows_before_filters_were_named_are_told_apart_by_their_order(tmp_path):
    """Document 0 begins the next filter's rows."""
    rows = [{"doc_id": index, "acc": float(index)} for index in (0, 1, 2, 0, 1, 2)]
    assert [each.repeat for each in samples_of(tmp_path, rows)] == [0, 0, 0, 1, 1, 1]


def test_odd_rows_are_samples_all_the_same(tmp_path):
    """A broken line, a list and a score that is no number say why they are unscored; nothing else is lost."""
    row = {"doc_id": 2, "metrics": ["acc", "f1", "pair"], "acc": None, "f1": float("nan"), "pair": [1, 2], "resps": []}
    cut, listed, odd = samples_of(tmp_path, ['{"doc_id": 0, "acc"', [1], row])
    assert (cut.id, cut.error, listed.error) == ("line 1", "unreadable_row", "unreadable_row")
    assert {name: score.reason for name, score in odd.scores.items()} == {"acc": "null", "f1": "not_finite"}
    assert (odd.attributes["pair"], odd.output, odd.error) == ("[1, 2]", None, "empty")


def test_chat_prompts_and_repeats_are_kept_whole(tmp_path):
    """Chat turns come as turns; all answers to a repeated request are kept beside the first."""
    turns = [{"role": "user", "content": "hé"}]
    row = {"arguments": {"gen_args_0": {"arg_0": [json.dumps(turns)]}}, "resps": [["a", "b"]], "filtered_resps": ["b"]}
    (sample,) = samples_of(tmp_path, [row])
    assert sample.input == ({"role": "user", "content": "hé"},)
    assert (sample.output, sample.extracted, sample.attributes["resps"]) == ("a", "b", '[["a", "b"]]')


@pytest.mark.parametrize(
    ("value", "least"),
    [
        ({"results": {"t": {"acc,none": 1}}, "versions": {}}, 0.9),
        ({"versions": {"t": 1}, "n-shot": {}, "results": {"t": {"acc,none": "N/A"}}}, 0.9),
        ({"results": {f"t{place}": {"acc,none": 0.5, "alias": "x" * 50} for place in range(2000)}}, 0.7),
        ({"results": {"t": {"acc": 0.5}}, "versions": {"t": 0}, "config": {"model": "gpt2"}}, 0.5),
        ({"results": {"t": {"acc": 0.5}}, "config": {}}, 0),
        ({"results": [{"acc,none": 1}], "versions": {}}, 0),
        ({"status": "success", "eval": {"task": "t"}, "results": {"a,b": 1}}, 0),
        ({"tasks": {"t": {"metrics": {}}}, "groups": {"results": {"acc,none": 1}}}, 0),
        ([{"results": {"acc,none": 1}}], 0),
    ],
)
def test_results_are_known_by_their_keys(tmp_path, value, least):
    """Top keys and names with filters decide, also where the file is longer than what is looked at."""
    found = sniffed(tmp_path, value)
    assert found >= least if least else found == 0


def test_the_microservices_files_are_left_to_their_own_reader(tmp_path):
    """A file of its name, or below its folder, is claimed with less confidence than that reader has."""
    value = {"results": {"t": {"acc,none": 1}}, "versions": {}}
    folder = tmp_path / "lm_eval_harness" / "results"
    folder.mkdir(parents=True)
    assert (sniffed(tmp_path, value, "lm-harness-t.json"), sniffed(folder, value)) == (0.5, 0.5)


def test_samples_and_other_files_are_no_heads():
    """A samples file without its results, and anything that is no JSON object, is passed by."""
    for file in (EXAMPLES / "lm-eval").glob("samples_*"):
        assert READER.sniff(source_of(file)) is None
    assert READER.sniff(source_of(EXAMPLES)) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"results": {}}', '{"results": [1]}', '{"results": {"t": {"a": 1', "\udcff"]
)
def test_what_is_no_run_is_an_input_error(tmp_path, content):
    """The message says where and why."""
    file = tmp_path / f"results_{DATE}.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "cannot be read" in broken(READER, file).message


def test_deep_nesting_is_an_input_error(tmp_path):
    """No document makes the reader run out of stack."""
    for depth in (150, 400, 900, 5000):
        deep = "[" * depth + "]" * depth
        (tmp_path / "results.json").write_text(f'{{"results": {{"t": {{"acc,none": 1}}}}, "config": {{"a": {deep}}}}}')
        expect_readable_or_input_error(READER, tmp_path / "results.json")


@settings(max_examples=50, deadline=None)
@given(DOCUMENTS)
@example({"results": {"gsm8k": {"acc,none": 1, "sample_len": 7}}, "groups": {"gsm8k": {"sample_len": 8}}})
def test_any_results_are_read_without_losing_a_number(tmp_path_factory, document):
    """Whatever stands below `results` and `groups`: a metric, a setting, or listed."""
    file = write_json(tmp_path_factory.mktemp("run") / f"results_{DATE}.json", document)
    try:
        bundle = READER.read(source_of(file))
    except InputError:
        assert not document["results"]
    else:
        expect_every_number(bundle, {key: document.get(key) for key in ("results", "groups")})
        assert all(sample.index >= 0 for task in bundle.tasks for sample in task.samples or ())


@settings(max_examples=50, deadline=None)
@given(st.lists(ROWS, max_size=4))
def test_any_rows_are_samples(tmp_path_factory, rows):
    """Every row is one sample that a table can hold, whatever its fields hold."""
    folder = tmp_path_factory.mktemp("rows")
    samples = samples_of(folder, rows)
    assert len(samples) == len(rows)
    expect_storable(samples, folder)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, EXAMPLE.stat().st_size))
def test_a_file_cut_anywhere_is_read_or_an_input_error(tmp_path_factory, length):
    """A half written file is told, with the reason."""
    file = tmp_path_factory.mktemp("cut") / f"results_{DATE}.json"
    file.write_bytes(EXAMPLE.read_bytes()[:length])
    expect_readable_or_input_error(READER, file)


@pytest.mark.slow
def test_a_large_samples_file_streams(tmp_path):
    """The memory used is that of a few rows, however many there are."""
    file = tmp_path / f"samples_mmlu_{DATE}.jsonl"
    row = {"doc": {"text": "x" * 2000}, "resps": [["a"]], "filter": "none", "metrics": ["acc"], "acc": 1.0}
    with file.open("w") as out:
        out.writelines(json.dumps({"doc_id": place, **row}) + "\n" for place in range(10_000))
    assert file.stat().st_size > 20_000_000
    stream = read_run(tmp_path, {"acc,none": 1})[1].samples
    tracemalloc.start()
    try:
        assert sum(1 for _ in stream) == 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    assert [each.id for each in islice(stream, 2)] == ["0", "1"]


def test_documents_without_an_answer_are_counted_and_never_scored(tmp_path):
    """What our own provider notes of them: total, reasons, and rows whose scores say why there are none."""
    bundle, task = read_run(
        tmp_path,
        {"acc,none": 0.5, "sample_len": 2},
        **{"n-samples": {"mmlu": {"original": 9, "effective": 2}}, "unanswered": {"mmlu": {"http_500": 1, "odd": "x"}}},
    )
    assert (task.counts.total, task.counts.scored, task.counts.failed) == (3, 2, 1)
    assert [(metric.n, dict(metric.unscored)) for metric in task.metrics] == [(2, {"http_500": 1})]
    assert not [name for name in bundle.params if "unanswered" in name]
    row = {"doc_id": 1, "filter": "none", "metrics": ["acc"], "acc": None, "resps": [], "filtered_resps": []}
    (sample,) = samples_of(tmp_path, [{**row, "unanswered": "http_500", "unanswered_detail": "upstream"}])
    assert (sample.output, sample.error, sample.detail) == (None, "http_500", "upstream")
    assert sample.scores["acc,none"].reason == "http_500"
    assert not {"unanswered", "unanswered_detail"} & set(sample.attributes)
