"""Several submissions in one transaction: each is accepted or refused by itself."""

from __future__ import annotations

import threading

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.ids import new_id
from evaltrail.jobs.order import NewUnit
from lease_queues import LAST, kinds, some_job, states, units


def told(answer):
    """A refusal's code, or whether the job is new."""
    return answer.code if isinstance(answer, InputError) else answer.is_new


def test_many_are_accepted_at_once(queue):
    """As if each had been handed in alone."""
    jobs = [some_job(*units(number + 1), LAST, name=f"n{number}", labels={"n": str(number)}) for number in range(5)]
    answers = queue.submit_all(jobs)
    assert [answer.is_new for answer in answers] == [True] * 5
    found = {job.id: job for job in queue.list().jobs}
    assert [found[answer.job_id].name for answer in answers] == ["n0", "n1", "n2", "n3", "n4"]
    assert states(queue, answers[2].job_id) == ("pending", ["waiting"] * 3 + ["held"])
    assert [event.data for event in queue.events(answers[2].job_id)] == [{"units": 4}]
    assert queue.submit_all([]) == ()


def test_a_wrong_one_fails_alone(queue):
    """And is told in its place; nothing of it is kept."""
    wrong = (some_job(priority=1000), some_job(spec={"a": float("nan")}), some_job(after="feedfacefeedface"))
    answers = queue.submit_all([wrong[0], some_job(), wrong[1], some_job(), wrong[2]])
    assert list(map(told, answers)) == ["bad_input", True, "bad_input", True, "unknown_id"]
    assert answers[4].where == "after"
    assert queue.list().total == 2
    assert all(isinstance(answer, InputError) for answer in queue.submit_all(wrong[:2]))


def test_keys_hold_within_a_call_and_between_calls(queue):
    """The same key and body is the same job; another body is a conflict of that one alone."""
    first = some_job(idempotency_key="k")
    other = some_job(idempotency_key="k", spec={"model": "other"})
    answers = queue.submit_all([first, first, other, some_job(idempotency_key="l")])
    assert list(map(told, answers)) == [True, False, "idempotency_conflict", True]
    assert answers[0].job_id == answers[1].job_id
    again = queue.submit_all([some_job(), other, first])
    assert list(map(told, again)) == [True, "idempotency_conflict", False]
    assert again[2].job_id == answers[0].job_id


def test_a_job_has_the_id_that_it_was_given(queue):
    """The same one handed in again is the same job, whose answer was lost; another body finds the id taken."""
    job_id = new_id()
    assert queue.submit(some_job(id=job_id)).job_id == job_id
    assert queue.submit(some_job(id=job_id)).is_new
    assert queue.list().total == 1
    with pytest.raises(InputError, match=job_id) as caught:
        queue.submit(some_job(id=job_id, spec={"model": "other"}))
    assert caught.value.code == "id_taken"


def test_what_comes_after_a_known_job_is_not_added(queue):
    """Nor what comes after that; with a conflict they are refused as it is."""
    first, second = new_id(), new_id()

    def call(spec, ids):
        one, two = ids
        return (
            some_job(id=one, idempotency_key="k", spec=spec),
            some_job(NewUnit(kind="callback"), id=two, after=one),
            some_job(after=two),
        )

    assert list(map(told, queue.submit_all(call({}, (first, second))))) == [True] * 3
    again = queue.submit_all((*call({}, (new_id(), new_id())), some_job()))
    assert list(map(told, again)) == [False, False, False, True]
    assert [answer.job_id for answer in again[:3]] == [first, "", ""]
    conflict = queue.submit_all(call({"a": 1}, (new_id(), new_id())))
    assert list(map(told, conflict)) == ["idempotency_conflict"] * 3
    assert queue.list().total == 4
    assert kinds(queue, second) == ["submitted"]


def test_callers_that_meet_share_the_keys(queue):
    """Threads with the same batch: every key is one job."""
    found = []
    ready = threading.Barrier(4)

    def hand_in():
        ready.wait()
        found.append(queue.submit_all([some_job(idempotency_key=f"k{number}") for number in range(6)]))

    threads = [threading.Thread(target=hand_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.list().total == 6
    assert len({answer.job_id for answers in found for answer in answers}) == 6
    assert sum(answer.is_new for answers in found for answer in answers) == 6
