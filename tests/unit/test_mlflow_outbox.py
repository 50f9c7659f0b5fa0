from __future__ import annotations

import os
import sqlite3
import stat
import threading
from dataclasses import replace

import pytest

from evaltrail.core.delivery import DeliveryOptions, Receipt, Skipped
from evaltrail.core.errors import BusyError, StorageError
from evaltrail.destinations.mlflow.destination import MlflowDestination
from evaltrail.destinations.mlflow.lease import lease
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.plan import plan_bundle
from mlflow_bundles import some_bundle

URI = "http://127.0.0.1:5000"


@pytest.fixture
def plan(tmp_path):
    (made,) = plan_bundle(some_bundle(tmp_path / "bundle"), DeliveryOptions(), version="0")
    return made


def test_a_delivery_waits_until_it_is_finished(tmp_path, plan):
    """Put, advanced, failed: it waits. Finished: only its receipt is left."""
    receipt = Receipt(run_id="r", experiment_id="1", skipped=(Skipped(what="a", why="b"),), status="FINISHED")
    with Outbox(tmp_path / "o") as outbox:
        delivery = outbox.put(plan, URI)
        assert (delivery.phase, delivery.plan, delivery.attempts) == ("planned", plan, 0)
        outbox.advance(replace(delivery, phase="batched", run_id="r", artifacts=("a", "b"), skipped=receipt.skipped))
        outbox.fail(delivery, "away")
    with Outbox(tmp_path / "o") as outbox:
        (waiting,) = outbox.waiting()
        assert (waiting.phase, waiting.run_id, waiting.artifacts) == ("batched", "r", ("a", "b"))
        assert (waiting.attempts, waiting.last_error, waiting.skipped) == (1, "away", receipt.skipped)
        assert waiting.receipt is None
        outbox.finish(waiting, receipt)
        assert outbox.waiting() == []
        found = outbox.get(plan.key, URI)
        assert (found.run_id, found.receipt, found.plan) == ("r", receipt, None)


def test_the_same_delivery_put_again_keeps_its_phase_and_takes_the_new_files(tmp_path, plan):
    """A retry never forgets how far it came; a bundle that moved is found at its new place."""
    moved = replace(plan, artifacts=())
    with Outbox(tmp_path / "o") as outbox:
        outbox.advance(replace(outbox.put(plan, URI), phase="created", run_id="r"))
        again = outbox.put(moved, URI)
        assert (again.phase, again.run_id, again.plan) == ("created", "r", moved)
        assert len(outbox.waiting()) == 1


def test_the_same_result_may_go_to_two_servers(tmp_path, plan):
    """A delivery is a key and a place."""
    with Outbox(tmp_path / "o") as outbox:
        outbox.put(plan, URI)
        outbox.put(plan, "http://another:5000")
        assert [item.tracking_uri for item in outbox.waiting()] == [URI, "http://another:5000"]


def test_what_was_given_up_waits_no_more_until_it_is_put_again(tmp_path, plan):
    """It keeps how far it came, so that a run that was begun for it is gone on with; other places are not touched."""
    with Outbox(tmp_path / "o") as outbox:
        outbox.advance(replace(outbox.put(plan, URI), phase="created", run_id="r"))
        other = outbox.put(plan, "http://another:5000")
        outbox.forget(outbox.get(plan.key, URI))
        outbox.forget(outbox.get(plan.key, URI))
        assert outbox.waiting() == [other]
    with Outbox(tmp_path / "o") as outbox:
        (forgotten,) = outbox.forgotten()
        assert (forgotten.tracking_uri, forgotten.phase, forgotten.run_id) == (URI, "created", "r")
        assert outbox.get(plan.key, URI) == forgotten
        assert outbox.put(plan, URI) == forgotten
        assert outbox.forgotten() == []
        assert [item.tracking_uri for item in outbox.waiting()] == [URI, "http://another:5000"]


def test_an_outbox_of_an_earlier_version_can_be_used(tmp_path, plan):
    """One without the table of what was given up."""
    with Outbox(tmp_path / "o") as outbox:
        outbox.put(plan, URI)
        outbox._rows.execute("DROP TABLE forgotten")
    with Outbox(tmp_path / "o") as outbox:
        assert len(outbox.waiting()) == 1
        assert outbox.forgotten() == []


