"""Files of other programs: what can be read is read, what cannot says why, and nothing hangs or fills the memory."""

from __future__ import annotations

import json
import math
import os
import threading
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import decoded, read_csv, read_json, read_jsonl, read_text, read_yaml

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
READERS = {
    "json": lambda file: read_json(file, Notes()),
    "jsonl": lambda file: list(read_jsonl(file, Notes())),
    "yaml": lambda file: read_yaml(file, Notes()),
    "csv": read_csv,
    "text": read_text,
}


def json_of(folder, content: bytes | str):
    """The value of a JSON file, and its notes."""
    file = folder / "r.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    notes = Notes()
    return read_json(file, notes), [(item.what, item.why) for item in notes.skipped]


def lines_of(folder, content: bytes, **bounds):
    """The numbered values of a JSONL file, and its notes."""
    (folder / "r.jsonl").write_bytes(content)
    notes = Notes()
    found = list(read_jsonl(folder / "r.jsonl", notes, **bounds))
    return found, [(item.what, item.why) for item in notes.skipped]


def csv_of(folder, content: bytes):
    (folder / "r.csv").write_bytes(content)
    return read_csv(folder / "r.csv")


@contextmanager
def appended_to(file):
    """A second thread writes to the file all the while."""
    is_over = threading.Event()

    def append() -> None:
        with file.open("ab", buffering=0) as out:
            while not is_over.wait(0.0005):
                out.write(b'{"a": 1}\n')

    writer = threading.Thread(target=append)
    writer.start()
    try:
        yield
    finally:
        is_over.set()
        writer.join(timeout=10)


@settings(max_examples=80, deadline=None)
@given(value=VALUES, is_plain=st.booleans())
def test_what_json_writes_is_read_back(tmp_path_factory, value, is_plain):
    """Any value comes back as it was written, as a file, as a line, and as bytes."""
    folder = tmp_path_factory.mktemp("json")
    text = json.dumps(value, ensure_ascii=is_plain)
    assert json_of(folder, text) == (value, [])
    assert lines_of(folder, f"{text}\r\n\n{text}".encode()) == ([(1, value), (3, value)], [])
    assert decoded(text.encode(), folder / "x", Notes()) == value


def test_numbers_that_json_does_not_know(tmp_path):
    """NaN and Infinity are floats; endless whole numbers are read, or infinite where Python has none."""
    text = '{"a": NaN, "b": [-Infinity, 1e999], "c": %s, "d": %s, "e": 1}' % ("9" * 4000, "9" * 5000)  # noqa: UP031
    found, notes = json_of(tmp_path, text)
    assert math.isnan(found.pop("a"))
    assert found == {"b": [-math.inf, math.inf], "c": int("9" * 4000), "d": math.inf, "e": 1}
    assert notes == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is no JSON: Expecting value"),
        (b"   \n", "it is no JSON: Expecting value"),
        (b'{"a": 1', "it is no JSON: Expecting"),
        (b'{"a": 1} x', "it is no JSON: Extra data"),
        (b"{'a': 1}", "it is no JSON: Expecting property name"),
        (b"\x00" * 100, "it is no JSON"),
        ('{"a": "\u00e9"}'.encode("latin-1"), "it is no UTF-8 text: invalid continuation byte"),
        ('{"a": "e"}'.encode("utf-16-le"), "it is no JSON"),
        (b"\xff\xfe{", "it is no UTF-16 text: truncated data"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"a":' * 100_000, "it is nested too deeply"),
        (b"[" * 201 + b"]" * 201, "it is nested too deeply"),
        (b'{"a":[' * 101 + b"]}" * 101, "it is nested too deeply"),
    ],
)
def test_a_json_file_that_cannot_be_read_says_why(tmp_path, content, why):
    """Broken, truncated, wrongly encoded and endlessly nested files are input errors with path and reason."""
    with pytest.raises(InputError) as caught:
        json_of(tmp_path, content)
    assert caught.value.message.startswith(f"cannot be read: {why}")
    assert (caught.value.code, caught.value.where) == ("unreadable", str(tmp_path / "r.json"))


def test_nesting_that_is_read_is_the_same_for_all(tmp_path):
    """Two hundred levels are read, brackets in texts do not count."""
    text = "[" * 200 + "]" * 200
    assert json.dumps(json_of(tmp_path, text)[0]) == text
    assert json_of(tmp_path, json.dumps(["[{" * 1000]))[0] == ["[{" * 1000]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_say_the_encoding(tmp_path, encoding):
    """UTF-8 with and without a mark, and UTF-16 and UTF-32 with one, are read alike."""
    assert json_of(tmp_path, '{"a": "\u00e9\U0001f600"}'.encode(encoding))[0] == {"a": "\u00e9\U0001f600"}
    for mark, big in ((b"\xfe\xff", "utf-16-be"), (b"\x00\x00\xfe\xff", "utf-32-be")):
        assert csv_of(tmp_path, mark + "a;\u00e9".encode(big)) == [["a", "\u00e9"]]


