"""Clearing: what nothing refers to goes, and everything that somebody may want or has in hand stays."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from child import start_child
from evaltrail.bundle.journal import Journal
from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.sample import Sample
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.opening import open_queue
from evaltrail.service.clearing.clear import clear
from evaltrail.service.working.places import open_work
from evaltrail.store.ledger import Entry, Ledger
from evaltrail.store.work import claim_work
from lease_queues import LAST, claim_all, some_job
from mlflow_bundles import some_bundle

URI = "http://127.0.0.1:5000"
TWO_DAYS_S = 2 * 86_400
HOLDER = """
    import sys
    from pathlib import Path
    from evaltrail.store.work import claim_work
    with claim_work(Path(sys.argv[1]), "key", 5):
        print("mine", flush=True)
        sys.stdin.readline()
"""


class Place:
    """A home, and what a test puts into it."""

    def __init__(self, folder):
        self.home = folder
        self.settings = load_settings({"EVALTRAIL_HOME": str(folder)}, dotenv=None)

    def clear(self, *, days=None):
        """The names of what was removed; what a dry run tells is the same, and it removes nothing."""
        before = self.files()
        told = clear(self.settings, older_than_days=days, dry_run=True)
        assert self.files() == before
        done = clear(self.settings, older_than_days=days)
        assert done.errors == ()
        assert (done.size_bytes, [each.name for each in done.leftovers]) == (
            told.size_bytes,
            [each.name for each in told.leftovers],
        )
        return [each.name for each in done.leftovers]

    def files(self):
        return sorted(path for path in self.home.rglob("*") if not path.name.endswith(("-wal", "-shm", ".db")))

    def work(self, key, *, answers=0, state=""):
        """The work folder of an evaluation that a process left, with what the ledger says of it."""
        with claim_work(self.home, key, 5) as work:
            if answers:
                with Journal(work.journal(0)) as journal:
                    for index in range(answers):
                        journal.append(Sample(id=str(index), index=index))
        if state:
            self.entry(work.state.evaluation_id, state, work.folder)
        return work.folder, work.state.evaluation_id

    def entry(self, identity, state, folder=Path("/work")):
        Ledger(self.home).begin(
            Entry(
                id=identity,
                state="running",
                model="m",
                tasks=("t",),
                out=self.home / "runs" / identity,
                work=folder,
                started_at=datetime.now(UTC),
            )
        )
        if state != "running":
            Ledger(self.home).end(identity, state, b"{}")

    def bundle(self, identity):
        folder = self.home / "runs" / identity
        folder.mkdir(parents=True)
        (folder / "bundle.json").write_text("{}")
        return folder

    @contextmanager
    def queue(self):
        with open_queue(self.settings) as queue:
            yield queue

    def job(self, queue, *, ends=True, fails=False):
        """A job with a work folder that holds an answer."""
        job_id = queue.submit(some_job(LAST)).job_id
        folder = open_work(self.home, job_id, 1).folder
        (folder / "0-t.000000000.jsonl").write_text("{}\n")
        if ends:
            (claim,) = claim_all(queue)
            done = queue.fail(claim, Failure(code="x", message="no")) if fails else queue.finish(claim)
            assert done
        return job_id, folder


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "home")


def age(path, seconds=TWO_DAYS_S):
    """Let it look as if nobody had touched it for so long."""
    for each in [*path.rglob("*"), path]:
        os.utime(each, (time.time() - seconds,) * 2)


def test_a_home_that_is_not_there_is_not_made(place):
    """Nothing is removed, and no empty ledger, outbox or queue comes to be."""
    assert place.clear(days=0) == []
    assert not place.home.exists()


@pytest.mark.parametrize("state", ["running", "failed", "cancelled"])
def test_work_that_the_same_command_goes_on_with_is_kept(place, state):
    """However old it is, and whatever is given up: what was answered is paid for."""
    folder, _ = place.work("key", answers=3, state=state)
    age(folder)
    assert place.clear(days=1) == []
    assert folder.is_dir()


def test_work_of_an_evaluation_that_is_over_goes_once_its_bundle_is_there(place):
    """A kill just before the process would have ended leaves it; without the bundle it is all there is."""
    folder, identity = place.work("key", answers=3, state="completed")
    other, _ = place.work("other", answers=3, state="partially_failed")
    bundle = place.bundle(identity)
    assert place.clear() == ["work/key"]
    assert (folder.exists(), other.exists(), bundle.exists()) == (False, True, True)


def test_work_that_a_process_owns_is_not_touched(place):
    """Its lock says so, whatever the ledger says."""
    with start_child(HOLDER, place.home) as child:
        assert child.stdout.readline() == "mine\n"
        assert place.clear(days=0) == []
        child.communicate("\n", timeout=30)
    assert place.clear() == ["work/key"]


def test_work_that_nobody_knows_goes_without_answers_alone(place):
    """A ledger may have been lost; answers go only where they are given up by their age."""
    place.work("empty")
    folder, _ = place.work("answered", answers=1)
    assert place.clear() == ["work/empty"]
    age(folder)
    assert place.clear(days=3) == []
    assert place.clear(days=1) == ["work/answered"]


def test_the_places_of_failed_programs_are_kept_until_they_are_given_up(place):
    """The same command goes on from them."""
    with claim_work(place.home, "key", 5) as work:
        work.place(0).mkdir()
        (work.place(0) / "answers.jsonl").write_text("{}\n")
        work.remove(kept=[0])
    assert place.clear() == []
    age(work.folder)
    assert place.clear(days=1) == ["work/key"]


def test_what_bears_a_second_name_gives_the_disk_nothing_back(place):
    """The journals of a finished evaluation lie in its bundle too."""
    folder, identity = place.work("key", answers=3, state="completed")
    (folder / "run.log").write_text("x" * 1000)
    os.link(folder / "0.jsonl", place.bundle(identity) / "0.jsonl")
    size = sum(file.stat().st_size for file in folder.iterdir() if file.name != "0.jsonl")
    assert clear(place.settings).size_bytes == size >= 1000


def test_the_work_of_a_job_goes_when_nobody_can_have_it_tried_again(place):
    """Of a completed job at once; of a failed one with the job itself, when both are given up."""
    with place.queue() as queue:
        _, done = place.job(queue)
        failed, left = place.job(queue, fails=True)
        _, waiting = place.job(queue, ends=False)
        assert place.clear() == [f"work/jobs/{done.name}"]
        assert (left.exists(), waiting.exists()) == (True, True)
        assert place.clear(days=1) == []
        names = place.clear(days=0)
        assert sorted(name.partition(" ")[0] for name in names) == sorted([done.name, failed])
        assert (left.exists(), waiting.exists()) == (False, True)
        assert [job.id for job in queue.list().jobs] == [waiting.name]
        assert queue.events(failed) == ()


def test_of_a_job_that_is_forgotten_the_ledger_knows_the_end(place):
    """A worker that dies with the last attempt notes nothing: only the queue knew, and it would run for ever."""
    with place.queue() as queue:
        failed, folder = place.job(queue, fails=True)
        told, _ = place.job(queue, fails=True)
        place.entry(failed, "running", folder)
        place.entry(told, "cancelled")
        place.clear(days=0)
    found = Ledger(place.home).find(failed)
    assert (found.state, json.loads(found.result)["errors"][0]["message"]) == ("failed", "no")
    assert Ledger(place.home).find(told).state == "cancelled"


@pytest.mark.parametrize("days", [10**6, 10**9, 10**30])
def test_an_age_that_nothing_has_removes_nothing(place, days):
    """Whatever clocks and columns can hold."""
    with place.queue() as queue:
        place.job(queue, fails=True)
        Outbox(place.home / "outbox").close()
        assert place.clear(days=days) == []


def test_a_job_that_is_tried_again_meanwhile_is_kept(place):
    """The queue is asked once more in the moment of removal; its work goes only after that."""
    with place.queue() as queue:
        job_id, folder = place.job(queue, fails=True)
        told = clear(place.settings, older_than_days=0, dry_run=True)
        assert len(told.leftovers) == 1
        queue.retry(job_id)
        assert clear(place.settings, older_than_days=0).leftovers == ()
        assert folder.is_dir()


def test_jobs_of_another_queue_are_kept_and_told_of(place):
    """Whoever forgot EVALTRAIL_DATABASE_URL must not lose what its workers are at."""
    folder = open_work(place.home, "feedfeedfeedfeed", 1).folder
    (folder / "0-t.000000000.jsonl").write_text("{}\n")
    place.entry(folder.name, "running", folder)
    age(folder)
    cleared = clear(place.settings, older_than_days=0)
    assert (cleared.leftovers, folder.is_dir()) == ((), True)
    assert "feedfeedfeedfeed" in cleared.notes[0]
    Ledger(place.home).end(folder.name, "failed", b"{}")
    assert place.clear() == []
    assert place.clear(days=1) == ["work/jobs/feedfeedfeedfeed"]


def test_a_job_folder_that_was_just_made_is_kept(place):
    """A worker makes it before the ledger knows; only an hour later it is nobody's."""
    folder = open_work(place.home, "feedfeedfeedfeed", 1).folder
    assert place.clear(days=0) == []
    age(folder, 4000)
    assert place.clear() == ["work/jobs/feedfeedfeedfeed"]


