"""Task files against a real endpoint and the baselines: asked, scored, on disk, resumed. Nothing is delivered here."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from child import run_child, start_child
from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import Settings
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.history.evaluations import describe
from evaltrail.store.ledger import Ledger
from mock_endpoint import MockEndpoint
from native_tasks import records, write_data, write_task

FAST = RequestLimits(concurrency=8, timeout_s=10, max_retries=1)
CLI = """
    import os, sys
    os.environ["EVALTRAIL_HOME"] = sys.argv[1]
    from evaltrail.cli.main import main
    sys.exit(main(sys.argv[2:]))
"""


def sums(count: int) -> list[dict[str, str]]:
    """Items of the mock endpoint, which answers every tenth wrongly."""
    return [{"question": f"Item {n}: What is {n} + 101?", "answer": str(n + 101)} for n in range(count)]


@pytest.fixture
def settings(tmp_path):
    """Settings of a fresh home, with nothing from the environment."""
    return Settings(home=tmp_path / "home", environ={})


@pytest.fixture
def order(tmp_path):
    """A function that makes an order that is not delivered: rows of data, a URL or baseline, changes of the task."""

    def make(rows, url="", *, model="mock", request=None, fresh=False, **changes) -> Order:
        write_data(tmp_path / "data.jsonl", rows)
        file = write_task(tmp_path, **{"prompt": "{{ question }}", **changes})
        asked = EvaluationRequest(
            tasks=(str(file),), target=ModelTarget(id=model, url=url), limits=FAST, **(request or {})
        )
        return Order(request=asked, delivery=None, fresh=fresh)

    return make


def outputs(result: Result) -> list[str | None]:
    return [sample.output for sample in result.samples["sums"]]


def test_a_task_against_an_endpoint_scores_what_it_should(order, settings):
    """Nine of ten right answers are 0.9 with their interval, every sample lies in the bundle, one request each."""
    with MockEndpoint() as mock:
        result = evaluate(order(sums(50), mock.url), settings)
        asked = mock.stats()["total"]
    metric = result.metrics["sums/exact_match"]
    assert (metric.value, metric.n, metric.n_unscored, asked) == (0.9, 50, 0, 50)
    assert metric.ci_low is not None
    assert metric.ci_low < 0.9
    assert (result.exit_code, result.state) == (0, "completed")
    assert outputs(result)[:3] == ["101", "102", "103"]
    assert read_bundle(result.out).tasks[0].counts.scored == 50
    assert {file.name for file in result.out.iterdir()} == {
        *("bundle.json", "request.json", "samples.parquet", "report.md", "logs", "answers"),
        *("results.json", "results"),
    }


def test_the_same_order_after_a_finished_one_asks_anew(order, settings):
    """A finished evaluation is not continued; stored answers serve only where that is asked for."""
    with MockEndpoint() as mock:
        first = evaluate(order(sums(10), mock.url), settings)
        second = evaluate(order(sums(10), mock.url), settings)
        assert mock.stats()["total"] == 20
        third = evaluate(order(sums(10), mock.url, request={"reuse_answers": True}), settings)
        assert mock.stats()["total"] == 20
    assert len({first.evaluation_id, second.evaluation_id, third.evaluation_id}) == 3
    assert outputs(third) == outputs(first)
    assert third.bundle.tasks[0].usage["requests"] == 0


def test_an_endpoint_that_turns_us_away_is_told_and_resumed(order, settings):
    """Answers before the refusal are kept, and the same order asks only for the rest under the same id."""
    with MockEndpoint() as mock:
        revoke = Watch(progress=lambda _: mock.configure(force_status=401))
        with pytest.raises(EndpointError) as caught:
            evaluate(order(sums(200), mock.url), settings, revoke)
        (entry,) = Ledger(settings.home).latest(5)
        told = describe(entry)
        kept = told["progress"]["done"]
        assert (entry.id, entry.state, told["progress"]["total"]) == (caught.value.evaluation_id, "failed", 200)
        assert 1 <= kept < 200
        mock.configure(force_status=0)
        mock.reset()
        result = evaluate(order(sums(200), mock.url), settings)
        assert mock.stats()["total"] == 200 - kept
    assert result.evaluation_id == entry.id
    assert (result.metrics["sums/exact_match"].value, len(outputs(result))) == (0.9, 200)
    assert Ledger(settings.home).find(entry.id).state == "completed"
    assert not entry.work.exists()


def test_a_fresh_start_forgets_what_was_cut_short(order, settings):
    """--fresh asks everything again, as a new evaluation."""
    with MockEndpoint() as mock:
        revoke = Watch(progress=lambda _: mock.configure(force_status=401))
        with pytest.raises(EndpointError) as caught:
            evaluate(order(sums(50), mock.url), settings, revoke)
        mock.configure(force_status=0)
        mock.reset()
        result = evaluate(order(sums(50), mock.url, fresh=True), settings)
        assert mock.stats()["total"] == 50
    assert result.evaluation_id != caught.value.evaluation_id


@pytest.mark.slow
def test_a_kill_loses_no_answer(order, settings):
    """After kill -9 the same command repeats only what was in flight, and finishes the same evaluation."""
    with MockEndpoint(latency_ms=20) as mock:
        task = order(sums(300), mock.url).request.tasks[0]
        words = ["run", task, "--model", "mock", "--url", mock.url, "--no-deliver", "--concurrency", "4", "--json"]
        with start_child(CLI, settings.home, *words) as child:
            wait_until(lambda: mock.stats()["ok"] >= 40)
            (entry,) = Ledger(settings.home).latest(5)
            busy = run_child(CLI, settings.home, *words)
            os.kill(child.pid, signal.SIGKILL)
            child.communicate(timeout=30)
        assert busy.returncode == 2
        assert f"process {child.pid}" in json.loads(busy.stdout)["errors"][0]["message"]
        assert describe(Ledger(settings.home).find(entry.id))["errors"][0]["code"] == "interrupted"
        finished = run_child(CLI, settings.home, *words)
        asked = mock.stats()["total"]
    found = json.loads(finished.stdout)
    assert (finished.returncode, found["ok"], found["evaluation_id"]) == (0, True, entry.id)
    assert found["counts"]["sums"] == {"total": 300, "scored": 300, "unscored": {}, "failed": 0}
    assert 300 <= asked <= 304


def wait_until(claim, timeout_s: float = 30) -> None:
    """Wait until a claim holds."""
    ends = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_nothing_heavy_is_loaded_before_the_first_request(order, settings):
    """A run reaches its first request without MLflow, pyarrow or numpy: they cost seconds and 100 MB."""
    with MockEndpoint(force_status=401) as mock:
        task = order(sums(5), mock.url).request.tasks[0]
        child = run_child(
            """
            import os, sys
            from evaltrail.cli.main import main
            os.environ["EVALTRAIL_HOME"], *words = sys.argv[1:]
            code = main(words)
            print(code, *(name for name in ("mlflow", "pyarrow", "numpy", "pandas", "rich") if name in sys.modules))
            """,
            settings.home,
            *("run", task, "--model", "mock", "--url", mock.url, "--no-deliver"),
        )
        assert mock.stats()["total"] >= 1
    assert child.stdout.splitlines()[-1] == "1", child.stderr


def test_faults_are_reasons_and_the_run_finishes(order, settings):
    """Answers that cannot be used are unscored by reason and counted; the rest has its score."""
    with MockEndpoint(pgarbage=0.1, p500=0.1) as mock:
        result = evaluate(order(sums(100), mock.url), settings)
    counts = result.bundle.tasks[0].counts
    assert counts.total == 100
    assert counts.scored + sum(counts.unscored.values()) == 100
    assert set(counts.unscored) <= {"garbage", "http_500"}
    assert counts.failed == sum(counts.unscored.values()) > 0
    assert result.exit_code == 1
    assert result.errors[0].code == "unscored"


@pytest.mark.parametrize(
    ("model", "expected"),
    [("baseline:majority", ["a0"] * 4), ("baseline:extractive", ["The sky is blue."] * 4)],
)
def test_baselines_need_no_endpoint(order, settings, model, expected):
    """A baseline is evaluated like any model, without a request."""
    context = "Grass is green. The sky is blue."
    rows = [
        {"question": "What is the sky?", "answer": answer, "context": context} for answer in ("a0", "a1", "a0", "b")
    ]
    result = evaluate(order(rows, model=model), settings)
    assert outputs(result) == expected
    assert result.bundle.tasks[0].usage["requests"] == 0


def test_the_random_baseline_repeats_itself_by_seed(order, settings):
    """The same seed guesses the same, another seed guesses otherwise."""
    rows = [{**row, "options": ["a", "b", "c"]} for row in records(30)]

    def guess(seed: int) -> list[str | None]:
        asked = order(rows, model="baseline:random", choices="{{ options }}", request={"seed": seed})
        return outputs(evaluate(asked, settings))

    assert guess(1) == guess(1) != guess(2)


def test_one_bad_sample_does_not_stop_the_others(order, settings):
    """A record that the prompt cannot take is unscored, the others are scored, and the exit code tells."""
    rows = [{"question": "q", "answer": "q", "m": {"x": 1} if number != 2 else {}} for number in range(5)]
    result = evaluate(order(rows, model="baseline:majority", prompt="{{ question }}{{ m.x }}"), settings)
    counts = result.bundle.tasks[0].counts
    assert (counts.scored, counts.unscored, result.exit_code) == (4, {"bad_template": 1}, 1)


def test_a_broken_line_stops_before_anything_is_asked(order, settings):
    """The first pass finds it: nothing is asked, nothing is noted, exit 2."""
    with MockEndpoint() as mock:
        with pytest.raises(InputError) as caught:
            evaluate(order([*sums(3), {"question": "no answer"}], mock.url), settings)
        assert mock.stats()["total"] == 0
    assert caught.value.exit_code == 2
    assert not settings.home.exists()
