"""What a start may load: heavy libraries cost seconds, so they come when they are needed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

import evaltrail
from child import run_child

ROOT = Path(__file__).parents[2]
HEAVY = ("mlflow", "pyarrow", "numpy", "pandas", "jinja2", "yaml", "uvloop", "rich", "regex", "sacrebleu", "asyncio")


@pytest.mark.parametrize(
    "program",
    [
        "import evaltrail",
        "import evaltrail.cli.main as cli\ntry:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass",
        "import evaltrail.cli.main as cli\ntry:\n    cli.main(['--version'])\nexcept SystemExit:\n    pass",
    ],
)
def test_a_start_loads_nothing_heavy(program):
    """`import evaltrail` and `evaltrail --help` answer at once."""
    report = f"\nimport sys\nprint('LOADED', *(name for name in {HEAVY!r} if name in sys.modules))"
    child = run_child(program + report)
    assert child.returncode == 0, child.stderr
    assert child.stdout.splitlines()[-1] == "LOADED"


def test_public_names_equal_all():
    """Every public name is in __all__, can be loaded, and is found by dir()."""
    assert dir(evaltrail) == sorted(evaltrail.__all__)
    assert {name for name in evaltrail.__all__ if getattr(evaltrail, name) is None} == set()
    assert set(evaltrail._PLACES) == set(evaltrail.__all__) - {"__version__"}
    assert callable(evaltrail.run)


def test_a_name_that_is_not_public_is_an_attribute_error():
    """A wrong name fails as any module's does."""
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        evaltrail.runn  # noqa: B018


def test_documents_of_every_format_are_read_after_a_plain_install():
    """What reads documents and makes questions imports nothing but the standard library and plain dependencies."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    plain = {re.match(r"[\w-]+", line)[0].replace("pyyaml", "yaml") for line in declared}
    found = set()
    for file in (ROOT / "src" / "evaltrail" / "generation").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            found.update(name.partition(".")[0] for name in names)
    assert "pypdf" in found
    assert found - plain - set(sys.stdlib_module_names) == {"evaltrail"}
