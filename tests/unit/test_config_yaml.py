"""YAML of other programs: plain values, bounded in time, memory and depth, nothing left out in silence."""

from __future__ import annotations

import math
import time
import tracemalloc

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.readers.leaves import leaves, number
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import read_yaml

NINE = "*a, *a, *a, *a, *a, *a, *a, *a, *a"


def yaml_of(folder, content: str | bytes):
    """The value of a YAML file, and its notes."""
    file = folder / "r.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    notes = Notes()
    return read_yaml(file, notes), [(item.what, item.why) for item in notes.skipped]


def refused(folder, content: str | bytes) -> str:
    """Why a YAML file is refused; within a second, and in little memory."""
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        yaml_of(folder, content)
    took = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 1
    assert peak < 30_000_000
    assert (caught.value.code, caught.value.where) == ("unreadable", str(folder / "r.yml"))
    return caught.value.message.removeprefix("cannot be read: ")


def chain(link: str, steps: int) -> str:
    """A document whose every value is made of the one before: ``*a`` stands for that."""
    links = (link.replace("*a", f"*a{step - 1}").replace("KEY", f"k{step}") for step in range(1, steps))
    return "a0: &a0 {k0: x, l0: y}\n" + "".join(f"a{step}: &a{step} {text}\n" for step, text in enumerate(links, 1))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "[{a: " * 50_000,
        "- " * 100_000,
        "? " * 100_000,
        "- ? " * 50_000,
        "? - " * 50_000 + "x",
        "".join(" " * depth + "a:\n" for depth in range(3000)),
        "".join(" " * depth + "a:\r" for depth in range(3000)),
        "".join(" " * depth + "a:\u2028" for depth in range(3000)),
        "".join(" " * depth + "-\n" for depth in range(3000)),
        "".join(f"{' ' * depth}- a:\n{' ' * depth}   - b:\n" for depth in range(0, 1000, 6)),
        chain("[*a]", 300),
        chain("{KEY: [*a]}", 120),
        "!x [" * 5000,
        "&a [" * 5000,
    ],
)
def test_endless_nesting_is_refused(tmp_path, text):
    """Flow, blocks, compact lines, other line ends, and depth that only aliases make."""
    assert refused(tmp_path, text) == "it is nested too deeply"


def test_nesting_that_is_read(tmp_path):
    """Two hundred levels, as for JSON; brackets in texts and at one level do not count."""
    deep, _ = yaml_of(tmp_path, "[" * 200 + "]" * 200)
    assert str(deep) == "[" * 200 + "]" * 200
    assert refused(tmp_path, "[" * 201 + "]" * 201) == "it is nested too deeply"
    assert yaml_of(tmp_path, f"a: '{'[' * 1000}'\nb: [{'{},' * 1000}]")[0]["a"] == "[" * 1000


@pytest.mark.parametrize(
    "text",
    [
        chain(f"[{NINE}]", 12),
        chain(f"{{KEY: [{NINE}]}}", 12),
        chain(f"{{<<: [{NINE}], KEY: 1}}", 40),
        chain("{? [*a, *a] : 1, KEY: *a}", 40),
        f"a: &a {'x' * 1_000_000}\nb: [{'*a, ' * 1000}]",
        f"a: &a [{'1, ' * 10_000}]\nb: [{'*a, ' * 1000}]",
        f"a: &a {{{', '.join(f'k{count}: 1' for count in range(2000))}}}\nb: [{'{<<: *a}, ' * 2000}]",
    ],
)
def test_an_alias_bomb_is_refused(tmp_path, text):
    """What repeats itself more than two million times is an input error, at once and in little memory."""
    assert refused(tmp_path, text) == "its aliases repeat more than 2,000,000 values"


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}", "a: &a {? *a : 1}", "a: *b"])
def test_an_alias_of_itself_or_of_nothing_is_refused(tmp_path, text):
    """A value that holds itself has no end, and an unknown anchor no value."""
    assert refused(tmp_path, text).startswith("the alias '")


def test_aliases_as_they_are_meant(tmp_path):
    """A value may stand in many places, also one that a name brings back with another value; leaves tells each."""
    text = f"a: &a [1, 2]\nb: [{NINE}]\nc: &a x\nd: *a\ne: {{*a : 1, &k key: *a}}\nf: *k\n"
    found, notes = yaml_of(tmp_path, text)
    assert found == {"a": [1, 2], "b": [[1, 2]] * 9, "c": "x", "d": "x", "e": {"x": 1, "key": "x"}, "f": "key"}
    assert notes == []
    assert sum(1 for _ in leaves(found)) == 2 + 18 + 5


