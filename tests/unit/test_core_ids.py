"""Ids, digests, slugs, the nearest word, and errors on one line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core import errors
from evaltrail.core.ids import alike, did_you_mean, digest, digest_bytes, nearest, new_id, slug

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def test_ids_are_sixteen_hex_digits_and_differ():
    """However many are made at once."""
    made = {new_id() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in made)


def test_ids_made_at_once_lie_together():
    """An index that holds them by the million is changed in one place: few beginnings, though a minute may end here."""
    made = [new_id() for _ in range(200)]
    assert len({one[:4] for one in made}) <= 2


@settings(max_examples=40)
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_digest_does_not_depend_on_the_order_of_keys(value):
    """The same JSON value has the same digest, however its keys are ordered."""
    assert digest(value) == digest(dict(reversed(value.items())))


@pytest.mark.parametrize(
    ("one", "other"), [({}, []), ("1", 1), (1, 1.0), (None, ""), (["ab"], ["a", "b"]), ({"a": None}, {}), (True, 1)]
)
def test_different_values_have_different_digests(one, other):
    """Values that JSON tells apart have different digests."""
    assert digest(one) != digest(other)


def test_a_digest_takes_half_characters():
    """Text that is no whole unicode has a digest too."""
    assert digest("\ud800") != digest("\ud801")


def test_digests_are_stable_between_versions():
    """Resume keys and answer keys live on disk, so the digest of a value never changes."""
    assert digest({"b": [1, "é"], "a": None}) == digest_bytes('{"a":null,"b":[1,"é"]}'.encode())
    assert digest_bytes(b"") == "cae66941d9efbd404e4d88758ea67670"


@given(st.text())
def test_a_slug_is_always_a_safe_file_name(text):
    """A slug has only safe characters, is never empty, hidden or long."""
    made = slug(text)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}", made)


def test_a_slug_keeps_what_is_safe():
    """A model's name stays readable."""
    assert slug("org/Model-7B:free") == "org-Model-7B-free"
    assert slug("../../etc") == "etc"


def test_nearest_names_only_what_is_close():
    """A hint is given for a typo and for nothing else."""
    assert nearest("metric", ["metrics", "prompt"]) == "did you mean 'metrics'?"
    assert nearest("zzz", ["metrics", "prompt"]) == ""


def test_an_error_says_where_what_and_the_next_step_on_one_line():
    """The text of an error is one line: where, what, next step; a user's mistake always has one."""
    whole = errors.InputError("it is wrong", where="t.yaml: name", hint="mend it")
    assert str(whole) == "t.yaml: name: it is wrong (mend it)"
    assert str(errors.InputError("it is wrong")) == "it is wrong (correct it, then run again)"
    assert str(errors.StorageError("it is wrong")) == "it is wrong"


@pytest.mark.parametrize(
    ("kind", "code", "exit_code"),
    [
        (errors.EvaltrailError, "error", 1),
        (errors.InputError, "bad_input", 2),
        (errors.BusyError, "already_running", 2),
        (errors.EndpointError, "endpoint", 1),
        (errors.StorageError, "storage", 1),
        (errors.InterruptError, "interrupted", 130),
        (errors.DestinationError, "destination_refused", 1),
        (errors.DestinationUnreachableError, "destination_unreachable", 3),
    ],
)
def test_each_error_has_its_code_and_exit_code(kind, code, exit_code):
    """Codes and exit codes are the contract with programs."""
    error = kind("x")
    assert (error.code, error.exit_code) == (code, exit_code)
    assert kind("x", code="own").code == "own"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("exact_mach", ["exact_match"]),
        ("F1", ["token_f1"]),
        ("sacrebleu", ["bleu"]),
        ("zzz", []),
        ("", []),
    ],
)
def test_a_word_is_like_what_it_holds_or_is_held_by(word, meant):
    """Close words first; else parts, in whatever case."""
    assert alike(word, ["exact_match", "token_f1", "bleu", "map"]) == meant


def test_several_words_are_offered():
    """Or none."""
    assert did_you_mean(["a", "b"]) == "did you mean 'a' or 'b'?"
    assert not did_you_mean([])
