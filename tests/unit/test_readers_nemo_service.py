"""Reader `nemo_service`: which files are the microservice's, of which evaluation, and what lies beside them."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.core.source import HEAD_BYTES, Source
from evaltrail.readers.detect import Found, find_results
from evaltrail.readers.lm_eval.reader import LmEvalReader
from nemo_results import READER, read, skipped, source, values, write

EXAMPLES = Path(__file__).parents[2] / "examples/results/nemo-service"
SCORES = [{"task_name": "a", "scores": [{"metric": "f1", "score": 0.5, "num_shots": 0}]}]
BIGCODE = [{"humaneval": {"pass@1": 0.5}, "config": {"temperature": 0.2}}]
LM_EVAL = {"results": {"mmlu": {"acc,none": 0.5, "alias": "mmlu"}}, "versions": {"mmlu": 1}, "n-shot": {"mmlu": 5}}
CUSTOM = {"llm": {"bleu": {"score": 20}}}
SIMILARITY = {"tasks": {"t": {"metrics": {"m": {"scores": {"s": {"value": 1}}}}}}}


def evaluation_of(folder, path: str, content, said: str = "") -> str:
    """The evaluation that a file is claimed for; empty when it is not claimed."""
    found = source(write(folder, path, content).path, root=folder, evaluation=said)
    evidence = READER.sniff(found)
    if evidence is None:
        return ""
    assert evidence.why
    assert 0 < evidence.confidence <= 1
    return READER.read(found).tags["evaluation"]


@pytest.mark.parametrize(
    ("path", "name", "metric", "value"),
    [
        ("automatic/beir/results/beir.json", "beir_beir.json", "beir/NDCG@10", 0.3541),
        (
            "automatic/bigbench/results/aggregate_scores.json",
            "bigbench_aggregate_scores.json",
            "intent_recognition/multiple_choice_grade#3",
            0.9176,
        ),
        (
            "automatic/bigcode_latest/results/bigcode-aggregate_scores.json",
            "bigcode_latest_bigcode-aggregate_scores.json",
            "mbpp/pass@10",
            0.5931,
        ),
        (
            "automatic/custom_eval/results/aggregate_scores.json",
            "custom_eval_aggregate_scores.json",
            "meta/llama-3.1-8b-instruct/bleu/bp",
            0.9412,
        ),
        (
            "automatic/lm_eval_harness/results/lm-harness-mmlu_str.json",
            "lm_harness_lm-harness-mmlu_str.json",
            "mmlu_str_exact_match,none",
            0.6392,
        ),
        (
            "llm_as_a_judge/mtbench/results/llama-3.1-8b-instruct.csv",
            "mtbench_llama-3.1-8b-instruct.csv",
            "mtbench/total",
            8.1667,
        ),
        (
            "automatic/multilingual/results/aggregate_scores.json",
            "multilingual_aggregate_scores.json",
            "xquad_de/f1#2",
            74.09,
        ),
        (
            "automatic/similarity_metrics/results/results.json",
            "similarity_metrics_results.json",
            "summaries/bleu_sentence",
            11.84,
        ),
        (
            "automatic/content_safety/results/content_safety-aggregate_scores.json",
            "content_safety_content_safety-aggregate_scores.json",
            "content_safety/by_category.violence.total",
            41,
        ),
        (
            "automatic/garak/results/garak.5a0c1f0e.report.jsonl",
            "garak_garak.5a0c1f0e.report.jsonl",
            "garak/dan.Dan_11_0.dan.DAN.passed",
            1,
        ),
        (
            "automatic/garak/results/garak.5a0c1f0e.hitlog.jsonl",
            "garak_garak.5a0c1f0e.hitlog.jsonl",
            "garak/dan.Dan_11_0.dan.DAN.hits",
            1,
        ),
    ],
)
def test_each_kind_of_result_in_the_examples_is_read(path, name, metric, value):
    """Every row of the download is claimed with certainty and becomes a run ``<evaluation>_<file>``."""
    found = source(EXAMPLES / path, root=EXAMPLES)
    evidence = READER.sniff(found)
    assert evidence is not None
    assert evidence.confidence >= 0.6
    assert (evidence.group, evidence.group_name) == (str(EXAMPLES), "nemo-service")
    bundle = READER.read(found)
    assert bundle.name == name
    assert bundle.tags == {"evaluation": bundle.tasks[0].provider, "source_file": Path(path).name}
    assert bundle.origin.producer == "nemo-evaluator-microservice"
    assert values(bundle)[metric] == value
    assert bundle.model
    assert not bundle.name.startswith("unknown")


def test_a_walk_over_the_examples_finds_exactly_the_results():
    """Eleven results; settings and the log beside them are nobody's."""
    found = list(find_results(EXAMPLES, {"nemo_service": READER, "lm_eval": LmEvalReader()}))
    assert sum(isinstance(each, Found) for each in found) == 11
    assert {each.reader for each in found if isinstance(each, Found)} == {"nemo_service"}
    others = [Path(each.what) for each in found if not isinstance(each, Found)]
    assert {file.suffix for file in others} == {".yaml", ".log"}


