"""Laws of composing: it is stable, it ends, and it fails only with errors of ours."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from configuration_files import LEAST, ConfigurationFiles, one_file
from evaltrail.config.composition.overrides import read_override
from evaltrail.config.composition.value_text import read_value
from evaltrail.core.errors import InputError

BASE = "a: {b: 1, c: '${.b}'}\nl: [1, {x: '${a.c}'}]\nt: text\n" + LEAST
WORDS = """\
a b . .. ${ } [ ] { = + ~ ++ ' " \\ $ : , oc.env: oc.select: oc.decode: X 0 -1 ??? null evaluation.tasks _self_ @ / é
1e999 execution export.mlflow target.api_endpoint.url mmlu lit: \0"""
PIECES = st.sampled_from([*WORDS.split(), " ", "\n"])
TEXTS = st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=30)
PLAIN = st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF, exclude_characters="$?\\"), max_size=12)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | PLAIN
)
KEYS = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=6)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def composed(texts: dict[str, str], *overrides: str, environ: dict[str, str] | None = None):
    with TemporaryDirectory() as folder:
        return ConfigurationFiles(Path(folder), texts).compose(*overrides, environ=environ)


def problems(text: str, *overrides: str) -> list[str]:
    with TemporaryDirectory() as folder:
        return one_file(Path(folder), text).problems(*overrides, environ={"X": "${a.b}"})


@given(st.dictionaries(KEYS.filter(lambda key: key != "defaults"), VALUES, max_size=5))
def test_composing_what_was_composed_changes_nothing(value):
    """A configuration that is written out whole means what it meant."""
    first = composed({"config.yaml": json.dumps(value)}).value
    again = composed({"config.yaml": json.dumps({"defaults": [], **first})}).value
    assert again == first
    assert {key: first[key] for key in value if key not in {"execution", "deployment"}} == {
        key: value[key] for key in value if key not in {"execution", "deployment"}
    }


@given(
    st.dictionaries(
        st.sampled_from("abcde"), st.sampled_from("abcde").map(lambda key: f"${{{key}}}") | st.integers(), min_size=1
    )
)
def test_interpolation_ends_with_a_value_or_an_error(value):
    """Chains, circles and dead ends in any arrangement."""
    try:
        found = composed({"config.yaml": json.dumps(value)}).value
    except Exception as error:  # noqa: BLE001  the kind of error is what is tested
        assert type(error).__name__ in {"InputError", "PartialError"}  # noqa: PT017
        return
    assert all(isinstance(found[key], int) for key in value)


@given(TEXTS)
def test_any_text_as_an_override_is_taken_or_told(text):
    """Nothing but errors of ours comes out, each on one line."""
    assert all("\n" not in line or "\n" in text for line in problems(BASE, text))


@given(TEXTS, TEXTS)
def test_any_text_as_a_value_is_taken_or_told(one, other):
    """Interpolations of any shape; the file itself stays readable."""
    found = problems(f"{BASE}v: {json.dumps(one)}\nw: [{json.dumps(other)}]\n")
    assert found  # at least that v and w are unknown


@given(TEXTS)
def test_any_text_as_a_file_is_taken_or_told(text):
    """A file of nonsense lacks its tasks at the least."""
    assert problems(text.encode("utf-8", "replace").decode())


@given(TEXTS, TEXTS)
def test_any_defaults_list_is_taken_or_told(one, other):
    """Names from outside are hostile until they are checked."""
    text = f"defaults:\n  - {json.dumps(one)}\n  - {{{json.dumps(other)}: {json.dumps(one)}}}\n"
    assert problems(text.encode("utf-8", "replace").decode())


@given(VALUES.filter(lambda value: not isinstance(value, float)))
def test_json_is_a_way_to_write_values(value):
    """What programs write as JSON is read back as it was; only control characters and backslashes differ."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\" not in text:
        assert read_value(text) == value


@given(PLAIN.filter(lambda text: text.strip()), st.sampled_from(["", "+", "++"]))
def test_an_override_is_read_as_it_is_written(value, sign):
    """The key ends at the first equals sign."""
    try:
        found = read_override(f"{sign}a.b={value}")
    except InputError:
        assert value.strip()[0] in "\"'[{"
        return
    assert (found.key, found.steps, found.value) == ("a.b", ("a", "b"), read_value(value))
