"""The microservice's kinds of content: every number is kept under its producer's name, or listed with the reason."""

from __future__ import annotations

import json

import pytest

from evaltrail.core.errors import InputError
from evaltrail.readers.leaves import settings as settings_of
from evaltrail.readers.notes import Notes
from nemo_results import READER, assert_nothing_lost, read, skipped, source, values, write

SCORES = [
    {"task_name": "a", "scores": [{"metric": "f1", "score": 0.5, "num_shots": shots} for shots in (0, 1, 3)]},
    {"task_name": "b", "scores": [{"metric": "f1", "score": 0.75, "num_shots": 0}]},
]


def test_beir_metrics_bear_their_own_names(tmp_path):
    """A flat Beir file is one task whose metrics are the keys; what is null or not finite is listed by its key."""
    content = '{"NDCG@10": 0.25, "MAP@10": null, "Recall@10": NaN, "P@1": "N/A", "MRR": "0.5", "model": "e5"}'
    bundle = read(tmp_path, "beir.json", content)
    assert values(bundle) == {"beir/NDCG@10": 0.25, "beir/MRR": 0.5}
    assert skipped(bundle) == {
        "beir.json: MAP@10": "it is null",
        "beir.json: Recall@10": "nan is not a finite number",
        "beir.json: P@1": "'N/A' is no number",
    }
    assert bundle.params == {"model": "e5"}


@pytest.mark.parametrize("as_list", [False, True])
def test_beir_queries_come_along_as_samples(tmp_path, as_list):
    """Each query of ``per_query`` is a sample with a score a metric, and can be read again and again."""
    rows = {"q1": {"NDCG@10": 0.5, "Recall": None}, "q2": {"NDCG@10": 1, "text": "why?", "ranks": [3, 4]}}
    listed = [{"query_id": name, **row} for name, row in rows.items()]
    bundle = read(tmp_path, "beir.json", {"NDCG@10": 0.75, "per_query": listed if as_list else rows})
    first, second = bundle.tasks[0].samples
    assert (first.id, first.index, first.scores["NDCG@10"].value, first.scores["Recall"].reason) == (
        "q1",
        0,
        0.5,
        "null",
    )
    assert (second.id, second.index) == ("q2", 1)
    assert second.attributes == {"text": "why?", "ranks": "[3, 4]"}
    assert [sample.id for sample in bundle.tasks[0].samples] == ["q1", "q2"]
    assert values(bundle) == {"beir/NDCG@10": 0.75}


@pytest.mark.parametrize("evaluation", ["bigbench", "multilingual"])
def test_scores_by_task_keep_every_element_and_every_number_of_shots(tmp_path, evaluation):
    """BigBench and Multilingual: a task an element, the shots as step, all elements (the original kept the first)."""
    bundle = read(tmp_path, f"{evaluation}/results/aggregate_scores.json", SCORES)
    assert bundle.name == f"{evaluation}_aggregate_scores.json"
    assert values(bundle) == {"a/f1": 0.5, "a/f1#1": 0.5, "a/f1#3": 0.5, "b/f1": 0.75}
    assert {task.provider for task in bundle.tasks} == {evaluation}


def test_odd_scores_are_kept_or_listed(tmp_path):
    """No shots, half shots, no metric, a standard error, further fields: each number has a place of its own."""
    scores = [
        {"metric": "f1", "score": None},
        {"metric": "f1", "score": 0.5, "num_shots": 2.5, "stderr": 0.125, "low": 0.25},
        {"score": 7, "num_shots": "1"},
        8,
        {"metric": "f1", "score": 0.625},
        {"metric": "f1", "score": {"mean": 0.875}},
    ]
    bundle = read(tmp_path, "bigbench/aggregate_scores.json", [{"task_name": "a", "scores": scores, "size": 9}, 10])
    assert values(bundle) == {
        "a/f1": 0.5,
        "a/f1_num_shots": 2.5,
        "a/f1_low": 0.25,
        "a/score#1": 7,
        "a/score": 8,
        "a/f1_2": 0.625,
        "a/f1.mean": 0.875,
        "a/size": 9,
        "bigbench/1": 10,
    }
    assert bundle.tasks[0].metrics[0].stderr == 0.125
    assert skipped(bundle) == {"aggregate_scores.json: 0.scores.0.score": "it is null"}