def test_the_nearest_folder_names_the_evaluation_where_content_fits_several(tmp_path):
    """A whole folder name, whatever its case, also above the place that was given."""
    assert evaluation_of(tmp_path, "multilingual/BigBench/results/aggregate_scores.json", SCORES) == "bigbench"
    assert (
        evaluation_of(tmp_path, "bigbench/automatic/multilingual/results/aggregate_scores.json", SCORES)
        == "multilingual"
    )
    given = write(tmp_path, "bigbench/results/sub/aggregate_scores.json", SCORES).path
    assert READER.read(source(given, root=given.parent)).name == "bigbench_aggregate_scores.json"


def test_a_part_of_a_folder_name_decides_nothing(tmp_path):
    """``multilingual_study`` is no evaluation: the file lands as unknown, and the note says how to decide."""
    bundle = read(tmp_path, "multilingual_study/results/aggregate_scores.json", SCORES)
    assert bundle.name == "unknown_aggregate_scores.json"
    assert values(bundle) == {"a/f1": 0.5}
    (why,) = skipped(bundle).values()
    assert "bigbench or multilingual" in why
    assert "--evaluation" in why


@pytest.mark.parametrize("said", ["bigbench", "BigBench", " bigbench "])
def test_the_user_decides_what_is_open(tmp_path, said):
    """What the user says counts where content and folders leave it open, and only there."""
    assert evaluation_of(tmp_path, "aggregate_scores.json", SCORES, said) == "bigbench"
    assert evaluation_of(tmp_path, "multilingual/aggregate_scores.json", SCORES, said) == "multilingual"
    assert evaluation_of(tmp_path, "x/lm-harness-a.json", LM_EVAL, said) == "lm_harness"
    assert evaluation_of(tmp_path, "aggregate_scores.json", SCORES, "no such") == "unknown"


