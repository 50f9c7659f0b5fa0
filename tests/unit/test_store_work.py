"""Work folders: the same command finds its own unfinished work, one process at a time."""

from __future__ import annotations

import pytest

from child import start_child
from evaltrail.bundle.journal import Journal
from evaltrail.core.errors import BusyError, StorageError
from evaltrail.core.sample import Sample
from evaltrail.store.work import JOBS, WorkFacts, claim_work, count_done, is_running, read_state

HOLDER = """
    import os, sys
    from pathlib import Path
    from evaltrail.store.work import claim_work
    with claim_work(Path(sys.argv[1]), "key", 5) as work:
        print(work.state.evaluation_id, flush=True)
        sys.stdin.readline()
        os._exit(9)
"""


def test_a_first_claim_begins_and_a_second_goes_on(tmp_path):
    """The state survives its process: the same key is the same evaluation until it is removed."""
    with claim_work(tmp_path, "key", 5) as first:
        assert not first.is_resumed
        assert is_running(first.folder)
        assert (first.state.total, len(first.state.evaluation_id)) == (5, 16)
    assert not is_running(first.folder)
    with claim_work(tmp_path, "key", 5) as second:
        assert second.is_resumed
        assert second.state == first.state == read_state(first.folder)
    with claim_work(tmp_path, "other", 5) as third:
        assert third.state.evaluation_id != first.state.evaluation_id


def test_work_of_a_job_bears_its_id_and_the_command_that_goes_on(tmp_path):
    """Both are noted where the work begins, and where it begins anew as they are by then."""
    facts = WorkFacts(evaluation_id="a" * 16, command="cd / && evaltrail generate a.txt")
    with claim_work(tmp_path, f"{JOBS}/{'a' * 16}", 5, facts) as work:
        assert (work.folder.name, work.state.evaluation_id, work.state.command) == ("a" * 16, "a" * 16, facts.command)
    moved = WorkFacts(evaluation_id="a" * 16, command="cd /tmp && evaltrail generate a.txt")
    with claim_work(tmp_path, f"{JOBS}/{'a' * 16}", 5, moved) as work:
        assert work.state.command == facts.command
        again = work.restart(7).state
        assert (again.evaluation_id, again.command) == ("a" * 16, moved.command)


def test_what_is_done_is_counted(tmp_path):
    """`status` counts the rows of all journals."""
    with claim_work(tmp_path, "key", 5) as work:
        for number in range(2):
            with Journal(work.journal(number)) as journal:
                for index in range(3):
                    journal.append(Sample(id=str(index), index=index))
        assert count_done(work.folder) == 6


def test_work_without_journals_says_itself_how_far_it_is(tmp_path):
    """What was noted last, from any process, until it starts over."""
    with claim_work(tmp_path, "key", 5) as work:
        for done in (4, 3):
            work.note_done(done)
            assert count_done(work.folder) == done
        assert sorted(file.name for file in work.folder.iterdir()) == ["done", "lock", "state.json"]
        assert count_done(work.restart(5).folder) == 0


def test_a_restart_forgets_everything_but_the_lock(tmp_path):
    """Starting over is a new evaluation in an empty folder, still owned."""
    with claim_work(tmp_path, "key", 5) as work:
        work.journal(0).write_text("{}\n")
        work.log.write_text("line\n")
        again = work.restart(7)
        assert not again.is_resumed
        assert again.state.evaluation_id != work.state.evaluation_id
        assert again.state.total == 7
        assert sorted(file.name for file in again.folder.iterdir()) == ["lock", "state.json"]
        assert is_running(again.folder)
    with claim_work(tmp_path, "key", 7) as later:
        assert later.state == again.state


def test_finished_work_leaves_no_folder(tmp_path):
    """A finished evaluation leaves nothing, and the same key begins anew."""
    with claim_work(tmp_path, "key", 5) as work:
        work.journal(0).write_text("{}\n")
        work.remove()
    assert not work.folder.exists()
    with claim_work(tmp_path, "key", 5) as later:
        assert not later.is_resumed
        assert count_done(later.folder) == 0


def test_the_place_of_a_failed_program_outlives_its_evaluation(tmp_path):
    """The same work is a new evaluation, whose program finds what it had left; starting over forgets that too."""
    with claim_work(tmp_path, "key", 5) as work:
        for number in (0, 1):
            work.place(number).mkdir()
            (work.place(number) / "answers.jsonl").write_text("{}\n")
        work.remove(kept=[1])
    with claim_work(tmp_path, "key", 5) as later:
        assert not later.is_resumed
        assert later.state.evaluation_id != work.state.evaluation_id
        assert sorted(file.name for file in later.folder.iterdir()) == ["1", "lock", "state.json"]
        assert not later.restart(5).place(1).exists()


def test_removing_never_touches_what_the_next_owner_wrote(tmp_path):
    """Whoever takes the folder the moment it is free keeps what is written into it."""
    with claim_work(tmp_path, "key", 5) as first:
        first.remove()
        with claim_work(tmp_path, "key", 5) as second:
            second.journal(0).write_text("{}\n")
    assert count_done(second.folder) == 1
    assert read_state(second.folder) == second.state


def test_a_second_process_is_refused_with_the_pid(tmp_path):
    """The same work in another process is named by its pid, and free again when that process dies."""
    with start_child(HOLDER, tmp_path) as child:
        assert child.stdout is not None
        identity = child.stdout.readline().strip()
        message = f"the same evaluation is running in process {child.pid}"
        with pytest.raises(BusyError, match=message) as caught, claim_work(tmp_path, "key", 5):
            pass
        assert caught.value.exit_code == 2
        child.communicate("\n", timeout=30)
    with claim_work(tmp_path, "key", 5) as work:
        assert work.is_resumed
        assert work.state.evaluation_id == identity


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"evaluation_id": 5}'])
def test_a_state_that_cannot_be_read_begins_anew(tmp_path, content):
    """A torn state is no state."""
    with claim_work(tmp_path, "key", 5) as work:
        pass
    (work.folder / "state.json").write_bytes(content)
    assert read_state(work.folder) is None
    with claim_work(tmp_path, "key", 5) as again:
        assert not again.is_resumed


def test_a_home_that_cannot_be_made_is_told(tmp_path):
    """A file where the home should be is a StorageError."""
    (tmp_path / "home").touch()
    with pytest.raises(StorageError, match="cannot make the folder"), claim_work(tmp_path / "home", "key", 5):
        pass
