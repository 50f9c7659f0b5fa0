"""Values of variables: `host:NAME`, `lit:value`, `runtime:NAME`, a bare NAME, and texts with $NAME in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.config.composition.env_values import resolve_values, source_of
from evaltrail.core.errors import InputError

ENVIRON = {"PATH": "/usr/bin", "HF_TOKEN": "hf_abcdefgh1234", "EMPTY": "", "PLAIN": "p"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("host:PLAIN", "p"),
        ("runtime:PLAIN", "p"),
        ("host: PLAIN", "p"),
        ("PLAIN", "p"),
        ("EMPTY", ""),
        ("lit:PLAIN", "PLAIN"),
        ("lit:", ""),
        ("lit:$PLAIN ${PLAIN}", "$PLAIN ${PLAIN}"),
        ("/path/to/conda/env/bin:$PATH", "/path/to/conda/env/bin:/usr/bin"),
        ("${PLAIN}-$PLAIN.x", "p-p.x"),
        ("a/$GONE/b", "a//b"),
        ("$PLAIN", "p"),
        ("$GONE", ""),
        ("5", "5"),
        ("", ""),
        ("a b", "a b"),
        ("$$ $1 ${ } $", "$$ $1 ${ } $"),
        ("http://h:80/x", "http://h:80/x"),
        ("lit:lit:x", "lit:x"),
    ],
)
def test_values_are_resolved(text, value):
    """Seed 002's `PATH: "/path/to/conda/env/bin:$PATH"` is among them."""
    found = resolve_values({"X": text}, ENVIRON)
    assert (dict(found.values), found.missing) == ({"X": value}, ())


@pytest.mark.parametrize("text", ["host:GONE", "runtime:GONE", "GONE"])
def test_a_variable_that_is_not_set_is_missing_and_not_empty(text):
    """The caller decides whether that is an error: another thing may give the value."""
    found = resolve_values({"X": text, "Y": "PLAIN", "Z": "host:GONE"}, ENVIRON)
    assert found.missing == ("GONE",)
    assert dict(found.values) == {"Y": "p"}


@pytest.mark.parametrize(
    ("raw", "secrets"),
    [
        ({"HF_TOKEN": "host:HF_TOKEN"}, {"hf_abcdefgh1234"}),
        ({"X": "HF_TOKEN"}, {"hf_abcdefgh1234"}),
        ({"X": "a/$HF_TOKEN"}, {"hf_abcdefgh1234"}),
        ({"API_KEY": "lit:hello"}, {"hello"}),
        ({"API_KEY": "PLAIN"}, {"p"}),
        ({"X": "lit:sk-abcdef123456"}, {"sk-abcdef123456"}),
        ({"X": "lit:shm", "Y": "PLAIN", "Z": "$PATH"}, set()),
        ({"API_KEY": "EMPTY"}, set()),
    ],
)
def test_secret_values_are_known(raw, secrets):
    """By the name on either side, or by the look of a literal; and they are not shown."""
    found = resolve_values(raw, ENVIRON)
    assert found.secrets == secrets
    assert not any(secret in repr(found) for secret in secrets if len(secret) > 1)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ({"1X": "a"}, "'1X' is no name of a variable"),
        ({"A-B": "a"}, "is no name of a variable"),
        ({"A\nB": "a"}, "is no name of a variable"),
        ({"": "a"}, "is no name of a variable"),
        ({"A": "x\0y"}, "the value of A holds a NUL character"),
        ({"A": "host:"}, "what follows host: in A is no name of a variable"),
        ({"A": "host:B C"}, "what follows host: in A"),
    ],
)
def test_names_that_no_shell_would_take_are_refused(raw, line):
    """They go into the environment of child processes, and into batch scripts."""
    with pytest.raises(InputError) as caught:
        resolve_values(raw, ENVIRON)
    assert line in str(caught.value)


@given(
    st.dictionaries(st.sampled_from(["A", "B_1", "_c"]), st.text()),
    st.dictionaries(st.sampled_from(["A", "D"]), st.text()),
)
def test_every_variable_has_a_value_or_is_missing(raw, environ):
    """Nothing is lost between the two, whatever the texts are."""
    try:
        found = resolve_values(raw, environ)
    except InputError:
        return
    lost = {name for name in raw if name not in found.values}
    assert {source_of(raw[name]) for name in lost} == set(found.missing)
    assert not set(found.missing) & set(environ)


@given(st.text(st.characters(exclude_characters="\0")))
def test_a_literal_is_itself(text):
    """`lit:` is the way to say anything."""
    assert resolve_values({"X": f"lit:{text}"}, {}).values["X"] == text
