"""Small Python programs run as child processes: what a crash, a second process or a fresh interpreter does."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent
from typing import IO


def start_child(program: str, *arguments: object, stderr: IO[bytes] | int = subprocess.PIPE) -> subprocess.Popen[str]:
    """A running child; its arguments are in sys.argv[1:], its stdin and stdout, and stderr unless given, are pipes."""
    command = [sys.executable, "-c", dedent(program), *map(str, arguments)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "EVALTRAIL_"))}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environ
    )


def run_child(program: str, *arguments: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """A finished child, whatever its exit code."""
    with start_child(program, *arguments) as child:
        out, err = child.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)