@pytest.mark.parametrize(
    ("path", "content", "evaluation"),
    [
        ("multilingual/results/lm-harness-mmlu.json", LM_EVAL, "lm_harness"),
        ("multilingual/results/aggregate_scores.json", LM_EVAL, "lm_harness"),
        ("lm_eval_harness/results/mmlu.json", LM_EVAL, "lm_harness"),
        ("bigbench/results/aggregate_scores.json", CUSTOM, "custom_eval"),
        ("bigbench/results/aggregate_scores.json", BIGCODE, "bigcode_latest"),
        ("beir/results/results.json", SIMILARITY, "similarity_metrics"),
        ("somewhere/results.json", SIMILARITY, "similarity_metrics"),
        ("somewhere/x.json", BIGCODE, "bigcode_latest"),
        ("content_safety/results/results.json", SIMILARITY, "content_safety"),
        ("content_safety/results/aggregate_scores.json", SCORES, "content_safety"),
        ("garak/results/aggregate_scores.json", {"dan": {"passed": 3}}, "garak"),
        ("aggregate_scores.json", CUSTOM, "custom_eval"),
        ("aggregate_scores.json", {"a": 1}, "unknown"),
        ("custom/aggregate_scores.json", {"llm": {"bleu": 1}}, "custom_eval"),
        ("lm-harness-x.json", {"mmlu": 0.5}, "lm_harness"),
        ("custom/x.json", CUSTOM, "custom_eval"),
        ("bigcode/x.json", [{"humaneval": {"accuracy": 1}}], "bigcode_latest"),
        ("x/multilingual-aggregate_scores.json", SCORES, "multilingual"),
        ("beir/x.json", {"a": 1}, "beir"),
        ("beir.json.1", {"a": 1}, "beir"),
    ],
)
def test_content_decides_between_shapes_before_names(tmp_path, path, content, evaluation):
    """What the content is comes first; the name of file and folder where content fits several or says little."""
    assert evaluation_of(tmp_path, path, content) == evaluation


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("package.json", {"name": "x", "version": "1.0.0", "dependencies": {"a": "1"}}),
        ("x.json", {"a": 1}),
        ("x.json", [1, 2]),
        ("x.json", CUSTOM),
        ("bigbench/config.json", {"batch_size": 16}),
        ("custom/config.json", {"batch_size": 16}),
        ("custom/package.json", {"scripts": {"test": "x"}, "options": {"paths": {"a": "b"}}}),
        ("custom/x.json", {"llm": {"bleu": {"score": None}}}),
        ("content_safety/config.json", {"batch_size": 16}),
        ("beir/corpus.json", [{"title": "x"}]),
        ("results_2024-10-17T10-21-52.json", LM_EVAL),
        ("lm_eval_harness/results/results_2024-10-17T10-21-52.json", LM_EVAL),
        ("x/mmlu.json", LM_EVAL),
        ("lm_eval_harness/results/lm-harness.log", "2024-10-17 INFO done\n"),
        ("bundle.json", BIGCODE),
        ("eval-1.json", BIGCODE),
        ("beir/results.yml", "results:\n  tasks: {}\n"),
        ("table.csv", "name,value\ntotal,3\n"),
        ("mtbench/judge.jsonl", '{"question_id": 1, "score": 3}\n'),
        ("bigcode-aggregate_scores.json", b"PK\x03\x04..."),
        ("x/log.json", {"version": 2, "status": "success", "eval": {}, "results": {"scores": []}}),
        ("broken.json", '{"a": '),
    ],
)
def test_what_nothing_speaks_for_is_left_alone(tmp_path, path, content):
    """Files of other programs and readers are not claimed, also where they hold numbers."""
    assert READER.sniff(write(tmp_path, path, content)) is None


def test_the_user_may_speak_for_a_file_that_says_little(tmp_path):
    """With the evaluation named, a flat file and a table are taken for what they are said to be."""
    assert evaluation_of(tmp_path, "x.json", {"NDCG@10": 0.5}, "beir") == "beir"
    assert evaluation_of(tmp_path, "x.json", CUSTOM, "custom") == "custom_eval"
    assert evaluation_of(tmp_path, "x.json", {"a": {"b": 1}}, "content-safety") == "content_safety"
    assert evaluation_of(tmp_path, "x.csv", "name,value\ntotal,3\n", "mtbench") == "mtbench"
    assert evaluation_of(tmp_path, "x.json", LM_EVAL, "lm_eval_harness") == "lm_harness"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("bigcode-aggregate_scores.json", '[{"humaneval": '),
        ("lm-harness-x.json", "<html>"),
        ("beir.json", b""),
        ("beir.json", b"\xff\xfe\x00"),
        ("bigbench/results/aggregate_scores.json", "{'a': 1}"),
        ("similarity_metrics/results/results.json", "{"),
        ("mtbench/x.csv", b"total,\xff\n"),
        ("garak/results/garak.x.report.jsonl", "no json\n"),
        ("beir.json", "[" * 100_000),
        ("beir.json", '{"a":' * 900 + "1" + "}" * 900),
    ],
)
def test_a_broken_file_with_a_clear_name_says_where_and_why(tmp_path, path, content):
    """It is claimed, though not strongly, so that reading it names the file and the reason."""
    found = write(tmp_path, path, content)
    evidence = READER.sniff(found)
    assert evidence is not None
    with pytest.raises(InputError) as caught:
        READER.read(found)
    assert caught.value.where == str(found.path)
    assert caught.value.message


