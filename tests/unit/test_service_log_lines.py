"""Lines of logs: the same however the bytes come, and the last ones without reading the first."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.service.history.log_lines import MOST_LINE_BYTES, LineSplitter, read_lines, tail_offset

LOGS = st.lists(st.sampled_from([b"a", b"bc", "é".encode(), b"\n", b"\r", b"\r\n", b"\xff"]), max_size=40).map(b"".join)


def expected(data):
    """The lines of a log, as a person sees them."""
    lines = re.split(rb"\r\n|\n|\r", data)
    return [line.decode("utf-8", "replace") for line in (lines if lines[-1] else lines[:-1])]


def split(data, *cuts):
    """The lines of a log that comes in parts."""
    splitter = LineSplitter()
    places = [0, *sorted(cuts), len(data)]
    parts = [data[begin:end] for begin, end in pairwise(places)]
    return [line for part in parts for line in splitter.feed(part)] + splitter.end()


@given(LOGS, st.lists(st.integers(0, 60), max_size=6))
def test_lines_are_the_same_however_the_bytes_come(data, cuts):
    """A line end or a character that is cut in two is none the less whole."""
    assert split(data, *(min(cut, len(data)) for cut in cuts)) == expected(data)


@given(LOGS.filter(lambda data: b"\r" not in data), st.integers(0, 12))
def test_the_tail_is_what_all_lines_end_with(tmp_path_factory, data, count):
    """Beginning at the offset, the last lines are met, and not many before them."""
    begin = tail_offset(io.BytesIO(data), count)
    lines = expected(data[begin:])
    assert count <= len(lines) <= count + 1 or begin == 0
    assert lines == expected(data)[len(expected(data)) - len(lines) :]


@pytest.mark.parametrize("count", [0, 1, 2, 500, 5000])
def test_the_last_lines_of_a_file_longer_than_a_block(tmp_path, count):
    """Exactly so many, or all that there are."""
    log = tmp_path / "a.log"
    lines = [f"{number} {'x' * 90}" for number in range(3000)]
    log.write_text("\n".join(lines))
    assert list(read_lines(log, tail=count)) == (lines[-count:] if count else [])


def test_a_line_beyond_all_bounds_comes_in_pieces(tmp_path):
    """None larger than the bound, no character cut, nothing lost; the tail looks back no further than it must."""
    log = tmp_path / "a.log"
    text = "é" * 300_001
    log.write_text(f"first\nx{text}\nlast\n")
    first, *pieces, last = read_lines(log)
    assert (first, "".join(pieces), last) == ("first", f"x{text}", "last")
    assert max(len(piece.encode()) for piece in pieces) <= MOST_LINE_BYTES
    *_, piece, end = read_lines(log, tail=2)
    assert (end, text.endswith(piece)) == ("last", True)
    with log.open("rb") as data:
        assert tail_offset(data, 3) >= log.stat().st_size - 4 * MOST_LINE_BYTES


def test_what_has_not_ended_is_held_back():
    """Until its line end comes, or the end."""
    splitter = LineSplitter()
    assert splitter.feed(b"half") == []
    assert splitter.feed(b" a line\r") == []
    assert splitter.feed(b"\nnext") == ["half a line"]
    assert (splitter.end(), splitter.end()) == (["next"], [])
