"""What jobs are found by, and what a page of them is read with: labels, specs, units, children."""

from __future__ import annotations

import time

import pytest

from evaltrail.core.errors import InputError
from evaltrail.jobs.order import NewUnit
from lease_queues import BROKEN, LAST, claim_all, kinds, some_job, units


def test_a_job_bears_its_labels(queue):
    """In a list and alone; an empty value is a value."""
    labels = {"tag:a": "", "experiment": "e", "tag:'; --": "名前 %s"}
    job_id = queue.submit(some_job(labels=labels)).job_id
    bare = queue.submit(some_job()).job_id
    assert queue.show(job_id).job.labels == labels
    assert {job.id: job.labels for job in queue.list().jobs} == {job_id: labels, bare: {}}


def test_a_list_is_filtered_by_labels(queue):
    """A job has to bear all of them, beside what else is asked for; the total and the pages count no other."""
    ids = []
    for number in range(12):
        labels = {"model": f"m{number % 2}", "tag:third": str(number % 3)}
        ids.append(queue.submit(some_job(labels=labels, name=f"n{number % 4}")).job_id)
        time.sleep(0.002)
    queue.finish(queue.claim("me", unit_id=f"{ids[0]}.0"))
    both = {"model": "m0", "tag:third": "0"}
    assert [job.id for job in queue.list(labels=both).jobs] == [ids[6], ids[0]]
    assert [job.id for job in queue.list(labels=both, states=["completed"]).jobs] == [ids[0]]
    assert [job.id for job in queue.list(labels=both, name="n2", kind="evaluate").jobs] == [ids[6]]
    assert queue.list(labels={"model": "third"}).total == 0
    assert queue.list(labels={"tag:third": "m0"}).total == 0
    page = queue.list(limit=4, labels={"model": "m1"})
    rest = queue.list(limit=4, labels={"model": "m1"}, cursor=page.next_cursor)
    assert [job.id for job in (*page.jobs, *rest.jobs)] == ids[1::2][::-1]
    assert (page.total, rest.total, rest.next_cursor) == (6, 6, "")


def test_specs_and_units_of_a_page_are_read_together(queue):
    """Those of the jobs that were asked for, and of no other."""
    first = queue.submit(some_job(*units(2), LAST, spec={"n": 1})).job_id
    second = queue.submit(some_job(NewUnit(place={"task": 3}), spec={"n": 2})).job_id
    queue.submit(some_job(spec={"n": 3}))
    assert queue.specs([first, second, "unknown"]) == {first: {"n": 1}, second: {"n": 2}}
    found = queue.units([second, first, "unknown"])
    assert [unit.position for unit in found[first]] == [0, 1, 2]
    assert found[first] == queue.show(first).units
    assert [unit.place for unit in found[second]] == [{"task": 3}]
    assert found["unknown"] == ()
    assert queue.specs([]) == {}


def test_the_children_of_a_page_are_read_together(queue):
    """Jobs that belong to others, oldest first."""
    parent, other = queue.submit(some_job()).job_id, queue.submit(some_job()).job_id
    ids = []
    for name in ("landing", "callback"):
        ids.append(queue.submit(some_job(kind=name, parent=parent, labels={"a": name})).job_id)
        time.sleep(0.002)
    found = queue.children([parent, other])
    assert [(job.id, job.kind, job.labels) for job in found[parent]] == [
        (ids[0], "landing", {"a": "landing"}),
        (ids[1], "callback", {"a": "callback"}),
    ]
    assert found[other] == ()


def test_an_ended_job_is_deleted_with_all_its_rows(queue):
    """Its key may be used anew."""
    job_id = queue.submit(some_job(labels={"a": "b"}, idempotency_key="k")).job_id
    other = queue.submit(some_job(labels={"a": "b"})).job_id
    with pytest.raises(InputError, match="pending") as caught:
        queue.delete(job_id)
    assert caught.value.code == "not_ended"
    for claim in claim_all(queue):
        queue.fail(claim, BROKEN)
    queue.delete(job_id)
    assert [job.id for job in queue.list(labels={"a": "b"}).jobs] == [other]
    assert kinds(queue, job_id) == []
    assert queue.units([job_id]) == {job_id: ()}
    with pytest.raises(InputError, match="no job"):
        queue.delete(job_id)
    assert queue.submit(some_job(idempotency_key="k")).is_new