def test_merge_keys(tmp_path):
    """Own keys go before merged ones, earlier sources before later ones, chained; elsewhere ``<<`` is a key."""
    text = """
    base: &base {x: 1, y: 2}
    one: &one {<<: *base, y: 3}
    two: {z: 4, <<: [*one, {x: 9, w: 5}]}
    inner: {<<: {<<: *base, v: 6}}
    no_merge: {<<: 7}
    quoted: {"<<": *base}
    late: {deep: &deep {<<: &sub {k: 1}, k: 2}}
    use: {<<: *deep}
    """
    found, notes = yaml_of(tmp_path, text)
    assert found["one"] == {"x": 1, "y": 3}
    assert found["two"] == {"x": 1, "y": 3, "w": 5, "z": 4}
    assert found["inner"] == {"x": 1, "y": 2, "v": 6}
    assert (found["no_merge"], found["quoted"]) == ({"<<": 7}, {"<<": {"x": 1, "y": 2}})
    assert (found["late"], found["use"]) == ({"deep": {"k": 2}}, {"k": 2})
    assert notes == []


def test_many_merges_into_one_place_take_no_time(tmp_path):
    """The time grows with the text, not with its square."""
    began = time.process_time()
    found, _ = yaml_of(tmp_path, "a:\n" + "".join(f"  <<: {{k{count}: 1}}\n" for count in range(20_000)))
    assert len(found["a"]) == 20_000
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0", 0),
        ("+12", 12),
        ("1_000", 1000),
        ("0x1F", 31),
        ("-0b11", -3),
        ("010", 8),
        ("08", "08"),
        ("0x_", "0x_"),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("1.0e+3", 1000.0),
        ("1e-05", "1e-05"),
        ("1e5", "1e5"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        (".", "."),
        ("~", None),
        ("NULL", None),
        ("nUll", "nUll"),
        ("yes", True),
        ("OFF", False),
        ("n", "n"),
        ("2001-01-01", "2001-01-01"),
        ("2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("1:30.5", "1:30.5"),
        ("=", "="),
        ("'1'", "1"),
        ('"null"', "null"),
        ("! 5", "5"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!int x", "x"),
        ("!!float 5", 5.0),
        ("!!bool maybe", "maybe"),
        ("!!bool 'yes'", True),
        ("!!null ''", None),
        ("!!timestamp x", "x"),
        ("!!timestamp 2001-01-01", "2001-01-01"),
        ("!!binary aGk=", "hi"),
        ("!!binary a", "a"),
        ("!!set {a, b}", ["a", "b"]),
        ("!!omap [a: 1]", [{"a": 1}]),
        ("!unknown 5", "5"),
        ("!unknown {a: 1}", {"a": 1}),
        ("!unknown [1]", [1]),
        ("!!python/tuple [1, 2]", [1, 2]),
        ("!!python/name:os.system ''", ""),
        ("!!python/object/apply:os.system [touch /tmp/never]", ["touch /tmp/never"]),
    ],
)
def test_what_a_scalar_stands_for(tmp_path, text, value):
    """Numbers, words and texts as YAML 1.1 has them, but dates and times stay texts, and no tag runs anything."""
    found, notes = yaml_of(tmp_path, f"a: {text}\n")
    assert (found, notes) == ({"a": value}, [])
    assert type(found["a"]) is type(value)


def test_numbers_that_yaml_takes_for_texts_are_numbers(tmp_path):
    """``1e-05`` is a text to YAML and a number to the readers; NaN is none."""
    found, _ = yaml_of(tmp_path, f"a: 1e-05\nb: .nan\nc: {'9' * 5000}\nd: 0x{'f' * 5000}\n")
    assert number(found["a"]) == 1e-05
    assert [number(found[key]) for key in "bcd"] == [None, None, None]
    assert math.isnan(found["b"])


def test_keys_are_the_texts_they_are_written_as(tmp_path):
    """Norwegian is no Boolean; two keys that look different are two keys; a list as a key is written as JSON."""
    found, notes = yaml_of(tmp_path, "no: 1\nfalse: 2\n1: 3\n1.0: 4\n~: 5\n2001-01-01: 6\n? [a, 1]\n: 7\n'': 8\n")
    assert found == {"no": 1, "false": 2, "1": 3, "1.0": 4, "~": 5, "2001-01-01": 6, '["a", 1]': 7, "": 8}
    assert notes == []


def test_of_equal_keys_the_last_counts(tmp_path):
    """As for those who wrote it; another value is noted, a secret is not shown, equal values are no loss."""
    found, notes = yaml_of(
        tmp_path, "a: 1\nb: {c: [1], c: [2]}\na: 2\nd: 1\nd: 1\ntoken: abcdefgh-1\ntoken: abcdefgh-2\n"
    )
    assert found == {"a": 2, "b": {"c": [2]}, "d": 1, "token": "abcdefgh-2"}
    start = "the key stands twice in one place; the last is kept, not "
    assert notes == [("r.yml: c", f"{start}[1]"), ("r.yml: a", f"{start}1"), ("r.yml: token", f"{start}'***'")]


@pytest.mark.parametrize("rest", ["---\nb: 2\n", "---\nb: [\n", "...\n---\nb: 2\n", "---\n"])
def test_of_several_documents_the_first_is_read(tmp_path, rest):
    """The others are noted, broken or not."""
    assert yaml_of(tmp_path, f"a: 1\n{rest}") == ({"a": 1}, [("r.yml", "only the first of its YAML documents is read")])


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"", None),
        (b"\n\n", None),
        (b"# only\n# comments\n", None),
        (b"---\n", None),
        (b"--- 5\n...\n", 5),
        (b"\xef\xbb\xbfa: 1\n", {"a": 1}),
        ("a: \u00e9\n".encode("utf-16"), {"a": "\u00e9"}),
        (b"a:\t1\n", {"a": 1}),
        (b"%YAML 1.2\n---\na: 1\n", {"a": 1}),
        (b'{"a": [1, null, true, "\\u00e9"]}', {"a": [1, None, True, "\u00e9"]}),
        (b"a: |\n  1\n  2\nb: >-\n  3\n  4\n", {"a": "1\n2\n", "b": "3 4"}),
    ],
)
def test_unusual_files_that_are_yaml(tmp_path, content, value):
    """Nothing at all, comments, marks, JSON, other encodings."""
    assert yaml_of(tmp_path, content) == (value, [])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\ta: 1\n", "it is no YAML: while scanning"),
        (b"a: [1, 2\n", "it is no YAML: while parsing"),
        (b"a: b: c\n", "it is no YAML: mapping values are not allowed"),
        (b"a: 'open\n", "it is no YAML: while scanning a quoted scalar"),
        (b"a: \x00\n", "it is no YAML: unacceptable character"),
        (b"\x1b[1mred\n", "it is no YAML: unacceptable character"),
        ("a: caf\u00e9\n".encode("latin-1"), "it is no UTF-8 text: invalid continuation byte"),
        (b"%YAML 9.9\n---\na: 1\n", "it is no YAML: found incompatible"),
    ],
)
def test_files_that_are_no_yaml(tmp_path, content, why):
    """Each is refused with its reason on one line."""
    reason = refused(tmp_path, content)
    assert reason.startswith(why)
    assert "\n" not in reason


@settings(max_examples=40, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=60), inner, max_size=5),
        max_leaves=15,
    ),
    is_flow=st.sampled_from([True, False, None]),
)
def test_what_the_library_writes_is_read_back(tmp_path_factory, value, is_flow):
    """Any plain value that the usual library dumps comes back equal, shared parts written as aliases too."""
    folder = tmp_path_factory.mktemp("yaml")
    document = {"value": value, "same": [value]}
    found, notes = yaml_of(folder, yaml.safe_dump(document, default_flow_style=is_flow))
    assert (found, notes) == (document, [])


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab:-?[]{}&*!|>'\"#%@,. \n\t<1~=", max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    """No text ends in a traceback; what the library takes for YAML is read, but for values that hold themselves."""
    loader = yaml.CSafeLoader(text)
    try:
        is_yaml = not loader.check_node() or loader.get_node() is not None
    except yaml.YAMLError:
        is_yaml = False
    try:
        yaml_of(tmp_path_factory.getbasetemp(), text)
        why = ""
    except InputError as error:
        why = error.message
    assert is_yaml == (not why) or "what it stands in" in why
