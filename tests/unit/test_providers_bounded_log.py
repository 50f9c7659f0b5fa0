"""What a child prints, as its log keeps it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.providers.bounded_log import BoundedLog

KEY = "pa55-of-the-endpoint"


def kept(folder: Path, *parts: bytes, most_bytes: int = 1_000_000, secrets: tuple[str, ...] = ()) -> tuple[bytes, int]:
    """What the log holds of the parts, and how many bytes it dropped."""
    file = folder / "kept.log"
    file.unlink(missing_ok=True)
    with file.open("ab", buffering=0) as out:
        log = BoundedLog(out, most_bytes=most_bytes, secrets=secrets)
        for part in parts:
            log.feed(part)
        log.finish()
    return file.read_bytes(), log.dropped_bytes


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_short_output_is_kept_byte_for_byte(place, data, cuts):
    """However it comes in parts, what fits is in the log as it was printed, text or not."""
    ends = [0, *sorted(cuts), len(data)]
    parts = [data[start:end] for start, end in pairwise(ends)]
    assert kept(place, *parts) == (data, 0)


@given(lines=st.lists(st.integers(0, 40), min_size=1, max_size=60), step=st.integers(1, 200))
def test_long_output_keeps_begin_and_end_and_says_what_is_gone(place, lines, step):
    """Begin and end stay, the bytes between them are counted, and no more than the limit is written."""
    data = b"".join(b"%d:%s\n" % (number, b"x" * length) for number, length in enumerate(lines))
    text, dropped = kept(place, *(data[at : at + step] for at in range(0, len(data), step)), most_bytes=200)
    if not dropped:
        assert text == data
        return
    begin, _, end = text.partition(f"\n[... {dropped:,} bytes of output were dropped here ...]\n".encode())
    assert data.startswith(begin)
    assert data.endswith(end)
    assert len(begin) + len(end) + dropped == len(data)
    assert len(begin) + len(end) <= 200


@pytest.mark.parametrize("step", [1, 7, 65_536])
def test_a_secret_is_blanked_wherever_the_parts_are_cut(tmp_path, step):
    """Parts are put together to lines before secrets are looked for."""
    data = f"asking with {KEY}\nand {KEY} again".encode()
    text, _ = kept(tmp_path, *(data[at : at + step] for at in range(0, len(data), step)), secrets=(KEY,))
    assert text == b"asking with ***\nand *** again"


def test_a_secret_in_one_endless_line_is_blanked(tmp_path):
    """A line without end is written in pieces, and no piece ends within a secret."""
    data = (KEY + "z" * 501).encode() * 600
    text, dropped = kept(tmp_path, *(data[at : at + 4096] for at in range(0, len(data), 4096)), secrets=(KEY,))
    assert not dropped
    assert text == (b"***" + b"z" * 501) * 600


def test_the_kept_end_does_not_begin_with_half_a_secret(tmp_path):
    """Where output is dropped, the end begins at a line, so that what is left of a secret cannot be read."""
    for extra in range(len(KEY) + 5):
        data = b"begin\n" + b"x" * 300 + f"\n{KEY}\n".encode() + b"y" * (90 - extra) + b"\nlast\n"
        text, dropped = kept(tmp_path, data[:150], data[150:310], data[310:], most_bytes=200, secrets=(KEY,))
        assert dropped
        assert text.endswith(b"\nlast\n")
        assert not any(KEY[at:].encode() in text for at in range(len(KEY) - 3))


def test_a_progress_bar_is_written_while_it_moves(tmp_path):
    """A carriage return ends a line: what a person follows is not held back until the bar is full."""
    file = tmp_path / "bar.log"
    with file.open("ab", buffering=0) as out:
        log = BoundedLog(out, most_bytes=1000)
        log.feed(b"10%\r20%\r3")
        assert file.read_bytes() == b"10%\r20%\r"
        log.finish()
    assert file.read_bytes() == b"10%\r20%\r3"


def test_a_log_that_takes_nothing_stops_nobody():
    """On a full disk, output counts as dropped and the child goes on."""
    with Path("/dev/full").open("ab", buffering=0) as out:
        log = BoundedLog(out, most_bytes=1000)
        log.feed(b"one line\n")
        log.finish()
    assert (log.written_bytes, log.dropped_bytes) == (0, 9)