def test_big_files_are_known_by_their_beginning(tmp_path):
    """Sniffing sees 64 KiB; a file that is cut off in there is told apart all the same, and read whole."""
    queries = {f'q{number} "{{[,"': {"NDCG@10": number} for number in range(5000)}
    beir = write(tmp_path, "beir.json", {"NDCG@10": 0.5, "per_query": queries})
    tasks = {f"task{number}": {"acc,none": number, "alias": "\\"} for number in range(3000)}
    harness = write(tmp_path, "lm-harness-x.json", {"results": tasks, "versions": {}})
    many = write(tmp_path, "bigbench/aggregate_scores.json", json.dumps(SCORES * 2000, indent=2).encode("utf-16"))
    for found, words, confidence in ((beir, "beir", 0.9), (harness, "lm_harness", 0.97), (many, "bigbench", 0.95)):
        assert len(found.head) == HEAD_BYTES
        evidence = READER.sniff(found)
        assert evidence is not None
        assert (evidence.why.partition(":")[0], evidence.confidence) == (words, confidence)
    assert len(values(READER.read(harness))) == 3000
    assert sum(1 for _ in READER.read(beir).tasks[0].samples) == 5000


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("A/automatic/beir/results/beir.json", "A"),
        ("A/llm_as_a_judge/mtbench/results/x.csv", "A"),
        ("A/beir/results/deep/beir.json", "A/beir"),
        ("A/B/beir.json", "A/B"),
    ],
)
def test_results_of_one_download_belong_together(tmp_path, path, group):
    """The group is the folder above ``automatic``, else the evaluation's own, else the parent."""
    evidence = READER.sniff(write(tmp_path, path, "a,b\ntotal,1\n" if path.endswith("csv") else {"a": 1}))
    assert evidence is not None
    assert (evidence.group, evidence.group_name) == (str(tmp_path / group), Path(group).name)


def test_settings_beside_the_results_folder_come_along(tmp_path):
    """Model and inference settings become params without secrets, name the model, and are uploaded as extras."""
    write(tmp_path, "bigcode/model_config_m.yaml", "model:\n  llm_name: meta/llama\n  api_key: not-a-real-key\n")
    write(tmp_path, "bigcode/m_inference_params.yaml", "temperature: 0.2\nstop: [a]\n")
    write(tmp_path, "bigcode/other.yaml", "a: 1\n")
    bundle = read(tmp_path, "bigcode/results/bigcode-aggregate_scores.json", BIGCODE)
    assert bundle.model == "meta/llama"
    assert bundle.params == {
        "model_config.model.llm_name": "meta/llama",
        "model_config.model.api_key": "***",
        "inference_params.temperature": 0.2,
        "inference_params.stop.0": "a",
        "temperature": 0.2,
    }
    assert bundle.secrets == {"not-a-real-key"}
    assert [(item.path, item.role, item.may_hold_secrets) for item in bundle.artifacts] == [
        ("bigcode-aggregate_scores.json", "required", True),
        ("m_inference_params.yaml", "extra", True),
        ("model_config_m.yaml", "extra", True),
    ]
    assert "not-a-real-key" not in repr(bundle)


