from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.destinations.mlflow.naming import (
    NAME_CHARACTERS,
    checked_experiment,
    clean_text,
    legal_name,
    legal_path,
    renamed,
    unique_names,
    unique_paths,
)

ODD_TEXT = st.text(st.sampled_from("aB1é/. _-:@,%+()[]#?\\\n\x00\ud800"), max_size=30) | st.text(max_size=400)


def is_taken(name: str) -> bool:
    """MLflow's rule, written down a second time: characters, length, normal as a path."""
    normal = posixpath.normpath(name)
    characters = re.fullmatch(r"[/\w.\- :]+", name) is not None
    return characters and len(name) <= 250 and normal == name and normal != "." and not normal.startswith(("..", "/"))


@given(ODD_TEXT)
def test_every_text_becomes_a_name_that_mlflow_takes(text):
    """Whatever a producer calls a metric, its name in MLflow is legal, and stays itself when it already was."""
    name = legal_name(text)
    assert is_taken(name)
    assert legal_name(name) == name
    assert name == text or not is_taken(text)


@given(st.lists(ODD_TEXT, max_size=12))
def test_no_two_names_fall_together_and_the_map_leads_back(texts):
    """Different originals get different names; changed ones are found again in the map."""
    stored = unique_names(texts)
    assert set(stored) == set(texts)
    assert len(set(stored.values())) == len(stored)
    assert all(is_taken(name) for name in stored.values())
    back = renamed(stored)
    assert {back.get(name, name) for name in stored.values()} == set(texts)


@given(st.lists(ODD_TEXT, max_size=12))
def test_artifact_paths_stay_inside_apart_and_readable(texts):
    """Paths keep nothing that MLflow cuts off, never climb out, and never fall together."""
    stored = unique_paths(texts)
    assert len(set(stored.values())) == len(stored)
    for path in stored.values():
        assert not set(path) & set("#?%\\\x00")
        assert not path.startswith(("/", "../"))
        assert path == posixpath.normpath(path)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("pass@1", "pass_at_1"),
        ("acc,none", "acc_none"),
        ("NDCG@10", "NDCG_at_10"),
        ("f1 (macro)", "f1 _macro_"),
        ("../x", "__/x"),
        ("..x", "__x"),
        ("/a//b/", "a/b"),
        ("", "_"),
        ("Größe", "Größe"),
    ],
)
def test_the_map_of_names_is_the_documented_one(name, stored):
    """`@` is spelled out, other refused characters become an underscore, slashes stay normal."""
    assert legal_name(name) == stored


def test_a_legal_name_keeps_itself_wherever_it_stands():
    """A mapped name that falls together with a legal one is numbered, whichever came first."""
    assert unique_names(["pass@1", "pass_at_1", "pass,at,1"]) == {
        "pass@1": "pass_at_1_2",
        "pass_at_1": "pass_at_1",
        "pass,at,1": "pass_at_1_3",
    }


def test_artifacts_that_fall_together_are_numbered_before_the_extension():
    """`a#b.txt` and `a?b.txt` both land, as text files."""
    assert unique_paths(["a#b.txt", "a?b.txt"]) == {"a#b.txt": "a_b.txt", "a?b.txt": "a_b_2.txt"}
    assert legal_path("logs/100%.log") == "logs/100_.log"


def test_long_names_are_cut_with_a_mark_that_tells_them_apart():
    """Two names with the same first 250 characters stay two names."""
    first, second = legal_name("x" * 300), legal_name("x" * 301)
    assert first != second
    assert len(first) == len(second) == NAME_CHARACTERS


@pytest.mark.parametrize("name", ["", "  ", "x" * 251])
def test_an_experiment_name_that_no_store_keeps_is_refused(name):
    """Blank or too long is the user's error, found before anything is sent."""
    with pytest.raises(InputError, match="experiment name"):
        checked_experiment(name)


def test_text_that_no_database_stores_is_spelled_out():
    """NUL and lone surrogates become readable text; everything else stays."""
    assert clean_text("a\x00b\ud800c é") == "a\\x00b\\ud800c é"
