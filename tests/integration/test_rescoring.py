"""Finished results, ours and others', scored anew without a request to the model that was tested."""

from __future__ import annotations

from pathlib import Path

import pytest

import evaltrail
from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.scoring.catalog import make_metrics
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.rescoring.rescore import RESCORED_FROM, RescoreOrder, rescore
from evaltrail.service.rescoring.sources import open_result
from evaltrail.service.rescoring.specs import read_specs
from judge_server import JudgeServer, Said
from judging_rules import graded
from launcher_jobs import INVOCATION, LauncherJobs
from native_tasks import write_data, write_task
from question_sets import keep_questions

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "results"
LIMITS = RequestLimits(concurrency=4, max_retries=0)
TONE = "{tone: {grading_prompt: On a scale of 1-5.}}"


@pytest.fixture
def settings(tmp_path):
    """A home of its own."""
    return load_settings({"EVALTRAIL_HOME": str(tmp_path / "home")}, None)


@pytest.fixture
def answered(tmp_path, settings):
    """A finished evaluation of 12 records, each repeated twice; every fourth was never answered."""
    rows = [
        {
            "question": f"q{n}",
            "answer": "gold",
            "given": f"{1 + n % 5} golden",
            "gone": "timeout: too slow" if n % 4 == 3 else None,
            "topic": f"t{n % 2}",
            "passages": ["p1", "p2"],
        }
        for n in range(12)
    ]
    write_data(tmp_path / "data.jsonl", rows)
    task = write_task(
        tmp_path,
        output="{{ given }}",
        output_error="{{ gone }}",
        group="{{ topic }}",
        context="{{ passages }}",
        repeats=2,
        extract={"regex": "[a-z]+"},
    )
    target = ModelTarget(id="m", is_asked=False)
    request = EvaluationRequest(tasks=(str(task),), target=target, params={"judge": "http://127.0.0.1:9/v1#never"})
    return evaluate(Order(request=request, delivery=None, allow_unscored=1.0), settings)


def _order(source, *words, **fields):
    return RescoreOrder(source=str(source), metrics=read_specs(words), limits=LIMITS, delivery=None, **fields)


def test_other_metrics_of_the_same_answers(answered, settings):
    """A result of its own id with the tag of its source; ids, repeats, groups, references and contexts are the same."""
    done = rescore(_order(answered.evaluation_id, "contains", "token_f1", allow_unscored=1.0), settings)
    (task,), (before,) = done.bundle.tasks, answered.bundle.tasks
    assert done.evaluation_id != answered.evaluation_id
    assert done.bundle.tags[RESCORED_FROM] == answered.evaluation_id
    assert [metric.name for metric in task.metrics][:1] == ["contains"]
    assert (task.counts.total, task.counts.scored, task.counts.unscored) == (24, 18, {"timeout": 6})
    for old, new in zip(before.samples, task.samples, strict=True):
        fields = (
            "id",
            "index",
            "repeat",
            "group",
            "reference",
            "contexts",
            "input",
            "output",
            "extracted",
            "error",
            "usage",
        )
        assert [getattr(new, name) for name in fields] == [getattr(old, name) for name in fields]
        assert set(new.scores) == {"contains", "token_f1"}
    assert (task.name, task.provider, task.dataset) == (before.name, before.provider, before.dataset)
    assert (done.bundle.model, task.usage["requests"]) == ("m", 0)
    assert "judge" not in done.bundle.params


def test_the_aggregates_are_those_of_a_run_with_these_metrics(tmp_path, answered, settings):
    """Scoring anew by the task's own metric gives every figure of the first time: pass@k, clusters, floor."""
    done = rescore(_order(answered.out, "exact_match", allow_unscored=1.0), settings)
    assert done.bundle.tasks[0].metrics == answered.bundle.tasks[0].metrics
    assert done.bundle.tasks[0].counts == answered.bundle.tasks[0].counts


def test_answers_to_questions_are_told_apart_as_before(settings):
    """Scored anew, a metric has the same slices by type, difficulty and source, over the same samples."""
    version = keep_questions(settings.question_sets_folder)
    target = ModelTarget(id="baseline:extractive", is_asked=False)
    request = EvaluationRequest(tasks=(f"dataset:{version.dataset_id}",), target=target)
    first = evaluate(Order(request=request, delivery=None), settings)
    done = rescore(_order(first.evaluation_id, "rougeL", "levenshtein"), settings)
    before, after = (
        {name: metric.n for name, metric in result.metrics.items() if "/rougeL/" in name} for result in (first, done)
    )
    assert after == before
    assert after["orlen/rougeL/source/garden/plan.pdf"] == 1
    assert done.metrics["orlen/levenshtein/type/numeric"].n == 2
    assert done.metrics["orlen/rougeL/type/numeric"] == first.metrics["orlen/rougeL/type/numeric"]