def test_bigcode_tasks_do_not_collide(tmp_path):
    """Each key of each element is a task of its own, also where one stands twice; its config is the task's."""
    content = [
        {"humaneval": {"pass@1": 0.34, "pass@10": None}, "config": {"temperature": 0.2, "model": "m"}},
        {"mbpp": {"pass@1": 0.5}, "config": {"temperature": 0.8}},
        {"humaneval": {"pass@1": 0.35}},
    ]
    bundle = read(tmp_path, "bigcode-aggregate_scores.json", content)
    assert bundle.name == "bigcode_latest_bigcode-aggregate_scores.json"
    assert values(bundle) == {"humaneval/pass@1": 0.34, "mbpp/pass@1": 0.5, "humaneval_2/pass@1": 0.35}
    assert [dict(task.config) for task in bundle.tasks] == [
        {"temperature": 0.2, "model": "m"},
        {"temperature": 0.8},
        {},
    ]
    assert skipped(bundle) == {"bigcode-aggregate_scores.json: 0.humaneval.pass@10": "it is null"}
    assert bundle.model == "m"


@pytest.mark.parametrize("as_list", [False, True])
def test_the_only_config_of_bigcode_becomes_params(tmp_path, as_list):
    """One element, in a list or not: what its config says are params of the run, without secrets."""
    content = {"humaneval": {"pass@1": 0.5}, "config": {"top_p": 0.9, "hf_token": "hf_not-a-real-token", "limit": None}}
    bundle = read(tmp_path, "bigcode-aggregate_scores.json", [content] if as_list else content)
    assert bundle.params == {"top_p": 0.9, "hf_token": "***"}
    assert bundle.secrets == {"hf_not-a-real-token"}
    assert bundle.artifacts[0].may_hold_secrets


def test_custom_metrics_keep_model_and_scorer(tmp_path):
    """Custom Evals: the model is the task, the scorer the group, so that equal metrics of two scorers stay two."""
    content = {
        "llm-a": {"bleu": {"score": 20, "bp": 0.9}, "rouge": {"score": 0.5}},
        "llm-b": {"bleu": {"score": None}, "f1": 3},
    }
    bundle = read(tmp_path, "custom_eval/aggregate_scores.json", content)
    assert values(bundle) == {"llm-a/bleu/score": 20, "llm-a/bleu/bp": 0.9, "llm-a/rouge/score": 0.5, "llm-b/f1": 3}
    assert skipped(bundle) == {"aggregate_scores.json: llm-b.bleu.score": "it is null"}


LM_HARNESS = {
    "results": {
        "mmlu_str": {"exact_match,none": 0.64, "exact_match_stderr,none": 0.0038, "alias": "mmlu_str"},
        "mmlu_str_law": {"alias": " - law", "exact_match,none": 0.5, "exact_match_stderr,none": "N/A", " ": " "},
    },
    "groups": {"mmlu_str": {"exact_match,none": 0.64, "exact_match_stderr,none": 0.0039, "alias": "mmlu_str"}},
    "n-shot": {"mmlu_str": 0, "mmlu_str_law": 5},
    "versions": {"mmlu_str_law": 1.0, "elsewhere": 3},
    "n-samples": {"mmlu_str_law": {"original": 1534, "effective": 100}},
    "higher_is_better": {"mmlu_str_law": {"exact_match": True}},
    "config": {"model": "local-completions", "model_args": "model=meta/llama,api_key=not-a-real-key", "limit": 100},
    "date": 1729160512.5,
    "total_evaluation_time_seconds": "412.5",
}


def test_lm_harness_metrics_bear_the_originals_names(tmp_path):
    """``<task>_<metric>`` with nothing before it, standard errors too; what groups say again is said once."""
    bundle = read(tmp_path, "lm-harness-mmlu_str.json", LM_HARNESS)
    assert bundle.name == "lm_harness_lm-harness-mmlu_str.json"
    assert values(bundle) == {
        "mmlu_str_exact_match,none": 0.64,
        "mmlu_str_exact_match_stderr,none": 0.0038,
        "mmlu_str_group_exact_match_stderr,none": 0.0039,
        "mmlu_str_law_exact_match,none": 0.5,
    }
    law = bundle.tasks[1].metrics[0]
    assert (law.n, law.better, law.stderr) == (100, "higher", None)
    assert skipped(bundle) == {
        "lm-harness-mmlu_str.json: results.mmlu_str_law.exact_match_stderr,none": "'N/A' is no number"
    }