def test_settings_that_cannot_be_read_do_not_stop_the_result(tmp_path):
    """A broken or foreign companion is a note, or is not looked at; the model is then named by the file."""
    write(tmp_path, "outside.yaml", "a: 1\n")
    write(tmp_path, "beir/model_config_nv-embed.yaml", "model: [\n")
    (tmp_path / "beir/x_inference_params.yaml").symlink_to(tmp_path / "outside.yaml")
    bundle = read(tmp_path, "beir/results/beir.json", {"a": 1})
    assert bundle.model == "nv-embed"
    assert list(skipped(bundle)) == ["model_config_nv-embed.yaml"]
    assert [item.path for item in bundle.artifacts] == ["beir.json", "model_config_nv-embed.yaml"]


def test_folders_above_the_given_one_are_not_searched_for_settings(tmp_path):
    """Only the evaluation's own folder may lie above what the user gave."""
    write(tmp_path, "model_config_x.yaml", "a: 1\n")
    found = write(tmp_path, "results/study/beir.json", {"a": 1})
    assert READER.read(source(found.path, root=found.path.parent)).params == {}
    assert READER.read(source(found.path, root=tmp_path)).params == {"model_config.a": 1}


def test_identity_and_times_come_from_the_files(tmp_path):
    """The id changes with the bytes of the result and of its settings; the time is the file's where it says none."""
    found = write(tmp_path, "beir/results/beir.json", {"a": 1})
    os.utime(found.path, (1_700_000_000, 1_700_000_000))
    first = READER.read(found)
    assert first.started_at == first.ended_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert READER.read(found).id == first.id
    write(tmp_path, "beir/model_config_m.yaml", "a: 1\n")
    assert READER.read(found).id != first.id
    assert READER.read(write(tmp_path, "beir/results/beir.json", {"a": 2})).id != first.id


def test_a_file_that_is_gone_is_an_error(tmp_path):
    """Between sniffing and reading a file may vanish."""
    for path in ("beir.json", "garak.x.report.jsonl", "mtbench.csv"):
        gone = Source(path=tmp_path / path, root=tmp_path)
        with pytest.raises(InputError) as caught:
            READER.read(gone)
        assert str(tmp_path / path) in str(caught.value)


def test_folders_are_never_claimed(tmp_path):
    """A head is one file."""
    shutil.copytree(EXAMPLES / "automatic/beir", tmp_path / "beir")
    assert READER.sniff(Source(path=tmp_path / "beir", root=tmp_path, is_folder=True)) is None


FOLDERS = (
    "beir",
    "bigbench",
    "bigcode",
    "custom_eval",
    "lm_harness",
    "mtbench",
    "multilingual",
    "content_safety",
    "garak",
)
FILES = ("beir.json", "aggregate_scores.json", "lm-harness-x.json", "results.json", "x.csv", "garak.report.jsonl", "x")
KEYS = st.text(max_size=3) | st.sampled_from(
    ["results", "tasks", "metrics", "scores", "task_name", "config", "pass@1", "per_query", "entry_type", "versions"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just("\ud800")
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(FOLDERS), st.sampled_from(FILES), JSON.map(json.dumps) | st.binary(max_size=40) | st.text())
def test_nothing_but_an_input_error_is_raised(tmp_path_factory, folder, name, content):
    """Whatever lies below an evaluation's folder: sniffing never raises, reading raises InputError or nothing."""
    content = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    found = write(tmp_path_factory.mktemp("any"), f"automatic/{folder}/results/{name}", content)
    READER.sniff(found)
    try:
        bundle = READER.read(found)
    except InputError as error:
        assert error.where.startswith(str(found.path))  # noqa: PT017  either outcome is right
        return
    assert any(task.metrics or list(task.samples or ()) for task in bundle.tasks)
