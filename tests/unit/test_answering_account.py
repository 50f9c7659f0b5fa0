"""The account of an evaluation: states, phases, progress, links; from values alone."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from answering_values import BROKEN, at, deliver, plan, some_job, some_known, some_submission, some_unit
from evaltrail.jobs.failure import Failure
from evaltrail.service.answering.account import RunAccount
from evaltrail.service.answering.asked import Asked, asked_for, benchmark_of_task
from evaltrail.service.answering.landed import Landing, landing_of
from evaltrail.service.answering.phases import problem_of
from evaltrail.service.answering.telling import tell
from evaltrail.service.working.submission_spec import submission_to_json

MLFLOW = "http://mlflow:5000"


@pytest.mark.parametrize(
    ("units", "job", "state", "phase"),
    [
        ([plan("waiting"), deliver()], "pending", "pending", "initializing"),
        ([plan("running"), deliver()], "running", "pending", "loading_data"),
        ([plan(), some_unit(1, "waiting"), deliver()], "running", "pending", "loading_data"),
        ([some_unit(0, "waiting"), deliver()], "pending", "pending", "initializing"),
        ([plan(), some_unit(1, "running"), deliver()], "running", "running", "running_evaluation"),
        ([plan(), some_unit(1), some_unit(2, "waiting"), deliver()], "running", "running", "running_evaluation"),
        ([plan(), some_unit(1, "failed"), some_unit(2, "running")], "running", "running", "running_evaluation"),
        ([plan(), some_unit(1), deliver("waiting")], "running", "running", "post_processing"),
        ([plan(), some_unit(1), deliver("running")], "running", "running", "persisting_artifacts"),
        ([plan(), some_unit(1), deliver("done")], "completed", "completed", "completed"),
        ([plan(), some_unit(1), some_unit(2, "failed"), deliver("done")], "failed", "failed", "running_evaluation"),
        ([plan(), some_unit(1, "cancelled"), deliver("done")], "cancelled", "cancelled", "running_evaluation"),
        ([plan("cancelled", attempt=0), deliver("cancelled")], "cancelled", "cancelled", "initializing"),
        ([plan("failed"), deliver("done")], "failed", "failed", "loading_data"),
        ([plan(), some_unit(1), deliver("cancelled")], "cancelled", "cancelled", "running_evaluation"),
    ],
)
def test_a_benchmark_is_as_far_as_its_units_are(units, job, state, phase):
    """State and phase of a benchmark follow from plan, own units and the last one; phases never go back."""
    account = tell(some_known(*units, job=some_job(state=job)), "")
    assert (account.benchmarks[0].state, account.benchmarks[0].phase) == (state, phase)


def test_a_result_without_a_score_has_failed_though_its_units_were_done():
    """What only the bundle knows decides over what the queue thinks."""
    why = "no sample could be scored"
    account = tell(some_known(some_unit(), deliver("done"), job=some_job(state="failed"), empty={0: why}), "")
    assert account.benchmarks[0].state == "failed"
    assert account.benchmarks[0].error.message == account.message.message == why


def test_progress_tokens_attempts_and_times_are_summed_over_parts():
    """The total is known once every part knows its own; the end is that of the last part."""
    parts = [
        some_unit(1, done=4, tokens=40, attempt=1, started_at=at(3), ended_at=at(8)),
        some_unit(2, "running", done=2, total=None, tokens=2, attempt=3),
    ]
    found = tell(some_known(plan(), *parts), "").benchmarks[0]
    assert (found.progress.done, found.progress.total, found.tokens, found.attempts) == (6, None, 42, 3)
    assert (found.started_at, found.ended_at) == (at(2), None)
    whole = tell(some_known(plan(), parts[0], replace(parts[1], state="done", total=5, ended_at=at(30))), "")
    assert (whole.benchmarks[0].progress.total, whole.benchmarks[0].ended_at, whole.progress.total) == (15, at(30), 15)


def test_cancelling_is_told_as_running_with_a_message():
    """Clients know six states; the message says what is on the way."""
    account = tell(some_known(plan("running"), job=some_job(state="cancelling")), "")
    assert (account.state, account.message.message_code) == ("running", "cancelling")


def test_a_failure_is_told_with_its_reason_and_without_its_key():
    """The message of a failed evaluation is that of its first error, redacted; of a partial one how many failed."""
    failure = replace(BROKEN, message="wrong key sk-abcdefgh12345678")
    failed = some_known(some_unit(0, "failed", error=failure), job=some_job(state="failed", error=failure))
    account = tell(failed, "")
    assert (account.message.message, account.message.message_code) == ("wrong key ***", "endpoint")
    assert account.benchmarks[0].error.message == "wrong key ***"
    asked = Asked(submission=some_submission("b0", "b1"))
    units = some_unit(0, "failed"), some_unit(1, place={"task": 1}), deliver("done")
    partly = tell(some_known(*units, asked=asked, job=some_job(state="partially_failed", error=BROKEN)), "")
    assert partly.message.message == "1 of 2 benchmarks failed: it broke"
    assert [each.state for each in partly.benchmarks] == ["failed", "completed"]


LANDING = some_job(id="00000000000000bb", kind="landing")


@pytest.mark.parametrize(
    ("word", "job", "family", "sync"),
    [
        (None, "pending", (), "pending"),
        ("synced", "completed", (), "synced"),
        ("off", "completed", (), "off"),
        ("failed", "partially_failed", (), "failed"),
        ("pending", "completed", (), "pending"),
        ("pending", "completed", (LANDING,), "pending"),
        ("pending", "completed", (replace(LANDING, state="completed"),), "synced"),
        ("pending", "completed", (replace(LANDING, state="failed"),), "failed"),
        ("pending", "completed", (replace(LANDING, state="failed"), LANDING), "pending"),
        ("synced", "completed", (replace(LANDING, state="failed"),), "synced"),
        (None, "cancelled", (), "off"),
    ],
)
def test_mlflow_is_synced_once_the_last_delivery_was(word, job, family, sync):
    """The last unit's word counts; where that is `pending`, the newest job that goes on with the delivery tells."""
    last = deliver("done" if word else "held", result={"mlflow": word} if word else None)
    known = some_known(some_unit(), last, job=some_job(state=job), family=family)
    assert tell(known, MLFLOW).mlflow_sync == sync