def test_lm_harness_settings_and_times_are_kept(tmp_path):
    """Shots, versions and sizes are the task's settings, the rest the run's; model and times are the producer's."""
    bundle = read(tmp_path, "lm-harness-mmlu_str.json", LM_HARNESS)
    assert dict(bundle.tasks[0].config) == {"alias": "mmlu_str", "n-shot": 0}
    assert dict(bundle.tasks[1].config) == {"alias": "law", "n-shot": 5, "version": 1.0, "n-samples.original": 1534}
    assert bundle.params["config.limit"] == 100
    assert bundle.params["versions.elsewhere"] == 3
    assert "not-a-real-key" not in str(bundle.params)
    assert bundle.model == "meta/llama"
    assert bundle.started_at.timestamp() == 1729160512.5
    assert (bundle.ended_at - bundle.started_at).total_seconds() == 412.5
    assert_nothing_lost(LM_HARNESS, bundle)


def test_settings_of_many_tasks_are_bounded(tmp_path):
    """At most some 80 settings a file: every task keeps the first kinds of them, the rest is one note a place."""
    tasks = [f"t{number}" for number in range(57)]
    content = {
        "results": {task: {"acc,none": 0.5, "alias": task} for task in tasks},
        "n-shot": dict.fromkeys(tasks, 5),
        "versions": dict.fromkeys(tasks, 1),
        "configs": {task: {"num_fewshot": 5, "repeats": 1} for task in tasks},
    }
    bundle = read(tmp_path, "lm-harness-many.json", content)
    assert all(task.config["alias"] == task.name for task in bundle.tasks if task.config)
    assert sum(len(task.config) for task in bundle.tasks) + len(bundle.params) <= 80
    assert len(bundle.skipped) == 2
    assert len(values(bundle)) == 57


SIMILARITY = {
    "id": "evaluation_result-1",
    "created_at": "2025-03-19T22:53:43.619932",
    "updated_at": "2025-03-19T22:55:43.619932",
    "tasks": {
        "t": {
            "metrics": {
                "rouge": {"scores": {"rouge_1": {"value": 0.5, "stats": {"count": 40, "stderr": 0.125, "mean": 0.25}}}},
                "bleu": {"scores": {"corpus": {"value": None, "stats": {"count": 7}}, "sentence": {"value": 11}}},
            }
        }
    },
    "groups": {
        "t": {
            "metrics": {"bleu": {"scores": {"sentence": {"value": 11}}}, "rouge": {"scores": {"rouge_1": {"value": 3}}}}
        },
        "all": {"metrics": {}, "groups": {"part": {"metrics": {"f1": {"scores": {"f1": {"value": 0.75}}}}}}},
    },
}


def test_similarity_scores_keep_their_stats(tmp_path):
    """``<metric>_<score>`` with error and n; other stats of their own; what stands in groups too is said once."""
    bundle = read(tmp_path, "results.json", SIMILARITY)
    assert bundle.name == "similarity_metrics_results.json"
    assert values(bundle) == {
        "t/rouge_rouge_1": 0.5,
        "t/rouge_rouge_1_mean": 0.25,
        "t/bleu_corpus_n": 7,
        "t/bleu_sentence": 11,
        "t/rouge_rouge_1_group": 3,
        "all/part/f1_f1": 0.75,
    }
    first = bundle.tasks[0].metrics[0]
    assert (first.stderr, first.n) == (0.125, 40)
    assert skipped(bundle) == {"results.json: tasks.t.metrics.bleu.scores.corpus": "it is null"}
    assert (bundle.ended_at - bundle.started_at).total_seconds() == 120
    assert bundle.params["id"] == "evaluation_result-1"


MTBENCH = (
    "question_id,score\n81,9.0\n82,N/A\n83,7,extra\ncategory,score,count\ntotal,8.5,160\nwriting,8.75,20\nmath,n/a,20\n"
)


def test_mtbench_rows_from_total_on_are_metrics(tmp_path):
    """The first column names, the second is the value, a third one counts; what is no number is listed by its row."""
    bundle = read(tmp_path, "llm_as_a_judge/mtbench/results/m.csv", MTBENCH)
    assert bundle.name == "mtbench_m.csv"
    assert values(bundle) == {"mtbench/total": 8.5, "mtbench/writing": 8.75, "mtbench/math_n": 20}
    assert [metric.n for metric in bundle.tasks[0].metrics] == [160, 20, None]
    assert skipped(bundle) == {"m.csv: row 8, math": "'n/a' is no number"}


