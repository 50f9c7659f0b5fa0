"""A reader of our pages, who pastes their blocks into a shell beside the examples."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from installed import Finished, Installed

ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 120


def blocks(page: str, kind: Literal["sh tour", "python"]) -> list[str]:
    """The code blocks of a kind in a page, which is named from the root, as they stand there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def whole_page(page: str) -> str:
    """The tour of a page and then its Python, as one script."""
    python = [f"python - <<'END'\n{block}END\n" for block in blocks(page, "python")]
    return "\n".join([*blocks(page, "sh tour"), *python])


def paste(command: Installed, script: str, *, ends_at_errors: bool = True, **variables: str) -> Finished:
    """What a shell said to a script that ended with exit code 0.

    Args:
        command: in whose place and environment; the examples are put there.
        script: for bash.
        ends_at_errors: the first command that fails ends it; a script that waits for its own processes looks itself.
        variables: further ones of the environment.
    """
    shutil.copytree(ROOT / "examples", command.cwd / "examples", dirs_exist_ok=True)
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo" if ends_at_errors else "-uo", "pipefail", "-c", script],
        cwd=command.cwd,
        env=command.environ | {"PATH": search, **variables},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return Finished(code=done.returncode, out=done.stdout, err=done.stderr)
