"""Whole files or none, and locks that end with their process."""

from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from child import start_child
from evaltrail.bundle.folders import (
    disk_now,
    hold_lock,
    is_locked,
    link_or_copy,
    make_private,
    place_folder,
    storage_error,
    write_whole,
)
from evaltrail.core.errors import BusyError, StorageError

HOLDER = """
    import os, sys
    from pathlib import Path
    from evaltrail.bundle.folders import hold_lock
    file = Path(sys.argv[1])
    with hold_lock(file, "busy"):
        print(os.getpid(), flush=True)
        word = sys.stdin.readline().strip()
        if word == "crash":
            os._exit(1)
        if word == "remove":
            file.unlink()
            file.parent.rmdir()
"""


@pytest.fixture
def holder(tmp_path):
    """A child process that holds tmp_path/work/lock until it reads a line: crash, remove or anything."""
    file = tmp_path / "work" / "lock"
    with start_child(HOLDER, file) as child:
        assert child.stdout is not None
        assert int(child.stdout.readline()) == child.pid
        yield child, file
        child.kill()


def tell(child, word: str) -> None:
    child.communicate(f"{word}\n", timeout=30)


def test_a_file_is_the_old_one_or_the_new_one(tmp_path):
    """Writing replaces the whole file and leaves nothing beside it."""
    file = tmp_path / "a.json"
    write_whole(file, b"old")
    write_whole(file, b"new and longer")
    assert file.read_bytes() == b"new and longer"
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    """A disk that refuses is a StorageError naming the file, with no half file behind."""
    with pytest.raises(StorageError, match="cannot write") as caught:
        write_whole(tmp_path / "gone" / "a.json", b"new")
    assert caught.value.where == str(tmp_path / "gone" / "a.json")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner").touch()
    with pytest.raises(StorageError):
        write_whole(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_private_folders_are_for_their_owner_only(tmp_path):
    """What holds prompts and answers is readable by its owner only."""
    made = make_private(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    assert make_private(made) == made


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """A file in the way is a StorageError that says what to set."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot make the folder") as caught:
        make_private(tmp_path / "file" / "below")
    assert "EVALTRAIL_HOME" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (errno.ENOSPC, "free some space or"),
        (errno.EDQUOT, "free some space or"),
        (errno.ENOENT, "make the folder anew or"),
        (errno.EACCES, "let yourself write there or"),
        (errno.EIO, "mend that or"),
        (None, "mend that or"),
    ],
)
def test_what_the_disk_says_has_a_fitting_next_step(tmp_path, code, step):
    """Only a full disk or quota asks for space."""
    error = storage_error(OSError("odd") if code is None else OSError(code, os.strerror(code)), tmp_path)
    assert error.hint.startswith(step)
    assert error.hint.endswith("what was written is kept")


def test_writers_of_one_file_that_bear_one_number_do_not_meet(tmp_path):
    """As threads do, processes in containers have the same numbers; each writes its own until it is whole."""
    file, data = tmp_path / "file", [bytes([65 + number]) * 20_000 for number in range(4)]
    with ThreadPoolExecutor(len(data)) as writers:
        for _ in range(20):
            list(writers.map(partial(write_whole, file), data))
            assert file.read_bytes() in data
    assert list(tmp_path.iterdir()) == [file]


def test_the_disk_tells_the_time_and_nothing_stays_of_the_question(tmp_path):
    """What was just written is not older than now; where nothing can be written our own clock has to do."""
    (tmp_path / "file").write_text("x")
    assert 0 <= disk_now(tmp_path) - (tmp_path / "file").stat().st_mtime < 60
    assert abs(disk_now(tmp_path / "none") - time.time()) < 60
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_folder_takes_the_place_of_the_one_before(tmp_path):
    """A finished folder replaces the old one under the same name, and nothing else stays."""
    for name, text in (("old", "1"), ("new", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "value").write_text(text)
    place_folder(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "value").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_folder_that_cannot_be_placed_leaves_the_old_one(tmp_path):
    """When the new folder cannot be moved, what stood under the name is still there."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "value").write_text("1")
    with pytest.raises(StorageError):
        place_folder(tmp_path / "never made", tmp_path / "old")
    assert (tmp_path / "old" / "value").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_second_name_holds_the_same_bytes(tmp_path):
    """Linking gives the same bytes under a second name."""
    (tmp_path / "a").write_text("same")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "same"


def test_a_lock_names_the_process_that_holds_it(holder):
    """A second process is refused with the pid of the first, in message and hint."""
    child, file = holder
    assert is_locked(file)
    with pytest.raises(BusyError) as caught, hold_lock(file, "running in process {pid}"):
        pass
    assert caught.value.message == f"running in process {child.pid}"
    assert caught.value.hint == f"wait for process {child.pid} or stop it"
    assert caught.value.where == str(file)


def test_a_lock_ends_with_its_process(holder):
    """A process that dies without a word frees its lock."""
    child, file = holder
    tell(child, "crash")
    assert not is_locked(file)
    with hold_lock(file, "busy"):
        assert file.read_text() == str(os.getpid())


def test_a_lock_file_that_its_owner_removed_is_made_again(holder):
    """The lock is the file under the name, not one that its last owner has removed."""
    child, file = holder
    tell(child, "remove")
    assert not file.parent.exists()
    assert not is_locked(file)
    with hold_lock(file, "busy"):
        assert is_locked(file)
        assert file.read_text() == str(os.getpid())


@pytest.mark.parametrize("above", ["dangling", "gone/deeper", "file"])
def test_a_lock_that_can_have_no_folder_is_told(tmp_path, above):
    """No folder can be made where a link to nothing or a file stands, nor in one that is not there."""
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "file").touch()
    lock = tmp_path / above / "lock"
    began = time.thread_time()
    with pytest.raises(StorageError) as caught, hold_lock(lock, "busy", wait_s=0.1):
        pass
    assert caught.value.where == str(lock)
    assert time.thread_time() - began < 0.05


def test_one_at_a_time_even_while_owners_remove_the_folder(tmp_path):
    """However owners come, go and take the folder with them, two never hold the lock together."""
    file = tmp_path / "work" / "lock"
    inside: list[int] = []
    broken: list[BaseException] = []
    entered = []

    def compete(number: int) -> None:
        for _ in range(60):
            try:
                with hold_lock(file, "busy"):
                    inside.append(number)
                    assert inside == [number]
                    entered.append(number)
                    inside.remove(number)
                    file.unlink()
                    _remove_empty(file.parent)
            except BusyError:
                continue
            except BaseException as error:  # noqa: BLE001  told by the main thread
                broken.append(error)
                return

    threads = [threading.Thread(target=compete, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert broken == []
    assert len(entered) >= 60


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def test_looking_at_a_lock_never_refuses_its_next_owner(tmp_path):
    """`status` may look at the lock at any moment; a run that starts just then is not turned away."""
    file = tmp_path / "lock"
    file.touch()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            is_locked(file)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for _ in range(300):
            with hold_lock(file, "busy"):
                pass
    finally:
        is_over.set()
        watcher.join(timeout=10)
    assert not is_locked(file)
