"""What a start may load: heavy libraries cost seconds, so they come when they are needed."""

from __future__ import annotations

import pytest

import evaltrail
from child import run_child

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