def test_halves_of_writes_go_when_nobody_can_be_at_them(place):
    """After an hour, and not while a process owns their evaluation; the only one of two is kept."""
    folder, identity = place.work("key", answers=1, state="running")
    runs = place.bundle("done").parent
    names = (".done.7.tmp", ".done.8.old", f".{identity}.9.tmp", ".gone.7.old", ".doctor", "..tmp")
    for name in names:
        (runs / name).mkdir()
        (runs / name / "samples.parquet").write_text("x" * 100)
    half = folder / ".state.json.7.tmp"
    half.write_text("{")
    assert place.clear() == []
    for path in (*(runs / name for name in names), half):
        age(path)
    with claim_work(place.home, "key", 5):
        assert place.clear() == ["runs/.done.7.tmp", "runs/.done.8.old"]
    assert place.clear() == [f"runs/.{identity}.9.tmp", "work/key/.state.json.7.tmp"]
    assert sorted(each.name for each in runs.iterdir()) == sorted([".gone.7.old", ".doctor", "..tmp", "done"])


def test_what_people_put_into_the_home_is_theirs(place):
    """Command files, databases and strange names are no leftovers."""
    kept = [place.home / "commands" / ".mine.7.tmp", place.home / "notes.tmp", place.home / ".mine.tmp"]
    for file in kept:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
        age(file)
    assert place.clear(days=0) == []


