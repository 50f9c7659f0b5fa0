"""What the queue tells of its jobs: progress, events, pages, counts."""

from __future__ import annotations

import time

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.progress import Progress
from evaltrail.jobs.order import NewUnit
from lease_queues import LAST, claim_all, kinds, run_out, some_job, units


def test_progress_is_summed_and_told(queue):
    """Of each unit the latest word; the total is known when every unit knows its own."""
    job_id = queue.submit(some_job(NewUnit(total=10), NewUnit(), LAST)).job_id
    first, second = claim_all(queue)
    queue.beat(first, Progress(task="t", done=4, total=10, tokens=40, errors={"timeout": 1}))
    job = queue.show(job_id).job
    assert (job.done, job.total, job.tokens) == (4, None, 40)
    queue.beat(second, Progress(task="t", done=1, total=5, tokens=2))
    queue.beat(first, Progress(task="t", done=6, total=None, tokens=60))
    job = queue.list().jobs[0]
    assert (job.done, job.total, job.tokens) == (7, 15, 62)
    assert job.units == {"running": 2, "held": 1}
    told = [event.data for event in queue.events(job_id) if event.kind == "progress"]
    assert told[0] == {"done": 4, "total": 10, "tokens": 40, "errors": {"timeout": 1}}
    assert len(told) == 3


def test_events_are_asked_for_from_where_one_left_off(queue):
    """In order, none twice; those of other jobs are theirs."""
    job_id, other = queue.submit(some_job()).job_id, queue.submit(some_job()).job_id
    claim = queue.claim("me", unit_id=f"{job_id}.0")
    first = queue.events(job_id, limit=2)
    assert [event.kind for event in first] == ["submitted", "started"]
    queue.finish(claim)
    rest = queue.events(job_id, first[-1].id)
    assert [event.kind for event in rest] == ["claimed", "finished", "ended"]
    assert rest[0].data == {"owner": "me", "attempt": 1}
    assert queue.events(job_id, rest[-1].id) == ()
    assert kinds(queue, other) == ["submitted"]


def test_announced_runs_travel_with_the_job(queue):
    """Beside those that were noted before."""
    job_id = queue.submit(some_job(*units(2), run_ids={"": "r0"})).job_id
    assert queue.note_runs(queue.claim("me"), {"task": "r1"})
    assert queue.show(job_id).job.run_ids == {"": "r0", "task": "r1"}
    assert queue.claim("me").run_ids == {"": "r0", "task": "r1"}


def test_jobs_are_listed_by_the_page_newest_first(queue):
    """Also while new ones come in."""
    ids = []
    for number in range(7):
        ids.append(queue.submit(some_job(name=f"n{number % 2}", kind="evaluate" if number else "generate")).job_id)
        time.sleep(0.002)
    page = queue.list(limit=3)
    seen = [job.id for job in page.jobs]
    assert page.total == 7
    queue.submit(some_job())
    while page.next_cursor:
        page = queue.list(limit=3, cursor=page.next_cursor)
        seen += [job.id for job in page.jobs]
    assert seen == ids[::-1]


def test_a_list_is_filtered_by_state_kind_and_name(queue):
    """All filters hold; the total counts what they let through."""
    for number in range(4):
        queue.submit(some_job(name=f"n{number % 2}", kind="evaluate" if number else "generate"))
    queue.finish(queue.claim("me"))
    assert queue.list(states=["completed"]).total == 1
    assert queue.list(states=["completed", "pending"]).total == 4
    assert queue.list(kind="evaluate", name="n0").total == 1
    assert [job.kind for job in queue.list(kind="generate").jobs] == ["generate"]
    assert queue.list(name="unknown").jobs == ()


@pytest.mark.parametrize("asked", [{"cursor": "x"}, {"cursor": "1.a b"}, {"limit": 0}, {"limit": 1001}])
def test_a_page_that_cannot_be_is_refused(queue, asked):
    """`limit=0` is not everything."""
    with pytest.raises(InputError):
        queue.list(**asked)


def test_a_job_is_shown_by_what_its_id_begins_with(queue):
    """As long as it alone does; wildcards are letters."""
    ids = [queue.submit(some_job()).job_id for _ in range(20)]
    assert queue.show(ids[3][:12]).job.id == ids[3]
    with pytest.raises(InputError, match=r"several|no job"):
        queue.show(ids[0][:1] if sum(job[0] == ids[0][0] for job in ids) > 1 else "")
    for prefix in ("%", "_", ""):
        with pytest.raises(InputError, match="no job"):
            queue.show(prefix)


def test_the_queue_says_how_full_it_is(queue):
    """And since when the longest waits, and how many fell silent."""
    assert queue.counts().oldest_due_at is None
    queue.submit(some_job(*units(3)))
    queue.submit(some_job())
    queue.claim("me")
    found = queue.counts()
    assert (found.jobs, found.units) == ({"running": 1, "pending": 1}, {"waiting": 3, "running": 1})
    assert (found.silent, found.oldest_due_at is None) == (0, False)
    run_out(queue)
    assert queue.counts().silent == 1


def test_units_that_wait_too_long_can_be_hinted_at(queue):
    """Those that are due, highest priority first."""
    queue.submit(some_job())
    high = queue.submit(some_job(priority=9)).job_id
    assert queue.due(waiting_for_s=60) == ()
    assert [unit.job_id for unit in queue.due(limit=1)] == [high]
    assert len(queue.due()) == 2


def test_hostile_text_is_kept_as_text(queue):
    """Quotes, braces, other scripts: nothing of it is ever a statement."""
    name = "'; DROP TABLE job; -- {x} %s 名前 \u202e"
    job_id = queue.submit(some_job(NewUnit(endpoint=name, place={"nul": "\0", "torn": "\ud800"}), name=name)).job_id
    queue.set_cap(name, 1)
    claim = queue.claim(name, queues=["default", name])
    assert (claim.owner, claim.place) == (name, {"nul": "\0", "torn": "\ud800"})
    assert queue.list(name=name).jobs[0].id == job_id
    with pytest.raises(InputError):
        queue.show(name)
