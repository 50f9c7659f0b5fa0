"""Folders and files that are either whole or absent: private modes, locks freed by the kernel, atomic writes."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from evaltrail.core.errors import BusyError, StorageError

_PROBE_SECONDS = 0.2
"""Longer than `is_locked` of another process holds a lock that it only looks at."""
_PAUSE_SECONDS = _PROBE_SECONDS / 40
"""Between two tries to take a lock."""
_STEPS = {
    (errno.ENOSPC, errno.EDQUOT): "free some space",
    (errno.ENOENT, errno.ENOTDIR): "make the folder anew",
    (errno.EACCES, errno.EPERM, errno.EROFS): "let yourself write there",
}
"""What to do about what the disk says."""


def make_private(folder: Path) -> Path:
    """The folder, made where it is missing, for its owner only (0700).

    Raises:
        StorageError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder: {error.strerror}", where=str(folder), hint="set EVALTRAIL_HOME to a writable one"
        ) from error
    return folder


def write_whole(file: Path, data: bytes, *, is_private: bool = False) -> None:
    """Put the bytes under a name so that a reader sees the old file or the new one, never a half.

    Args:
        file: is made, or replaced.
        data: all of it.
        is_private: the file is for its owner only, from its first byte on.

    Raises:
        StorageError: the disk refuses.
    """
    temporary = beside(file)
    try:
        with open(temporary, "wb", opener=_open_private if is_private else None) as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise storage_error(error, file) from error


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def beside(wanted: Path, end: str = "tmp") -> Path:
    """A name of our own for what is not under its name yet, or no more; containers number their processes alike."""
    return wanted.with_name(f".{wanted.name}.{secrets.randbelow(10**10)}.{end}")


def disk_now(folder: Path) -> float:
    """Seconds since 1970 as the disk has them that holds a folder: machines that share one may have clocks apart."""
    probe = beside(folder / "clock")
    try:
        with probe.open("wb") as out:
            out.write(b".")
            out.flush()
            os.fsync(out.fileno())
            return os.fstat(out.fileno()).st_mtime
    except OSError:  # not there, or not ours to write: then nothing of it will be removed either
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink()


def place_folder(made: Path, wanted: Path) -> None:
    """Move a finished folder to its name; what stood there before is removed only after the move.

    Raises:
        StorageError: the disk refuses.
    """
    old = beside(wanted, "old")
    try:
        if wanted.exists():
            wanted.rename(old)
        try:
            made.rename(wanted)
        except OSError:
            if old.exists():
                old.rename(wanted)
            raise
        sync_folder(wanted.parent)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise storage_error(error, wanted) from error


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """The same bytes under a second name: a hard link where the file system has them, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_below(folder: Path) -> None:
    """Make a folder with all that it holds survive a power cut."""
    for place, _, names in os.walk(folder):
        for file in (Path(place, name) for name in names):
            if file.is_file() and not file.is_symlink():
                sync_folder(file)  # which serves a file as well
        sync_folder(Path(place))


def storage_error(error: OSError, file: Path) -> StorageError:
    """The error of the disk in our words."""
    step = next((step for codes, step in _STEPS.items() if error.errno in codes), "mend that")
    return StorageError(
        f"cannot write: {error.strerror or error}",
        where=str(file),
        hint=f"{step} or choose another folder, then run the same command again: what was written is kept",
    )


@contextmanager
def hold_lock(file: Path, busy: str, *, wait_s: float = _PROBE_SECONDS) -> Iterator[int]:
    """Own a lock file for as long as the block runs; the kernel frees it when the process dies.

    Yields:
        The lock's descriptor: a child that inherits it holds the lock too.

    Args:
        file: the lock file; it holds the owner's pid; only its owner may remove it.
        busy: what to say when another process holds it; ``{pid}`` is replaced.
        wait_s: seconds to wait for a process that holds it.

    Raises:
        BusyError: another process holds it.
        StorageError: the disk refuses.
    """
    handle = _locked(file, wait_s)
    if handle is None:
        pid = _owner(file).partition(" ")[0]
        raise BusyError(busy.format(pid=pid), where=str(file), hint=f"wait for process {pid} or stop it")
    try:
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        except OSError as error:
            raise storage_error(error, file) from error
        yield handle
    finally:
        os.close(handle)


def _locked(file: Path, wait_s: float) -> int | None:
    """The handle of the lock, or None when another process holds it; the file under the name is the one locked."""
    gives_up_at = time.monotonic() + wait_s
    while True:
        try:
            with suppress(FileExistsError):
                file.parent.mkdir(mode=0o700)
        except OSError as error:
            raise storage_error(error, file) from error
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) or time.monotonic() > gives_up_at:
                raise storage_error(error, file) from error
            time.sleep(_PAUSE_SECONDS)
            continue  # its last owner has just removed the folder: make it again
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), file.stat()):
                return handle
        except BlockingIOError:
            if time.monotonic() > gives_up_at:
                os.close(handle)
                return None
            time.sleep(_PAUSE_SECONDS)
        except FileNotFoundError:
            pass  # its last owner has just removed it: make a new one
        os.close(handle)


def _owner(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip() or "unknown"
    except FileNotFoundError:
        return "unknown"


def add_owner(handle: int, pid: int) -> None:
    """Note in a lock file that a child, which inherits the lock's descriptor, holds the lock too."""
    os.pwrite(handle, f" {pid}".encode(), os.fstat(handle).st_size)


def taken_by(file: Path) -> int | None:
    """The pid of the process that took a lock last; None where the file does not say."""
    first = _owner(file).partition(" ")[0]
    return int(first) if first.isdecimal() else None


def lock_owners(file: Path) -> tuple[int, ...]:
    """The processes that hold a lock, as far as it names them and they have it open."""
    pids = tuple(int(word) for word in _owner(file).split() if word.isdecimal())
    return tuple(pid for pid in pids if _has_open(pid, file))


def _has_open(pid: int, file: Path) -> bool:
    """Whether a process has a file open, so that it is not another one that came to bear its number."""
    try:
        wanted = file.stat()
        with os.scandir(f"/proc/{pid}/fd") as entries:
            return any(_is_same(entry, wanted) for entry in entries)
    except FileNotFoundError:
        return not os.path.isdir("/proc/self/fd")  # noqa: PTH112  no such folder on this system: nobody can tell
    except OSError:
        return False


def _is_same(entry: os.DirEntry[str], wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(entry.stat(), wanted)
    except OSError:  # closed meanwhile
        return False


def is_locked(file: Path) -> bool:
    """Whether a living process holds the lock file; one that we may not open is taken to be held."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