def test_a_link_is_not_followed(place, tmp_path):
    """What lies behind it is somebody's own."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("mine")
    (place.home / "work").mkdir(parents=True)
    (place.home / "work" / "key").symlink_to(other)
    assert place.clear(days=0) == []
    folder, identity = place.work("done", answers=1, state="completed")
    place.bundle(identity)
    (folder / "0").symlink_to(other)
    assert place.clear() == ["work/done"]
    assert (other / "file").exists()


def test_the_outbox_keeps_what_waits_and_loses_what_the_dead_left(place, tmp_path):
    """Files of attempts that no waiting delivery names, archives that were unpacked, locks that nobody holds."""
    box = place.home / "outbox"
    (plan,) = plan_bundle(some_bundle(tmp_path / "bundle"), DeliveryOptions(), version="0")
    needed, overtaken = box / "staged" / plan.key / "aaaa", box / "staged" / plan.key / "bbbb"
    unpacked = box / "unpacked" / "feed"
    for folder in (needed, overtaken, unpacked, box / "leases"):
        folder.mkdir(parents=True)
    for lock in (box / "leases" / "x.lock", box / "unpacked" / "feed.lock"):
        lock.touch()
    item = replace(plan.artifacts[0], file=str(needed / "table.json"))
    for folder in (needed, overtaken, unpacked):
        (folder / "table.json").write_text("{}")
        age(folder)
    with Outbox(box) as outbox:
        outbox.put(replace(plan, artifacts=(item,)), URI)
    moved = Place(tmp_path / "moved")
    moved.home.symlink_to(place.home)
    assert moved.clear() == [f"outbox/staged/{plan.key}/bbbb", "outbox/unpacked/feed", "outbox/leases/x.lock"]
    assert (needed / "table.json").exists()
    assert list((box / "unpacked").iterdir()) == []


def test_what_is_being_staged_or_unpacked_is_kept(place):
    """An attempt has no lock before it is in the outbox, but its files are young; an archive has one."""
    box = place.home / "outbox"
    young = box / "staged" / "key" / "a"
    young.mkdir(parents=True)
    Outbox(box).close()
    (box / "unpacked" / "feed").mkdir(parents=True)
    program = """
        import sys
        from pathlib import Path
        from evaltrail.bundle.folders import hold_lock
        with hold_lock(Path(sys.argv[1]), "busy"):
            print("mine", flush=True)
            sys.stdin.readline()
    """
    with start_child(program, box / "unpacked" / "feed.lock") as child:
        assert child.stdout.readline() == "mine\n"
        assert place.clear(days=0) == []
        child.communicate("\n", timeout=30)
    assert young.is_dir()


def test_records_of_what_landed_go_by_their_age_and_never_a_parent_of_what_waits(place, tmp_path):
    """A record tells that a result is in its run already; what waits below it needs the run's id."""
    bundle = some_bundle(tmp_path / "bundle")
    plans = plan_bundle(bundle, DeliveryOptions(layout="nested"), version="0")
    receipt = Receipt(run_id="r", experiment_id="1", skipped=(), status="FINISHED")
    with Outbox(place.home / "outbox") as outbox:
        parent, child = (outbox.put(plan, URI) for plan in plans)
        outbox.finish(parent, receipt)
        assert place.clear(days=0) == []
        outbox.finish(child, receipt)
        assert place.clear() == []
        assert place.clear(days=1) == []
        outbox.put(plans[0], URI)  # somebody delivers it once more just now
        assert place.clear(days=0) == ["1 in outbox/outbox.db"]
        assert outbox.get(parent.key, URI).run_id == "r"
        outbox.finish(parent, receipt)
        assert place.clear(days=0) == ["1 in outbox/outbox.db"]
        assert outbox.get(parent.key, URI) is None