def test_judges_ask_their_own_model_only(answered, settings):
    """One question a sample that was answered, with the task's settings saying who judged."""
    with JudgeServer(lambda text: {"rationale": "r", "score": len(graded(text)) % 5 + 1}) as server:
        order = _order(answered.evaluation_id, TONE, judge=f"{server.url}#jm", allow_unscored=1.0)
        done = rescore(order, settings)
        assert len(server.bodies) == 18
    (task,) = done.bundle.tasks
    assert (task.config["judge.tone.model"], task.config["judge.tone.calibration"]) == ("jm", "uncalibrated")
    assert task.usage["judge_requests"] == 18
    assert "tone is judged by jm: uncalibrated" in (done.out / "report.md").read_text()


def test_a_cut_goes_on_where_it_was(answered, settings):
    """After the judge's endpoint went away the same order asks only what is missing."""
    with JudgeServer(lambda _: {"score": 3}) as server:
        server.rule = lambda _: {"score": 3} if len(server.bodies) <= 9 else Said(status=401, error="no")
        order = _order(answered.evaluation_id, TONE, judge=f"{server.url}#jm", allow_unscored=1.0)
        with pytest.raises(EndpointError):
            rescore(order, settings)
        before = len(server.bodies)
        server.rule = lambda _: {"score": 3}
        done = rescore(order, settings)
        assert len(server.bodies) - before <= 13  # repeats that say the same need no second verdict
    assert done.bundle.tasks[0].counts.scored == 18


@pytest.mark.parametrize(
    ("place", "count"),
    [("lm-eval", 11), ("nemo-bundle", 8), ("own-bundle", 12), ("inspect/2026-03-02T10-30-00+00-00_rivers_*", None)],
)
def test_results_of_other_harnesses_are_scored_too(settings, place, count):
    """Any result with samples that a reader knows: every sample is counted, and MLflow sees the source's own id."""
    (found,) = EXAMPLES.glob(place)
    done = rescore(_order(found, "exact_match", "token_count", allow_unscored=1.0), settings)
    total = sum(task.counts.total for task in done.bundle.tasks)
    assert total == sum(1 for task in done.bundle.tasks for _ in task.samples) > 0
    assert count in {None, total}
    assert done.bundle.tags[RESCORED_FROM]


@pytest.mark.parametrize(
    ("source", "code"), [("nobody", "unknown_id"), (EXAMPLES, "several_results"), (Path(__file__).parent, "no_results")]
)
def test_what_is_no_one_result_is_told(settings, source, code):
    """No such id, several results, or none: an error of the input, with what to do."""
    with pytest.raises(InputError) as raised:
        rescore(_order(source, "exact_match"), settings)
    assert raised.value.code == code
    assert raised.value.hint


def test_a_judge_without_a_model_is_told_before_anything_is_scored(answered, settings):
    """The run's own judge parameter is not inherited: who judges is said anew."""
    with pytest.raises(InputError, match="needs a model that judges"):
        rescore(_order(answered.evaluation_id, TONE), settings)


def test_no_metric_is_no_order(answered, settings):
    """Nothing to score by is an error."""
    with pytest.raises(InputError, match="no metric is named"):
        rescore(_order(answered.evaluation_id), settings)


def test_python_takes_names_options_and_metrics(tmp_path, answered, monkeypatch):
    """`evaltrail.score` in one call; the bundle lies in `out` too."""
    monkeypatch.setenv("EVALTRAIL_HOME", str(tmp_path / "home"))
    own = make_metrics(["bleu"])[0]
    done = evaltrail.score(
        answered.out,
        ["token_f1", {"contains": {"ignore_case": True}}, own],
        deliver=False,
        out=tmp_path / "out",
        allow_unscored=1,
    )
    assert {"sums/token_f1", "sums/contains", "sums/bleu", "sums/bleu_corpus"} <= set(done.metrics)
    assert read_bundle(tmp_path / "out").tags[RESCORED_FROM] == answered.evaluation_id
    assert read_bundle(tmp_path / "out").id == done.evaluation_id
    with pytest.raises(InputError, match="no option 'metric'"):
        evaltrail.score(answered.out, "bleu", metric="x")
    with pytest.raises(InputError, match="named twice"):
        evaltrail.score(answered.out, ["bleu", own])


def test_a_job_is_scored_by_its_id(tmp_path):
    """A launcher's invocation of several jobs asks for one of them; one that kept no samples says so."""
    jobs = LauncherJobs(tmp_path)
    for number in range(2):
        jobs.add(number=number)
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}, None)
    with pytest.raises(InputError, match="names 2 jobs") as several:
        rescore(_order(INVOCATION, "exact_match"), settings)
    with pytest.raises(InputError, match="its samples were not kept") as bare:
        rescore(_order(f"{INVOCATION}.1", "exact_match"), settings)
    assert (several.value.code, bare.value.code) == ("several_results", "no_samples")
    assert f"{INVOCATION}.0" in several.value.hint


def test_tasks_without_samples_are_left_out_with_a_word(tmp_path, settings):
    """What can be scored is; what cannot is named."""
    notices = []
    source = EXAMPLES / "nemo-service"
    done = rescore(_order(source, "token_count", allow_unscored=1.0), settings, Watch(notice=notices.append))
    with open_result(str(source), settings) as bundle:
        names = {task.name for task in bundle.tasks} - {task.name for task in done.bundle.tasks}
    assert all(any(name in notice for notice in notices) for name in names)
    assert done.bundle.tasks
