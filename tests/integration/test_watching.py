"""Watching runs to their ends: queued ones, those of other processes, invocations; and a database that goes away."""

from __future__ import annotations

import os
from dataclasses import replace

import msgspec
import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.hold import Hold
from evaltrail.jobs.opening import open_queue
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.history.watching import exit_code_of, watch
from evaltrail.service.working.calling_off import cancel_job, retry_job
from evaltrail.service.working.execute import UnitExecutor
from evaltrail.store.ledger import Entry, Ledger
from evaltrail.store.work import claim_work
from lease_queues import BROKEN, run_out
from native_tasks import records, write_data, write_task
from order_shop import Shop
from own_jobs import INVOCATION, OwnJobs
from private_postgres import PostgresServer
from private_servers import own_server


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.fixture
def queue(shop):
    with open_queue(shop.settings) as opened:
        yield opened


@pytest.fixture
def task(tmp_path):
    write_data(tmp_path / "data.jsonl", records(12))
    return write_task(tmp_path, name="fine")


def until(happenings, kind):
    """The next happening of that kind; so many looks are more than enough."""
    for happening, _ in zip(happenings, range(200), strict=False):
        if happening.kind == kind:
            return happening
    pytest.fail(f"{kind} never happened")


def kinds(happenings):
    return [happening.kind for happening in happenings if happening.kind not in {"tick", "progress"}]


def test_a_queued_evaluation_is_watched_from_pending_to_its_end(shop, queue, task):
    """What happened before is not told again; then every event, and the last progress is the whole."""
    job_id = shop.submit(queue, task).job_id
    queue.fail(queue.claim("first"), BROKEN, 0.0)
    happenings = watch(shop.settings, job_id[:6])
    first = next(happenings)
    assert (first.kind, first.state, first.progress.done, first.progress.total) == ("progress", "running", 0, 12)
    shop.work_off(queue)
    rest = list(happenings)
    assert kinds(rest) == ["claimed", "finished", "released", "claimed", "finished", "ended"]
    assert (rest[-1].state, rest[-1].progress.done, rest[-1].data) == ("completed", 12, {"state": "completed"})
    ids = [each.event_id for each in rest if each.event_id is not None]
    assert ids == sorted(set(ids))


def test_what_goes_wrong_with_a_unit_is_told(shop, queue, task):
    """Failed, handed back and lost, each with what the queue knows of it; a retry after the end is watched as well."""
    job_id = shop.submit(queue, task).job_id
    happenings = watch(shop.settings, job_id)
    next(happenings)
    queue.fail(queue.claim("one"), BROKEN, 0.0)
    failed = until(happenings, "failed")
    assert (failed.unit_id, failed.data["message"], failed.data["retry_in_s"]) == (f"{job_id}.0", "it broke", 0.0)
    queue.hand_back(queue.claim("two"))
    assert until(happenings, "handed_back").unit_id == f"{job_id}.0"
    queue.claim("three")
    run_out(queue)
    queue.sweep()
    assert until(happenings, "lost").data["owner"] == "three"
    cancel_job(job_id, shop.settings, queue)
    assert until(happenings, "cancelling").state == "cancelling"
    shop.work_off(queue)
    assert list(happenings)[-1].state == "cancelled"
    retry_job(job_id, shop.settings, queue)
    assert shop.described(job_id)["state"] == "pending"
    assert next(watch(shop.settings, job_id)).state == "pending"


def test_a_journal_that_is_ahead_of_its_worker_counts(shop, queue, task):
    """Samples are told as they are put down, not only with the worker's next sign of life."""
    job_id = shop.submit(queue, task).job_id
    happenings = watch(shop.settings, job_id)
    next(happenings)
    folder = shop.settings.home / "work" / "jobs" / job_id
    folder.mkdir(parents=True)
    (folder / "0-fine.000000000.jsonl").write_text("{}\n{}\n{")
    assert until(happenings, "progress").progress.done == 2


def test_one_that_has_ended_is_not_waited_for(shop, queue, task):
    """Nothing is told but how far it is."""
    job_id = shop.submit(queue, task).job_id
    shop.work_off(queue)
    assert [(each.kind, each.state) for each in watch(shop.settings, job_id)] == [("progress", "completed")]


def test_one_that_has_ended_is_told_from_the_ledger_alone(shop, queue, task):
    """The queue may have forgotten it, or be away."""
    job_id = shop.submit(queue, task).job_id
    shop.work_off(queue)
    elsewhere = replace(shop.settings, database_url=f"sqlite:///{shop.settings.home / 'other.db'}")
    assert [(each.kind, each.state) for each in watch(elsewhere, job_id)] == [("progress", "completed")]


def test_one_that_the_queue_does_not_know_is_no_reason_to_wait(shop, tmp_path):
    """The ledger has it, the database is another one: exit 2 with the variable to look at."""
    work = shop.settings.home / "work" / "jobs" / "0123456789abcdef"
    Ledger(shop.settings.home).accept(entry(shop, "0123456789abcdef", work))
    with pytest.raises(InputError, match="does not know the job") as caught:
        list(watch(shop.settings, "0123"))
    assert "EVALTRAIL_DATABASE_URL" in caught.value.hint


def entry(shop, identity, work):
    with claim_work(shop.settings.home, "any", 1) as some:
        began = some.state.started_at
    out = shop.settings.home / "runs" / identity
    return Entry(id=identity, state="running", model="m", tasks=("fine",), out=out, work=work, started_at=began)


