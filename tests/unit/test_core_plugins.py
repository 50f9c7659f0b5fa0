"""The plugin registry, against real distributions in a folder on sys.path."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.plugins import Registry
from evaltrail.providers.catalog import PROVIDERS
from evaltrail.scoring.catalog import METRICS

GROUP = "evaltrail_test.metrics"
BUILT_IN = {"good": "evaltrail.scoring.exact:ExactMatch"}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a distribution of one module: its source, and its entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name: str, source: str, points: dict[str, str]) -> None:
        (tmp_path / f"{name}_plugin.py").write_text(source)
        monkeypatch.delitem(sys.modules, f"{name}_plugin", raising=False)
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{point} = {place}\n" for point, place in points.items())
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        importlib.invalidate_caches()

    return put


def load_error(name: str) -> InputError:
    with pytest.raises(InputError) as caught:
        Registry(GROUP, BUILT_IN).load(name)
    return caught.value


def test_built_in_names_equal_our_entry_points():
    """A built-in table and the entry points of pyproject.toml say the same, so that no name depends on the road."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    for registry in (METRICS, PROVIDERS):
        assert project["entry-points"][registry.group] == registry.builtin


@pytest.mark.parametrize(
    ("registry", "name"), [(registry, name) for registry in (METRICS, PROVIDERS) for name in sorted(registry.builtin)]
)
def test_every_built_in_loads(registry, name):
    """Every built-in name leads to something that can be called."""
    assert callable(registry.load(name))


def test_a_stranger_is_found_by_its_entry_point(install):
    """A plugin of another distribution is listed beside ours and loaded by its name, nested attributes too."""
    install("red", "class Box:\n    value = 42\n", {"answer": "red_plugin:Box.value"})
    registry = Registry(GROUP, BUILT_IN)
    assert registry.names() == ["answer", "good"]
    assert registry.load("answer") == 42


def test_an_unknown_name_is_answered_with_the_nearest():
    """A typo gets the closest known name, and its kind is in message and code."""
    error = load_error("goof")
    assert (error.code, error.hint) == ("unknown_metric", "did you mean 'good'?")
    assert error.message == "unknown metric 'goof'"


def test_an_unknown_name_unlike_any_other_is_answered_with_all(install):
    """Where nothing is close, all names are listed, those of strangers too."""
    install("blue", "thing = 1\n", {"stranger": "blue_plugin:thing"})
    assert load_error("zzzzzz").hint == "known: good, stranger"


@pytest.mark.parametrize(
    ("source", "place", "why"),
    [
        ("", "missing_plugin:thing", "ModuleNotFoundError"),
        ("", "sad_plugin:thing", "has no attribute 'thing'"),
        ("import nowhere_at_all", "sad_plugin:thing", "nowhere_at_all"),
        ("1 / 0", "sad_plugin:thing", "ZeroDivisionError"),
        ("def (", "sad_plugin:thing", "SyntaxError"),
        ("thing = 1", "sad_plugin", "sad_plugin"),
    ],
)
def test_a_broken_plugin_fails_by_name(install, source, place, why):
    """Whatever a plugin's import raises becomes an error that names the plugin and its place."""
    install("sad", source, {"sad": place})
    error = load_error("sad")
    assert error.code == "broken_plugin"
    assert f"metric 'sad' cannot be loaded from {place}" in error.message
    assert why in error.message


def test_a_broken_plugin_fails_alone(install):
    """A plugin that cannot be imported does not keep another one from loading."""
    install("sad", "raise RuntimeError('no')", {"sad": "sad_plugin:thing"})
    install("fine", "thing = 'fine'\n", {"fine": "fine_plugin:thing"})
    assert Registry(GROUP, BUILT_IN).load("fine") == "fine"


def test_two_owners_of_a_name_are_both_named(install):
    """A name that two distributions offer is refused and both are named."""
    install("first", "thing = 1\n", {"same": "first_plugin:thing"})
    install("second", "thing = 2\n", {"same": "second_plugin:thing"})
    error = load_error("same")
    assert error.code == "plugin_conflict"
    assert error.message == "metric 'same' is offered by first and second"


def test_a_stranger_cannot_take_the_place_of_a_built_in(install):
    """A built-in name always means ours."""
    install("thief", "thing = 'stolen'\n", {"good": "thief_plugin:thing"})
    assert Registry(GROUP, BUILT_IN).load("good") is METRICS.load("exact_match")