def test_what_cannot_be_removed_is_told_and_holds_up_nothing(place):
    """The others go; the caller gets the place and the reason."""
    for key in ("a", "b"):
        place.bundle(place.work(key, answers=1, state="completed")[1])
    lock = place.home / "work" / "a" / "lock"
    lock.unlink()
    lock.mkdir()
    cleared = clear(place.settings)
    assert [each.name for each in cleared.leftovers] == ["work/b"]
    assert [error.where for error in cleared.errors] == [str(lock)]


def test_a_home_that_cannot_be_read_is_told_before_anything_is_removed(place):
    """Such as one of another user; a link that leads nowhere cannot be read by anybody."""
    folder, identity = place.work("key", answers=3, state="completed")
    place.bundle(identity)
    (place.home / "work" / "jobs").symlink_to("jobs")
    with pytest.raises(StorageError, match="cannot be read") as caught:
        clear(place.settings)
    assert (caught.value.where, folder.is_dir()) == (str(place.home / "work" / "jobs"), True)


def test_a_queue_that_cannot_be_asked_ends_it_before_anything_is_removed(place):
    """Nobody knows then which jobs are over."""
    folder, identity = place.work("key", answers=3, state="completed")
    place.bundle(identity)
    settings = replace(place.settings, database_url="mysql://x/y")
    with pytest.raises(InputError):
        clear(settings)
    assert folder.is_dir()
