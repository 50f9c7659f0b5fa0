"""What the files of deploy/ start and set, held against our CLI and against the variables that somebody reads."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from evaltrail.cli.parser import Parser
from evaltrail.config import service_settings, settings

SERVER_VARIABLE = re.compile(r"EVALTRAIL_SERVER_[A-Z0-9_]+_(URL|API_KEY_ENV|MAX_CONCURRENCY)")
_READ_BY_US = frozenset(
    name
    for module in (settings, service_settings)
    for name in re.findall(r'"([A-Z][A-Z_]+)"', Path(str(module.__file__)).read_text(encoding="utf-8"))
)
_READ_BY_LIBRARIES = frozenset({"PGPASSWORD"})  # libpq


def _read_by_mlflow() -> frozenset[str]:
    """MLflow's variables, read from the file that defines them: importing it costs seconds."""
    spec = find_spec("mlflow")
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).with_name("environment_variables.py").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^(MLFLOW_[A-Z_]+) = ", text, re.MULTILINE))


_READ = _READ_BY_US | _READ_BY_LIBRARIES | _read_by_mlflow()


def command_arguments(words: Sequence[object]) -> argparse.Namespace:
    """What our CLI makes of a command line that begins with `evaltrail`; raises where it would refuse it."""
    verb = str(words[1])
    parser = Parser(prog=f"evaltrail {verb}")
    importlib.import_module(f"evaltrail.cli.{verb}").add_arguments(parser)
    parser.add_argument("--json", action="store_true")
    parsed, strange = parser.parse_known_args([str(word) for word in words[2:]])
    assert words[0] == "evaltrail"
    assert strange == []
    return parsed


def is_read(name: str) -> bool:
    """Whether a variable is one that we, MLflow or a library of ours reads."""
    return name in _READ or SERVER_VARIABLE.fullmatch(name) is not None
