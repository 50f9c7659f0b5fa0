"""Tasks run by lm-evaluation-harness itself in a child process, asked through our engine, read by our reader."""

from __future__ import annotations

import json

import pytest

from child import run_child
from evaltrail.core.errors import EndpointError, EvaltrailError, InputError
from evaltrail.core.progress import Progress
from evaltrail.core.request import RequestLimits
from foreign_results import metrics_of
from lm_eval_tasks import (
    COLOURS,
    KEY,
    call_of,
    make_task,
    mean_of,
    mirror_of_shipped_tasks,
    run_task,
    sums_task,
    token_logprob,
    write_rows,
    write_task,
)
from mock_endpoint import MockEndpoint
from model_calls import body_of

pytestmark = pytest.mark.slow

REFERENCE = """
    import sys
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager
    manager = TaskManager(include_path=sys.argv[1], include_defaults=False)
    found = simple_evaluate(model="dummy", tasks=["sums"], task_manager=manager, bootstrap_iters=0)
    print(*(row["prompt_hash"] for row in found["samples"]["sums"]))
"""
CHOICES = [{"question": f"Which is {colour}?", "answer": n} for n, colour in enumerate(COLOURS)]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """Rows of ours in the place of arc_easy's and gsm8k's."""
    return mirror_of_shipped_tasks(tmp_path_factory.mktemp("mirror"))


def test_a_task_of_texts_scores_what_it_should(tmp_path):
    """One request a document with the task's own settings; nine of ten are right; progress is told on the way."""
    told: list[Progress] = []
    with MockEndpoint() as mock:
        task = make_task("sums", mock.url, folder=sums_task(tmp_path / "tasks"))
        bundle = run_task(task, tmp_path, on_progress=told.append)
        stats = mock.stats()
    (found,) = bundle.tasks
    metric = metrics_of(found)["exact_match,none"]
    assert (metric.value, metric.n, stats["total"]) == (0.9, 20, 20)
    assert (found.counts.scored, found.config["generation_kwargs.max_gen_toks"]) == (20, 16)
    assert [sample.output for sample in found.samples][:3] == ["101", "102", "103"]
    assert found.config["num_fewshot"] == 0
    assert {(each.usage.attempts, each.usage.prompt_tokens) for each in found.samples} == {(1, 24)}
    assert all(each.usage.latency_s for each in found.samples)
    body = body_of(stats)
    assert {key: body[key] for key in ("temperature", "max_tokens", "stop")} == {
        "temperature": 0,
        "max_tokens": 16,
        "stop": ["\n"],
    }
    assert (told[-1].done, told[-1].total, told[-1].task, told[-1].tokens > 0) == (20, 20, "sums", True)
    assert (bundle.model, bundle.origin.version) == ("mock", task.provider_version)


def test_a_shipped_task_of_choices_runs_by_its_name(tmp_path, mirror):
    """arc_easy: its own prompts, one request a document, the likeliest choice by its log-probability."""
    with MockEndpoint() as mock:
        bundle = run_task(make_task("arc_easy", mock.url, mirror=mirror), tmp_path)
        asked = mock.stats()["total"]
    (found,) = bundle.tasks
    logprobs = [token_logprob(colour) + token_logprob("thing") for colour in COLOURS]
    assert [sample.choice_logprobs for sample in found.samples] == [pytest.approx(logprobs)] * 4
    assert (metrics_of(found)["acc,none"].value, found.counts.total, asked) == (0.25, 4, 4)
    assert next(iter(found.samples)).input == "Question: Which is red?\nAnswer:"
    assert found.dataset.name == "allenai/ai2_arc"


