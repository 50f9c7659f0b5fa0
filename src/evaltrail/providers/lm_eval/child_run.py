"""The harness as a child process: its variables, its command line, what it tells on the way, and how it ended."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import make_private, place_folder, write_whole
from evaltrail.core.decoding import decoder
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.ports import FolderCall
from evaltrail.core.progress import ProgressSink
from evaltrail.providers.lm_eval.exchange import ACCESS_VARIABLE, Access, ChildRequest, Failure, Report, error_of
from evaltrail.providers.log_tail import last_line
from evaltrail.providers.process import Ended, run_process

_CHILD = "evaltrail.providers.lm_eval.child"
_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE", "TRANSFORMERS_OFFLINE")
_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "PYTHONUNBUFFERED": "1",
}
_MOST_LINE = 1 << 20


def run_child(request: ChildRequest, folder: Path, call: FolderCall, *, name: str) -> Path:
    """The folder with the results, made by a child unless an earlier call did.

    Args:
        request: what to do; where its results and answers go is said here.
        folder: of this task alone.
        call: whom to ask, and how.
        name: of the task, for progress and errors.

    Raises:
        InputError: the child found a setting that is wrong.
        EndpointError: the endpoint refuses or is gone; answers are kept.
        StorageError: the disk refuses.
        EvaltrailError: the harness failed.
        KeyboardInterrupt: it came while the child ran, which has ended.
    """
    made, wanted = folder / "unfinished", folder / "results"
    if wanted.is_dir():
        return wanted
    make_private(folder)
    shutil.rmtree(made, ignore_errors=True)
    make_private(made)
    whole = msgspec.structs.replace(request, results=str(made), journal=str(folder / "answers.jsonl"))
    file = folder / "request.json"
    write_whole(file, msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
    told = _Told(call.on_progress, name)
    ended = _run(file, told, call, is_offline=not request.options.allow_downloads)
    if told.failure is not None:
        raise error_of(told.failure)
    if not told.is_done:
        raise EvaltrailError(
            f"lm_eval ended with code {ended.code}: {last_line(call.log)}",
            code="harness_failed",
            hint=f"{call.log} holds all that it said; the same command goes on",
            where=name,
        )
    place_folder(made, wanted)
    return wanted


def _run(file: Path, told: _Told, call: FolderCall, *, is_offline: bool) -> Ended:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    is_open = True

    def close(_: int) -> None:
        nonlocal is_open
        os.close(writing)
        is_open = False

    try:
        return run_process(
            # -P: a file of the user's called datasets.py must not stand for the library.
            (sys.executable, "-P", "-m", _CHILD, str(file), str(writing)),
            cwd=Path.cwd(),
            environ=_environ(call, is_offline=is_offline),
            log=call.log,
            timeout_s=None,
            pass_fds=(writing,),
            on_start=close,
            on_look=lambda: told.read(reading),
            secrets=(call.api_key, *call.target.headers.values(), *call.secrets),
        )
    finally:
        if is_open:
            os.close(writing)
        told.read(reading)
        os.close(reading)


def _environ(call: FolderCall, *, is_offline: bool) -> Mapping[str, str]:
    access = Access(target=call.target, api_key=call.api_key)
    found = {**_QUIET, **call.environ, ACCESS_VARIABLE: msgspec.json.encode(access).decode()}
    return found | dict.fromkeys(_OFFLINE, "1") if is_offline else found


class _Told:
    """What the child has told so far.

    Args:
        on_progress: told how far it is.
        name: of the task.
    """

    def __init__(self, on_progress: ProgressSink, name: str) -> None:
        self.failure: Failure | None = None
        self.is_done = False
        self._on_progress = on_progress
        self._name = name
        self._rest = b""
        self._decode = decoder(Report).decode

    def read(self, handle: int) -> None:
        """Take in what has come since the last look."""
        with suppress(BlockingIOError):
            while data := os.read(handle, 65_536):
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            report = self._decode(line)
        except msgspec.DecodeError:  # a child killed in the midst of a line
            return
        self.failure = report.failure or self.failure
        self.is_done = self.is_done or report.is_done
        if report.progress is not None:
            self._on_progress(report.progress)