def test_of_equal_keys_the_first_counts(tmp_path):
    """Where the values differ the other one is noted; a secret's is not shown, and a broken text has no such note."""
    text = '{"a": 1, "b": {"c": [1], "c": [2]}, "a": 2, "a": 1, "api_key": "first-1", "api_key": "other-2"}'
    found, notes = json_of(tmp_path, text)
    assert found == {"a": 1, "b": {"c": [1]}, "api_key": "first-1"}
    start = "the key stands twice in one object; the first is kept, not "
    assert notes == [
        ("r.json: c", f"{start}[2]"),
        ("r.json: a", f"{start}2"),
        ("r.json: api_key", f"{start}'***'"),
    ]
    found, notes = lines_of(tmp_path, b'{"a": 1}\n{"a": 1, "a": 2}\n{"a": 1, "a": 2\n')
    assert found == [(1, {"a": 1}), (2, {"a": 1})]
    assert [what for what, _ in notes] == ["r.jsonl:2: a", "r.jsonl:3"]


def test_endless_values_make_no_endless_notes(tmp_path):
    """What is left out is shown in short, however large it is."""
    other = json.dumps({"k" * 9000: "v" * 9000, "l": list(range(9000))})
    _, notes = json_of(tmp_path, f'{{"a": 1, "a": {other}, "{"b" * 9000}": 1, "{"b" * 9000}": 2}}')
    assert len(notes) == 2
    assert max(len(text) for note in notes for text in note) < 1100


def test_texts_that_are_nearly_json_are_read(tmp_path):
    """Control characters stay; a half of a character is replaced and noted, whole ones are left alone."""
    assert json_of(tmp_path, '{"a": "x\ty\nz"}') == ({"a": "x\ty\nz"}, [])
    text = r'["\ud83d\ude00 \\ud800 \\\ud800 \uDC00 \u00e9 \uD83D\uDE00\uDE00", {"\ud800": 1}]'
    found, notes = json_of(tmp_path, text)
    assert found == ["\U0001f600 \\ud800 \\\ufffd \ufffd \u00e9 \U0001f600\ufffd", {"\ufffd": 1}]
    assert notes == [("r.json", "halves of characters that stand alone are replaced")]
    assert json_of(tmp_path, r'"\\ud800 \ud83d\ude00"')[0] == "\\ud800 \U0001f600"


def test_broken_lines_are_noted_by_number(tmp_path):
    """Each broken line is told, blank ones are passed by, and the lines after them keep their numbers."""
    lines = [
        b'\xef\xbb\xbf{"a": 1}',
        b"",
        b"{",
        b"\xff",
        b" \t",
        b"[" * 100_000,
        b'{"a": NaN}\r',
        b"[" * 300 + b"]" * 300,
    ]
    found, notes = lines_of(tmp_path, b"\n".join(lines) + b'\n"last"')
    assert [number for number, _ in found] == [1, 7, 9]
    assert (found[0][1], found[2][1]) == ({"a": 1}, "last")
    assert [(what, why[:13]) for what, why in notes] == [
        ("r.jsonl:3", "it is no JSON"),
        ("r.jsonl:4", "it is no JSON"),
        ("r.jsonl:6", "it is nested "),
        ("r.jsonl:8", "it is nested "),
    ]
    assert lines_of(tmp_path, b"") == ([], [])
    assert lines_of(tmp_path, b"\r\n\n\r\n") == ([], [])