def test_a_shipped_task_of_texts_runs_as_a_chat_with_examples(tmp_path, mirror):
    """gsm8k with two examples as turns of their own and a system turn."""
    params = {
        "apply_chat_template": "true",
        "fewshot_as_multiturn": "true",
        "num_fewshot": "2",
        "system_instruction": "Be brief.",
    }
    with MockEndpoint() as mock:
        bundle = run_task(make_task("gsm8k", mock.url, mirror=mirror, params=params), tmp_path)
        messages = body_of(mock.stats())["messages"]
    assert [turn["role"] for turn in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    found = metrics_of(bundle.tasks[0])
    assert found["exact_match,flexible-extract"].value == 0.9
    assert bundle.tasks[0].config["num_fewshot"] == 2


def test_prompts_are_the_harness_s_own(tmp_path):
    """With examples drawn by its own random numbers: each prompt is what the harness gives any model."""
    folder = sums_task(tmp_path / "tasks", fewshot_split="test", num_fewshot=3)
    write_task(
        folder,
        "sums",
        fewshot_split="test",
        num_fewshot=3,
        dataset_kwargs={"data_files": {"test": str(folder / "rows.jsonl")}},
    )
    reference = run_child(REFERENCE, folder)
    with MockEndpoint() as mock:
        bundle = run_task(make_task("sums", mock.url, folder=folder), tmp_path)
    hashes = [sample.attributes["prompt_hash"] for sample in bundle.tasks[0].samples]
    assert len(set(hashes)) == 20
    assert reference.stdout.split() == hashes, reference.stderr


@pytest.mark.slow
def test_a_whole_text_is_weighed(tmp_path):
    """loglikelihood_rolling: perplexity over all tokens but the first, which endpoints give no probability."""
    rows = [{"question": "", "answer": "one two three"}]
    folder = write_task(
        tmp_path / "tasks",
        "weighed",
        rows,
        output_type="loglikelihood_rolling",
        metric_list=[{"metric": "bits_per_byte"}],
    )
    with MockEndpoint() as mock:
        bundle = run_task(make_task("weighed", mock.url, folder=folder), tmp_path)
    (metric,) = bundle.tasks[0].metrics
    expected = -(token_logprob("two") + token_logprob("three")) / len("one two three") / 0.6931471805599453
    assert metric.value == pytest.approx(expected)


def test_a_continuation_that_the_model_would_say_itself_counts(tmp_path):
    """loglikelihood: accuracy is whether each token is the likeliest; the mock finds its own tokens likeliest."""
    metrics = [*mean_of("acc"), {"metric": "perplexity"}]
    folder = write_task(tmp_path / "tasks", "last", CHOICES, output_type="loglikelihood", metric_list=metrics)
    with MockEndpoint() as mock:
        bundle = run_task(make_task("last", mock.url, folder=folder), tmp_path)
    assert metrics_of(bundle.tasks[0])["acc,none"].value == 1


@pytest.mark.parametrize(
    "knobs",
    [
        {"no_logprobs": 1},
        pytest.param({"force_status": 404}, marks=pytest.mark.slow),
        pytest.param({"force_status": 400}, marks=pytest.mark.slow),
    ],
)
def test_an_endpoint_without_log_probabilities_is_found_out_by_one_request(tmp_path, mirror, knobs):
    """Before everything is asked, with tasks that can run instead."""
    with MockEndpoint(**knobs) as mock:
        with pytest.raises(EndpointError) as caught:
            run_task(make_task("arc_easy", mock.url, mirror=mirror), tmp_path)
        assert mock.stats()["total"] == 1
    assert caught.value.code == "no_logprobs"
    assert caught.value.message.count("log-probabilities") == 1
    assert "gsm8k" in caught.value.hint


def test_documents_without_an_answer_are_left_out_and_told(tmp_path):
    """The mean is over the answered ones alone, and every row that is not says why."""
    with MockEndpoint(p400=0.2, pgarbage=0.2) as mock:
        bundle = run_task(make_task("sums", mock.url, folder=sums_task(tmp_path / "tasks", 50)), tmp_path)
    (found,) = bundle.tasks
    metric = metrics_of(found)["exact_match,none"]
    failed = [sample for sample in found.samples if sample.error]
    right = [sample.scores["exact_match,none"].value for sample in found.samples if not sample.error]
    assert set(found.counts.unscored) == {"http_400", "garbage"}
    assert (found.counts.total, found.counts.scored, found.counts.failed) == (50, len(right), len(failed))
    assert (metric.n, metric.value) == (len(right), pytest.approx(sum(right) / len(right)))
    assert {sample.scores["exact_match,none"].reason for sample in failed} == {"http_400", "garbage"}
    assert not [sample for sample in failed if sample.output is not None]


@pytest.mark.slow
def test_a_choice_without_its_likelihood_is_no_wrong_answer(tmp_path, mirror):
    """A document of which one request failed is unscored; the others count."""
    with MockEndpoint() as mock:
        task = make_task("arc_easy", mock.url, mirror=mirror)
        bundle = run_task(task, tmp_path, on_progress=lambda told: told.done and mock.configure(force_status=500))
    counts = bundle.tasks[0].counts
    assert counts.total == 4
    assert counts.scored + counts.unscored.get("http_500", 0) == 4


@pytest.mark.slow
def test_not_one_answer_is_a_result_of_nothing(tmp_path):
    """No metric, no zero: all documents unscored."""
    with MockEndpoint(force_status=400) as mock:
        bundle = run_task(make_task("sums", mock.url, folder=sums_task(tmp_path / "tasks", 5)), tmp_path)
    (found,) = bundle.tasks
    assert (found.metrics, dict(found.counts.unscored), found.counts.scored) == ((), {"http_400": 5}, 0)


def test_a_group_of_tasks_is_one_run(tmp_path):
    """Each of its tasks, and the group's own mean, weighted by the answered documents."""
    folder = sums_task(tmp_path / "tasks", 20)
    write_task(folder, "few", dataset_kwargs={"data_files": {"test": "few.jsonl"}})
    write_rows(folder / "few.jsonl", [{"question": "Item 7: What is 7 + 101?", "answer": "108"}] * 5)
    (folder / "both.yaml").write_text(
        json.dumps({"group": "both", "task": ["sums", "few"], "aggregate_metric_list": [{"metric": "exact_match"}]})
    )
    with MockEndpoint() as mock:
        bundle = run_task(make_task("both", mock.url, folder=folder), tmp_path)
    found = {task.name: metrics_of(task)["exact_match,none"] for task in bundle.tasks}
    assert {name: metric.value for name, metric in found.items()} == {"sums": 0.9, "few": 0.0, "both": 0.72}
    spent = {task.name: [each.usage.attempts for each in task.samples or ()] for task in bundle.tasks}
    assert spent == {"sums": [1] * 20, "few": [1] * 5, "both": []}


@pytest.mark.slow
def test_samples_and_shares_are_taken(tmp_path):
    """--samples by place, --limit as a share, --seed into every request."""
    folder = sums_task(tmp_path / "tasks")
    with MockEndpoint() as mock:
        chosen = run_task(make_task("sums", mock.url, folder=folder, sample_ids=("7", "3")), tmp_path / "a")
        shared = run_task(make_task("sums", mock.url, folder=folder, limit=0.25, seed=11), tmp_path / "b")
        assert body_of(mock.stats())["seed"] == 11
    assert [(sample.id, sample.output) for sample in chosen.tasks[0].samples] == [("3", "104"), ("7", "109")]
    assert shared.tasks[0].counts.total == 5


def test_data_that_are_not_there_are_told_with_their_place(tmp_path):
    """Nothing is fetched in secret: where the rows go, and how to allow the network."""
    with MockEndpoint() as mock:
        with pytest.raises(InputError) as caught:
            run_task(make_task("hellaswag", mock.url, mirror=tmp_path / "mirror"), tmp_path)
        assert mock.stats()["total"] == 0
    assert caught.value.code == "missing_dataset"
    assert str(tmp_path / "mirror/Rowan/hellaswag/<split>.jsonl") in caught.value.hint
    assert "allow_downloads" in caught.value.hint


def test_broken_rows_of_the_mirror_are_told_with_their_file(tmp_path):
    """A mistake in the user's file is no traceback."""
    broken = tmp_path / "mirror/openai/gsm8k/main/test.jsonl"
    write_rows(broken, []).write_text('{"question": ')
    with MockEndpoint() as mock, pytest.raises(InputError) as caught:
        run_task(make_task("gsm8k", mock.url, mirror=tmp_path / "mirror"), tmp_path)
    assert (caught.value.code, caught.value.where) == ("bad_dataset", str(broken))


def test_a_task_that_breaks_says_how_and_where_the_log_is(tmp_path):
    """The harness's last word, its whole log beside, and nothing that looks like a result."""
    folder = sums_task(tmp_path / "tasks", doc_to_text="{{nothing_like_it}}")
    with MockEndpoint() as mock, pytest.raises(EvaltrailError) as caught:
        run_task(make_task("sums", mock.url, folder=folder), tmp_path)
    assert "nothing_like_it" in caught.value.message
    assert str(tmp_path / "task.log") in caught.value.hint
    assert not (tmp_path / "work" / "results").exists()


def test_the_key_stands_in_no_file_and_on_no_command_line(tmp_path):
    """It goes through the environment of the child alone; headers too."""
    folder = sums_task(tmp_path / "tasks", 3)
    with MockEndpoint(require_key=KEY) as mock:
        task = make_task("sums", mock.url, folder=folder)
        bundle = run_task(task, tmp_path, headers={"X-Token": "token-that-nobody-may-see"})
        assert mock.stats()["last_request"]["headers"]["x-token"] == "token-that-nobody-may-see"
    assert bundle.tasks[0].counts.scored == 3
    texts = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert not [text for text in texts if b"nobody-may-see" in text]


def test_a_refused_key_is_the_endpoint_s_error(tmp_path):
    """It passes through the child as it is."""
    with MockEndpoint(require_key="another") as mock, pytest.raises(EndpointError) as caught:
        run_task(make_task("sums", mock.url, folder=sums_task(tmp_path / "tasks", 3)), tmp_path)
    assert caught.value.code == "http_401"


def test_a_finished_task_is_not_run_again(tmp_path):
    """The same folder answers at once."""
    with MockEndpoint() as mock:
        task = make_task("sums", mock.url, folder=sums_task(tmp_path / "tasks", 3))
        call = call_of(task, tmp_path, limits=RequestLimits(concurrency=2))
        first = task.run(tmp_path / "work", call)
        assert task.run(tmp_path / "work", call) == first
        assert mock.stats()["total"] == 3