def test_what_is_given_up_while_others_are_sent_is_not_sent(tmp_path, plan):
    """It was listed as waiting a moment ago; it stays given up, and is no failure."""
    (other,) = plan_bundle(some_bundle(tmp_path / "other", identity="other"), DeliveryOptions(), version="0")
    sending, forgetting = (
        MlflowDestination(tmp_path / "o", "0", environ={}, patience=Patience(retry_s=0)) for _ in range(2)
    )
    with Outbox(tmp_path / "o") as outbox:
        outbox.put(plan, "http://127.0.0.1:1")
        outbox.put(other, "http://127.0.0.1:2")

    unwanted = [each for each in forgetting.waiting() if each.key == other.key]

    def forget_the_other(_step):
        forgetting.forget(unwanted)
        unwanted.clear()

    tried, given_up = sending.sync(progress=forget_the_other)
    assert tried.error.code == "destination_unreachable"
    assert (given_up.key, given_up.error, given_up.note) == (other.key, None, "it was given up meanwhile")
    with Outbox(tmp_path / "o") as outbox:
        assert [each.key for each in outbox.forgotten()] == [other.key]


def test_the_outbox_is_private_and_durable(tmp_path):
    """Folder 0700, file 0600; every phase is synced to disk before the next step."""
    before = os.umask(0)
    try:
        with Outbox(tmp_path / "deep" / "o") as outbox:
            assert outbox._rows.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            assert outbox._rows.execute("PRAGMA synchronous").fetchone()[0] == 2
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "deep" / "o").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "o" / "outbox.db").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_used_is_a_storage_error(tmp_path):
    """A file where the folder should be, or a file that is no database, is named with what to do."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="EVALTRAIL_HOME"):
        Outbox(tmp_path / "file")
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "outbox.db").write_text("this is no database" * 100)
    with pytest.raises(StorageError, match=r"outbox\.db"):
        Outbox(tmp_path / "o")


def test_two_writers_wait_for_each_other(tmp_path, plan):
    """Two processes that write at the same moment both get through."""
    with Outbox(tmp_path / "o") as outbox:
        outbox.put(plan, URI)
        other = sqlite3.connect(tmp_path / "o" / "outbox.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.2, lambda: other.execute("COMMIT"))
        release.start()
        outbox.fail(outbox.get(plan.key, URI), "late")
        release.join()
        other.close()
        assert outbox.get(plan.key, URI).last_error == "late"


def test_a_lease_is_held_by_one_and_free_afterwards(tmp_path):
    """The second is told the holder's process id; nothing is left on disk."""
    with lease(tmp_path, "k"), lease(tmp_path, "another"):
        second = lease(tmp_path, "k")
        with pytest.raises(BusyError, match=f"process {os.getpid()}"):
            second.__enter__()
    with lease(tmp_path, "k"):
        assert [file.name for file in tmp_path.iterdir()] == ["k.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_lease_that_is_waited_for_is_had_when_its_holder_lets_go(tmp_path):
    """Within the seconds to wait the second gets its turn; the message says what the holder does."""
    first, let_go = lease(tmp_path, "k", deed="sending it"), threading.Event()
    first.__enter__()

    def leave():
        let_go.wait(20)
        first.__exit__(None, None, None)

    holder = threading.Thread(target=leave)
    holder.start()
    with pytest.raises(BusyError, match=f"process {os.getpid()} is sending it"):
        lease(tmp_path, "k", deed="sending it").__enter__()
    let_go.set()
    with lease(tmp_path, "k", wait_s=20):
        holder.join()
        assert [file.name for file in tmp_path.iterdir()] == ["k.lock"]


def test_a_lease_of_a_dead_process_is_free(tmp_path):
    """The kernel frees what a killed holder held; the file it left does not lock anybody out."""
    child = os.fork()
    if child == 0:
        held = lease(tmp_path, "k")
        held.__enter__()
        os._exit(9)
    os.waitpid(child, 0)
    assert (tmp_path / "k.lock").read_text() == str(child)
    with lease(tmp_path, "k"):
        assert (tmp_path / "k.lock").read_text() == str(os.getpid())


def test_of_many_at_once_one_holds_the_lease_at_a_time(tmp_path):
    """However often holders come and go, two never hold it together."""
    holders, most = [], []

    def hold_often():
        for _ in range(200):
            try:
                with lease(tmp_path, "k"):
                    holders.append(1)
                    most.append(len(holders))
                    holders.pop()
            except BusyError:
                continue

    threads = [threading.Thread(target=hold_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