def test_an_evaluation_of_another_process_is_watched_by_what_status_reads(shop):
    """Journals, lock and ledger: no queue is opened for it."""
    ledger = Ledger(shop.settings.home)
    with claim_work(shop.settings.home, "key", 4) as work:
        ledger.begin(entry(shop, work.state.evaluation_id, work.folder))
        happenings = watch(shop.settings, work.state.evaluation_id)
        assert (next(happenings).state, next(happenings).kind) == ("running", "tick")
        work.journal(0).write_text("{}\n{}\n")
        assert until(happenings, "progress").progress.done == 2
        ledger.end(work.state.evaluation_id, "completed", b'{"exit_code": 0}')
    assert until(happenings, "ended").state == "completed"
    assert not list(happenings)
    assert not (shop.settings.home / "jobs.db").exists()


def test_one_whose_process_died_has_ended(shop):
    """The lock tells: nothing is waited for that nobody does."""
    with claim_work(shop.settings.home, "key", 4) as work:
        Ledger(shop.settings.home).begin(entry(shop, work.state.evaluation_id, work.folder))
    assert [each.state for each in watch(shop.settings, work.state.evaluation_id)] == ["failed"]


def test_an_invocation_is_watched_until_its_launcher_has_delivered(tmp_path):
    """Samples where all jobs tell them; a job's end is told; the end waits for who still delivers."""
    jobs = OwnJobs(tmp_path)
    environ = {"EVALTRAIL_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    settings = load_settings(environ, None)
    folder = jobs.add(0, "running", progress=7, total=9)
    with jobs.launching():
        with jobs.running(folder):
            happenings = watch(settings, INVOCATION[:6])
            first = next(happenings)
            assert (first.state, first.progress.done, first.progress.total) == ("running", 7, 9)
            jobs.end(folder, 1)
        told = until(happenings, "job")
        assert (told.unit_id, told.data) == (f"{INVOCATION}.0", {"state": "failed", "exit_code": 1})
        assert [next(happenings).kind for _ in range(4)].count("ended") == 0
    assert until(happenings, "ended").state == "failed"


@pytest.mark.parametrize(
    ("state", "recorded", "code"),
    [
        ("completed", 0, 0),
        ("completed", 1, 1),
        ("completed", 3, 3),
        ("partially_failed", 1, 1),
        ("failed", 2, 1),
        ("failed", None, 1),
        ("cancelled", 130, 130),
        ("cancelled", None, 130),
    ],
)
def test_the_exit_code_is_the_one_that_run_would_have_had(shop, state, recorded, code):
    """From the ledger's record where there is one; a bad order that was found late is a failure, not a bad flag."""
    found = entry(shop, "0123456789abcdef", shop.settings.home / "work" / "jobs" / "0123456789abcdef")
    ledger = Ledger(shop.settings.home)
    ledger.begin(found)
    if recorded is not None:
        ledger.end(found.id, state, msgspec.json.encode({"exit_code": recorded}))
    assert exit_code_of(shop.settings, {"evaluation_id": found.id, "state": state, "errors": []}) == code


@pytest.mark.parametrize(("job", "code"), [({"exit_code": 0}, 0), ({"exit_code": 3}, 3), ({"exit_code": 1}, 1)])
def test_the_exit_code_of_an_invocation_is_the_gravest_of_its_jobs(shop, job, code):
    """Completed, and its delivery waits: 3."""
    found = {"evaluation_id": INVOCATION, "state": "completed", "errors": [], "jobs": [{"exit_code": 0}, job]}
    assert exit_code_of(shop.settings, found) == code


@pytest.mark.slow
def test_a_database_that_goes_away_is_waited_for(tmp_path, task):
    """Away and back are told once each, and nothing that happened meanwhile is missed."""
    with own_server(PostgresServer) as server:
        shop = Shop(tmp_path, EVALTRAIL_DATABASE_URL=server.url.replace("postgresql:", "postgresql+psycopg:"))
        with open_queue(shop.settings) as queue:
            job_id = shop.submit(queue, task).job_id
            happenings = watch(shop.settings, job_id)
            next(happenings)
            server.stop()
            away = until(happenings, "away")
            assert (away.state, away.data["code"]) == ("pending", "database_away")
            server.start()
            carry_out(Hold(queue, queue.claim("here")), queue, UnitExecutor(shop.settings))
            assert until(happenings, "back").data["where"]
            shop.work_off(queue)
            assert kinds(happenings)[-1] == "ended"


def test_queued_tasks_have_the_seconds_that_somebody_was_at_them(shop, queue, task):
    """As of a run in one go; one that was begun twice has none, as a run that was cut short has none."""
    whole = evaluate(shop.order(task), shop.settings).bundle.tasks[0]
    once = shop.submit(queue, task).job_id
    shop.work_off(queue)
    (told,) = shop.bundle(once).tasks
    unit = queue.show(once).units[0]
    assert told.usage["runtime_seconds"] == (unit.ended_at - unit.started_at).total_seconds()
    assert set(told.usage) == set(whole.usage)
    twice = shop.submit(queue, task).job_id
    queue.hand_back(queue.claim("there"))
    shop.work_off(queue)
    assert set(whole.usage) - set(shop.bundle(twice).tasks[0].usage) == {"runtime_seconds"}