def test_mtbench_questions_are_samples(tmp_path):
    """The rows before ``total`` are samples with their score; header rows are no loss."""
    bundle = read(tmp_path, "mtbench/m.csv", MTBENCH)
    found = [(sample.id, sample.scores["score"].value, sample.attributes) for sample in bundle.tasks[0].samples]
    assert found == [("81", 9.0, {}), ("82", None, {"score": "N/A"}), ("83", 7.0, {"column_3": "extra"})]
    assert [sample.index for sample in bundle.tasks[0].samples] == [0, 1, 2]


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_mtbench_without_total_keeps_every_row_as_metric(tmp_path, sign):
    """Nothing tells questions from totals there, so every row with a number is a metric; names stay unique."""
    bundle = read(tmp_path, "mtbench/m.csv", f"name{sign}value\nwriting{sign}8\nwriting{sign}9\n")
    assert values(bundle) == {"mtbench/writing": 8, "mtbench/writing_2": 9}
    assert bundle.tasks[0].samples is None


def test_a_text_in_the_place_of_a_score_is_listed(tmp_path):
    """Only headers are passed over: a row with a text for its value is named, and what else it holds is kept."""
    bundle = read(
        tmp_path, "mtbench/m.csv", "name,score\ntotal,8,80\nmath,failed\ncoding,failed,20\nturn,score\nmax,10\n"
    )
    assert values(bundle) == {"mtbench/total": 8, "mtbench/coding_column_3": 20, "mtbench/max": 10}
    assert skipped(bundle) == {
        "m.csv: row 3, math": "'failed' is no number",
        "m.csv: row 4, coding": "'failed' is no number",
    }


def test_a_csv_with_nothing_but_a_header_holds_no_metrics(tmp_path):
    """The original made a run without metrics of it; here it is an error that names the file."""
    with pytest.raises(InputError, match="no metrics") as caught:
        read(tmp_path, "mtbench/m.csv", "name,total\n")
    assert caught.value.where.endswith("m.csv")


def test_content_safety_numbers_are_found_at_any_depth(tmp_path):
    """Every number is a metric at its dotted path, lists included; two paths that read alike stay two metrics."""
    content = {"safe": {"rate": 0.9, "by": [1, None, {"x": 2}]}, "safe.rate": 0.8, "judge": "guard", "strict": True}
    bundle = read(tmp_path, "content_safety-aggregate_scores.json", content)
    assert values(bundle) == {
        "content_safety/safe.rate": 0.9,
        "content_safety/safe.by.0": 1,
        "content_safety/safe.by.2.x": 2,
        "content_safety/safe.rate_2": 0.8,
    }
    assert bundle.params == {"judge": "guard", "strict": True}
    assert skipped(bundle) == {"content_safety-aggregate_scores.json: safe.by.1": "it is null"}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("beir.json", {}),
        ("beir.json", {"NDCG@10": None}),
        ("bigbench/aggregate_scores.json", []),
        ("bigcode-aggregate_scores.json", [{"humaneval": {"pass@1": None}, "config": {"temperature": 1}}]),
        ("custom_eval/aggregate_scores.json", {"llm": {}}),
        ("lm-harness-x.json", {"results": {}, "versions": {}}),
        ("similarity_metrics/results.json", {"tasks": {}, "groups": {}}),
        ("content_safety-aggregate_scores.json", {"judge": "guard"}),
        ("mtbench/x.csv", ""),
    ],
)
def test_a_file_without_a_number_is_an_error(tmp_path, path, content):
    """It is claimed, so that reading it says where and why instead of making an empty run."""
    found = write(tmp_path, path, content)
    assert READER.sniff(found) is not None
    with pytest.raises(InputError, match="holds no metrics") as caught:
        READER.read(found)
    assert caught.value.where == str(found.path)


def test_settings_that_read_alike_keep_both_values():
    """A dotted key and a nested one of the same path are two settings."""
    assert settings_of({"a.b": 1, "a": {"b": 2}}, Notes(), where="x") == {"a.b": 1, "a.b_2": 2}


def test_files_with_the_same_content_and_name_are_the_same_result(tmp_path):
    """The identity is made of content and name: a copy elsewhere is the same, another name or evaluation is not."""
    first = read(tmp_path, "one/bigbench/aggregate_scores.json", SCORES)
    assert read(tmp_path, "two/bigbench/aggregate_scores.json", SCORES).id == first.id
    assert read(tmp_path, "two/multilingual/aggregate_scores.json", SCORES).id != first.id
    assert read(tmp_path, "two/bigbench/aggregate_scores.json.bak", SCORES).id != first.id


def test_a_document_reads_alike_wherever_its_evaluation_is_named(tmp_path):
    """Copied out of the folder that names it, a document still reads the same when the user names the evaluation."""
    found = write(tmp_path, "aggregate_scores.json", json.dumps(SCORES))
    named = source(found.path, evaluation="bigbench")
    assert READER.read(named).name == "bigbench_aggregate_scores.json"
    assert skipped(READER.read(named)) == {}