def test_nothing_to_deliver_is_off():
    """An order without a delivery never waits for one."""
    known = some_known(some_unit(), asked=Asked(submission=some_submission(), is_delivered=False))
    assert tell(known, MLFLOW).mlflow_sync == "off"


def test_runs_bear_links_that_open():
    """As they were made when the run landed; else MLflow's page that finds out the experiment by itself."""
    landed = Landing(experiment_id="7", experiment_name="e", runs=(RunAccount(run_id="r0", url="http://u/r0"),))
    job = some_job(run_ids={"": "r0", "b0": "r1"})
    account = tell(some_known(some_unit(), job=job, landing=landed), MLFLOW)
    assert [(run.task, run.url) for run in account.runs] == [
        ("", "http://u/r0"),
        ("b0", "http://mlflow:5000/#/experiments/7/runs/r1"),
    ]
    assert (account.experiment.id, account.experiment.url) == ("7", "http://mlflow:5000/#/experiments/7")
    early = tell(some_known(some_unit(), job=job), "http://user:word@mlflow:5000")
    assert [run.url for run in early.runs] == ["http://mlflow:5000/#/runs/r0", "http://mlflow:5000/#/runs/r1"]
    assert [run.url for run in tell(some_known(some_unit(), job=job), "sqlite:///m.db").runs] == ["", ""]


def test_runs_of_a_later_delivery_are_told_too():
    """The job that went on with the delivery has noted them, not the evaluation's own."""
    family = (replace(LANDING, state="completed", run_ids={"": "r9"}),)
    assert [run.run_id for run in tell(some_known(some_unit(), family=family), MLFLOW).runs] == ["r9"]


def test_urls_are_told_without_what_may_be_secret():
    """Login and query of the model's URL and the callback's stay here."""
    model = replace(some_submission().model, url="http://u:p@model:8001/v1?key=s")
    submission = some_submission(model=model, callback_url="https://u:p@ci/hook?token=s")
    account = tell(some_known(some_unit(), asked=Asked(submission=submission)), "")
    assert (account.model.url, account.callback.url) == ("http://model:8001/v1", "https://ci/hook")


@pytest.mark.parametrize(
    ("state", "told"), [("pending", "pending"), ("running", "pending"), ("completed", "sent"), ("failed", "failed")]
)
def test_a_callback_is_as_far_as_its_job_is(state, told):
    """It is sent when its own job is completed."""
    family = (some_job(id="00000000000000cc", kind="callback", state=state),)
    asked = Asked(submission=some_submission(callback_url="https://ci/hook"))
    assert tell(some_known(some_unit(), asked=asked, family=family), "").callback.state == told


def test_a_submission_comes_back_from_its_spec():
    """What the service accepted is what it tells."""
    submission = some_submission("a", "b", name="n", tags={"k": ""}, warnings=("w",))
    spec = msgspec.json.decode(msgspec.json.encode(submission_to_json(submission)))
    assert msgspec.to_builtins(asked_for(spec).submission) == msgspec.to_builtins(submission)


def test_an_order_of_the_command_line_is_told_with_what_is_known():
    """`run --detach` leaves no submission; its model, tasks and experiment are told all the same."""
    spec = {
        "version": 1,
        "request": {"target": {"id": "m", "url": "http://h/v1"}, "tasks": ["ragas/x", "/d/sums.yaml"]},
        "delivery": {"experiment": "e", "tags": {"team": "a"}},
    }
    asked = asked_for(spec)
    assert (asked.submission.model.name, asked.submission.experiment) == ("m", "e")
    assert [(each.provider_id, each.id) for each in asked.submission.benchmarks] == [("ragas", "x"), ("native", "sums")]
    assert asked.is_delivered
    assert not asked_for({**spec, "delivery": None}).is_delivered


STRANGE = [{}, {"request": 7}, {"version": 9, "submission": {}}, {"version": 1, "submission": 7}]


@pytest.mark.parametrize("spec", STRANGE)
def test_a_spec_of_another_version_hides_no_evaluation(spec):
    """A list with one such job is still a list."""
    account = tell(some_known(some_unit(), asked=asked_for(spec)), "")
    assert (account.name, account.benchmarks) == ("n", ())


def test_a_task_name_without_a_provider_is_ours():
    """Task files are benchmarks of the provider `native`."""
    assert benchmark_of_task("sums").provider_id == "native"
    assert benchmark_of_task("a/b/c").id == "b/c"


@pytest.mark.parametrize("result", [b"", b"{", b'{"receipts": 7}', b'{"receipts": []}'])
def test_a_ledger_that_says_nothing_is_no_error(result):
    """Its links are made anew where they can be."""
    assert landing_of(result) == Landing()


def test_a_hint_for_a_terminal_is_told_as_a_request_would_say_it():
    """Nobody who sent JSON looks for a flag."""
    failure = Failure(code="missing_dataset", message="m", hint="put it there, or --param allow_downloads=true")
    assert problem_of(failure).hint == "put it there, or config: {allow_downloads: true}"
