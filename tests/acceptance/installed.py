"""The installed `evaltrail` command in a home, a working folder and an environment of its own."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaltrail.cli.main import main

SCRIPT = Path(sys.executable).with_name("evaltrail")
_LIMITED = (
    "import os, resource, sys;"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY));"
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended; one that shows a traceback is refused at once."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        assert "Traceback" not in self.out + self.err, self.err

    @property
    def object(self) -> Any:
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, f"stdout holds more or less than one line: {self.out}\n{self.err}"
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """The lines on stderr that name an error."""
        return [line for line in self.err.splitlines() if line.startswith("error:")]


class Installed:
    """The command as a user has it.

    Args:
        folder: its own; HOME, EVALTRAIL_HOME and the working folder lie below it.
        environ: further variables; nothing else leaks in.
    """

    def __init__(self, folder: Path, **environ: str) -> None:
        self.home = folder / "home"
        self.cwd = folder / "cwd"
        for made in (folder / "user", self.cwd):
            made.mkdir(parents=True, exist_ok=True)
        self.environ = {
            "PATH": os.environ.get("PATH", ""),
            "LANG": "C.UTF-8",
            "HOME": str(folder / "user"),
            "EVALTRAIL_HOME": str(self.home),
            **environ,
        }
        self._started: list[subprocess.Popen[str]] = []

    def __call__(
        self, *words: object, environ: dict[str, str] | None = None, timeout: float = 90, file_bytes: int | None = None
    ) -> Finished:
        """Run the command to its end.

        Args:
            words: of the command line.
            environ: further variables of this call.
            timeout: seconds after which the test fails.
            file_bytes: the largest file that it may write; None = no limit.
        """
        command = [str(SCRIPT), *map(str, words)]
        if file_bytes is not None:
            command = [sys.executable, "-c", _LIMITED, str(file_bytes), *command]
        done = subprocess.run(
            command,
            cwd=self.cwd,
            env=self.environ | (environ or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Finished(code=done.returncode, out=done.stdout, err=done.stderr)

    def here(self, *words: object, environ: dict[str, str] | None = None) -> Finished:
        """Run the command in this process, in the same place and environment; for what ends before it does anything.

        A start costs 0.3 s of CPU, which a hundred mistakes need not pay each.
        """
        out, err = io.StringIO(), io.StringIO()
        before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
        try:
            with chdir(self.cwd), redirect_stdout(out), redirect_stderr(err):
                os.environ.clear()
                os.environ.update(self.environ | (environ or {}))
                code = main([str(word) for word in words])
        finally:
            os.environ.clear()
            os.environ.update(before)
            signal.signal(signal.SIGTERM, handler)
        return Finished(code=code, out=out.getvalue(), err=err.getvalue())

    def python(self, program: str, *words: str) -> Finished:
        """Run a Python program in the same place and environment."""
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=self.cwd,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return Finished(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, *words: object) -> subprocess.Popen[str]:
        """Start the command; the caller ends it, or ``end_all`` does."""
        process = subprocess.Popen(
            [str(SCRIPT), *map(str, words)],
            cwd=self.cwd,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def end_all(self) -> None:
        """End what was started and still runs."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            with process:
                process.wait()

    def runs(self) -> list[dict[str, Any]]:
        """What `ls runs` knows, newest first."""
        listed = self("ls", "runs", "--json").object["runs"]
        assert isinstance(listed, list)
        return listed


def ended(process: subprocess.Popen[str], *, timeout: float = 60) -> Finished:
    """How a started command ended; one that does not end is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate(timeout=timeout)  # what it started may hold its output for ever
        raise
    return Finished(code=process.returncode, out=out, err=err)


def until(claim: Callable[[], bool], *, seconds: float = 30, pause: float = 0.01) -> None:
    """Wait until a claim holds; fail when it never does."""
    ends = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < ends, "it never came to be"
        time.sleep(pause)


def holding(folder: Path, secret: str) -> list[Path]:
    """The files below a folder that hold a text, in their name or their bytes; running servers may delete one."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if secret in file.name or secret.encode() in _bytes_if_there(file)]


def _bytes_if_there(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def one_error(finished: Finished) -> str:
    """The one error line, which must have a next step in brackets at its end."""
    assert len(finished.errors) == 1, finished.err
    assert re.search(r"\(.+\)$", finished.errors[0]), f"no next step: {finished.errors[0]}"
    return finished.errors[0]
