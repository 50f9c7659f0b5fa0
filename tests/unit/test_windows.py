"""Windows: the table of the rule, and the laws that hold for any upload."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.document import Chunk
from evaltrail.core.errors import InputError
from evaltrail.generation.windows import make_windows, windows_over

UPLOADS = st.tuples(st.integers(0, 60), st.integers(1, 12), st.integers(1, 12))
SOURCES = st.lists(st.sampled_from("abc"), max_size=30)


def _chunks(sources):
    return [Chunk(number=number, text=f"text {number}", source=source) for number, source in enumerate(sources, 1)]


def _told(windows):
    return " ".join(f"{first}-{last}" for first, last in windows.pairs)


@pytest.mark.parametrize(
    ("count", "size", "step", "told"),
    [
        (17, 4, 2, "1-4 3-6 5-8 7-10 9-12 11-14 13-16 15-17"),
        (17, 4, 1, "1-4 2-5 3-6 4-7 5-8 6-9 7-10 8-11 9-12 10-13 11-14 12-15 13-16 14-17"),
        (17, 4, 4, "1-4 5-8 9-12 13-16 17-17"),
        (5, 4, 2, "1-4 3-5"),
        (6, 4, 2, "1-4 3-6"),
        (4, 4, 2, "1-4"),
        (3, 4, 2, "1-3"),
        (1, 1, 1, "1-1"),
        (0, 4, 2, ""),
        (10, 2, 3, "1-2 4-5 7-8 10-10"),
        (5, 1, 3, "1-1 4-4"),
        (5, 2, 5, "1-2"),
    ],
)
def test_the_windows_of_the_rule(count, size, step, told):
    """Starts never move, the last window is cut short, and the first that ends at the last chunk is the last."""
    assert _told(make_windows(count, size=size, step=step)) == told


@pytest.mark.parametrize(
    ("count", "size", "step", "unused"),
    [(10, 2, 3, (3, 6, 9)), (5, 1, 3, (2, 3, 5)), (5, 2, 5, (3, 4, 5)), (17, 4, 4, ()), (0, 1, 9, ())],
)
def test_a_step_that_leaves_gaps_names_what_it_leaves_out(count, size, step, unused):
    """Chunks in no window are listed, and a line says how many they are."""
    windows = make_windows(count, size=size, step=step)
    assert windows.unused == unused
    assert windows.warning.startswith(f"{len(unused)} chunks are never used (") or not unused


def test_nothing_is_said_where_all_chunks_are_used():
    """No warning without a gap, one in the singular for one, and not every number of very many."""
    assert make_windows(17, size=4, step=2).warning == ""
    assert make_windows(2, size=1, step=2).warning.startswith("1 chunk is never used (2)")
    assert make_windows(1000, size=1, step=2).warning.startswith("500 chunks are never used (2, 4, 6, 8, 10, 12, 14,")
    assert len(make_windows(1000, size=1, step=2).warning) < 200


@given(UPLOADS)
def test_windows_keep_order_and_none_is_empty(upload):
    """They begin at 1, 1+step, 1+2*step...; are numbered; are never longer than the size; only the last is shorter."""
    count, size, step = upload
    windows = make_windows(count, size=size, step=step).windows
    assert [window.first for window in windows] == [1 + place * step for place in range(len(windows))]
    assert [window.number for window in windows] == list(range(1, len(windows) + 1))
    assert all(1 <= window.last - window.first + 1 <= size for window in windows)
    assert all(window.last - window.first + 1 == size for window in windows[:-1])


@given(UPLOADS)
def test_windows_and_gaps_cover_an_upload(upload):
    """Every chunk is in a window or named as unused, never both; without gaps the last window ends at the last one."""
    count, size, step = upload
    windows = make_windows(count, size=size, step=step)
    used = {number for first, last in windows.pairs for number in range(first, last + 1)}
    assert used.isdisjoint(windows.unused)
    assert used | set(windows.unused) == set(range(1, count + 1))
    assert list(windows.unused) == sorted(set(windows.unused))
    if step <= size and count:
        assert windows.unused == ()
        assert windows.windows[-1].last == count


@given(UPLOADS)
def test_windows_stop_with_the_first_that_reaches_the_end(upload):
    """No second window ends at the last chunk."""
    count, size, step = upload
    assert [last for _, last in make_windows(count, size=size, step=step).pairs[:-1] if last == count] == []


@pytest.mark.parametrize("value", [0, -1, True, 2.0, "4", None])
@pytest.mark.parametrize("name", ["size", "step"])
def test_a_size_or_step_that_is_no_positive_whole_number_is_refused(name, value):
    """The error names the setting and what it was, for a file of no chunks too."""
    with pytest.raises(InputError, match=f"window-{name} is {value!r}") as refused:
        windows_over((), **{"size": 4, "step": 2, "scope": "document", name: value})
    assert (refused.value.code, refused.value.where) == ("bad_window", f"window-{name}")


def test_an_unknown_scope_is_refused():
    """The error says which there are."""
    with pytest.raises(InputError, match=r"'upload'.*'document'") as refused:
        windows_over((), scope="page")
    assert refused.value.code == "bad_window"


def test_windows_go_over_the_ends_of_files_unless_told_otherwise():
    """The whole upload in order is the seed's way; with scope `document` each file begins its own windows."""
    chunks = _chunks("aaaaabbb")
    assert _told(windows_over(chunks)) == "1-4 3-6 5-8"
    assert _told(windows_over(chunks, scope="document")) == "1-4 3-5 6-8"
    assert [window.number for window in windows_over(chunks, scope="document").windows] == [1, 2, 3]
    assert windows_over(_chunks("aabb"), size=1, step=2, scope="document").unused == (2, 4)


@given(SOURCES, st.integers(1, 5), st.integers(1, 5))
def test_no_window_of_scope_document_holds_chunks_of_two_files(sources, size, step):
    """Whatever the files, each window is of one, and each file is cut as if it were alone."""
    chunks = _chunks(sources)
    windows = windows_over(chunks, size=size, step=step, scope="document")
    held = [window.chunks_of(chunks) for window in windows.windows]
    assert all(len({chunk.source for chunk in each}) == 1 for each in held)
    assert {chunk.number for each in held for chunk in each} | set(windows.unused) == set(range(1, len(chunks) + 1))
    assert sorted(windows.pairs) == list(windows.pairs)
    if len(set(sources)) < 2:
        assert windows == windows_over(chunks, size=size, step=step)