def test_a_line_beyond_the_bound_is_passed_by(tmp_path):
    """It is noted and not held in memory; the lines around it are read."""
    content = b'{"a": 1}\n"' + b"x" * 5_000_000 + b'"\n{"a": 2}\n' + b"y" * 200
    (tmp_path / "r.jsonl").write_bytes(content)
    tracemalloc.start()
    found, notes = lines_of(tmp_path, content, most_line_bytes=100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [(1, {"a": 1}), (3, {"a": 2})]
    why = "the line is longer than 100 bytes"
    assert notes == [("r.jsonl:2", why), ("r.jsonl:4", why)]
    assert peak < 1_000_000
    assert lines_of(tmp_path, b'"%s"\n' % (b"x" * 97), most_line_bytes=100)[0] == [(1, "x" * 97)]


def test_lines_in_utf_16_are_refused_as_such(tmp_path):
    """Line for line they would all be broken; the encoding is the reason to tell."""
    with pytest.raises(InputError, match="it is UTF-16 text, and JSON lines are UTF-8"):
        lines_of(tmp_path, '{"a": 1}\n'.encode("utf-16"))


def test_lines_are_read_in_flat_memory(tmp_path):
    """The memory for 30 MB of lines is that of a few lines."""
    file = tmp_path / "big.jsonl"
    line = json.dumps({"text": "x" * 9900, "n": list(range(20))}) + "\n"
    with file.open("w") as out:
        for _ in range(30):
            out.write(line * 100)
    tracemalloc.start()
    count = sum(1 for _ in read_jsonl(file, Notes()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, peak < 500_000) == (3000, True)


def test_a_file_that_grows_is_told_or_read_up_to_where_it_was(tmp_path):
    """A whole file that changes under the reader is refused; lines end with what was there at the beginning."""
    whole, lines = tmp_path / "whole.json", tmp_path / "lines.jsonl"
    whole.write_bytes(b'{"a": 1}\n' * 2_000_000)
    lines.write_bytes(b'{"a": 1}\n' * 1000)
    with appended_to(whole), pytest.raises(InputError, match="changed while it was read") as caught:
        any(read_text(whole) is None for _ in range(50))
    assert caught.value.code == "changed"
    with appended_to(lines):
        for _ in range(5):
            size = lines.stat().st_size
            count = sum(1 for _ in read_jsonl(lines, Notes()))
            assert size // 9 <= count <= lines.stat().st_size // 9


@pytest.mark.parametrize("kind", READERS)
def test_what_is_no_file_is_told_at_once(tmp_path, kind):
    """Pipes, devices, folders, links to nothing and in circles: an input error each, and no waiting."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    reasons = {
        tmp_path / "pipe": "it is no regular file",
        tmp_path / "folder": "it is no regular file",
        tmp_path / "dangling": "No such file or directory",
        tmp_path / "circle": "Too many levels of symbolic links",
        tmp_path / ("x" * 300): "File name too long",
    }
    for path, why in reasons.items():
        with pytest.raises(InputError) as caught:
            READERS[kind](path)
        assert (caught.value.message, caught.value.where) == (f"cannot be read: {why}", str(path))
    with pytest.raises(InputError, match="no regular file"):
        READERS[kind](Path("/dev/zero"))


@pytest.mark.parametrize("kind", sorted(set(READERS) - {"jsonl"}))
def test_an_enormous_file_is_not_read_whole(tmp_path, kind):
    """A file beyond the bound is refused by its size; what is on the disk does not matter."""
    file = tmp_path / "enormous"
    file.touch()
    os.truncate(file, 10**12)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"it has 1,000,000,000,000 bytes, \d+,000,000 are the most"):
        READERS[kind](file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    os.truncate(file, 10)
    with pytest.raises(InputError, match="it has 10 bytes, 9 are the most"):
        read_text(file, most_bytes=9)
    assert read_text(file, most_bytes=10) == "\0" * 10


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"", []),
        (b"\n\n , \n", []),
        (b"\xef\xbb\xbfname,value\r\ntotal,7.5\r\n", [["name", "value"], ["total", "7.5"]]),
        (b"name;value\n1,5;2\n", [["name", "value"], ["1,5", "2"]]),
        (b"name\tvalue\ntotal\t7.5", [["name", "value"], ["total", "7.5"]]),
        (b"a|b\n1|2\n", [["a", "b"], ["1", "2"]]),
        (b'"a,b,c";d\n1;2\n', [["a,b,c", "d"], ["1", "2"]]),
        (b"\n\nq\n1\n", [["q"], ["1"]]),
        (b'q,r\n"one\ntwo","say ""x"""\n', [["q", "r"], ["one\ntwo", 'say "x"']]),
        (b"q,r\n1\n1,2,3\n", [["q", "r"], ["1"], ["1", "2", "3"]]),
        (b"q,r\n1,a\0b\n", [["q", "r"], ["1", "a\0b"]]),
        (b"q,r\r1,2\r", [["q", "r"], ["1", "2"]]),
        (b'q,r\n1,"open\n2,3\n', [["q", "r"], ["1", "open\n2,3\n"]]),
    ],
)
def test_csv_rows_whatever_wrote_them(tmp_path, content, rows):
    """Delimiters by the first line, quotes aside; byte order mark, line ends, ragged rows and blank lines."""
    assert csv_of(tmp_path, content) == rows


def test_a_csv_that_cannot_be_read_says_why(tmp_path):
    """Latin-1 and fields beyond the library's bound are input errors."""
    with pytest.raises(InputError, match="it is no UTF-8 text"):
        csv_of(tmp_path, "caf\u00e9,1\n".encode("latin-1"))
    with pytest.raises(InputError, match="it is no CSV: field larger"):
        csv_of(tmp_path, b"q\n" + b"x" * 200_000)
