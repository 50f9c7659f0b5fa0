"""Pages of samples from journals: order, cursors, filters, bounds."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from answering_values import deliver, some_job, some_known, some_unit
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import TaskResult
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.service.answering.journal_pages import JournalPart, journals_below, samples_from
from evaltrail.service.answering.sample_choice import MOST_LOOKED_AT, Found, Wanted, choose
from evaltrail.service.answering.samples import SamplePages, SampleSource
from evaltrail.service.answering.telling import tell

RIGHT, WRONG = Score(value=True), Score(value=False)


def sample(index, repeat=0, **changes):
    usual = {"id": str(index), "index": index, "repeat": repeat, "output": "o", "scores": {"acc": RIGHT}}
    return Sample(**{**usual, **changes})


def write(file, *samples):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in samples))
    return file


def paged(parts, limit, only=""):
    """Every page in turn, each as the keys of its samples."""
    place, pages = (0, 0), []
    while place is not None:
        chosen = choose(samples_from(parts, place), Wanted(limit=limit, only=only))
        pages.append([(each.sample.index, each.sample.repeat) for each in chosen.found])
        place = chosen.goes_on
    return pages


@given(
    cuts=st.lists(st.integers(1, 12), max_size=3, unique=True),
    repeats=st.integers(1, 3),
    limit=st.integers(1, 7),
    data=st.data(),
)
def test_pages_hold_every_sample_once_in_order(tmp_path_factory, cuts, repeats, limit, data):
    """Whatever the order of the rows, the ranges, the repeats and the size of a page."""
    folder = tmp_path_factory.mktemp("journals")
    bounds = [0, *sorted(cuts), 13]
    for start, stop in pairwise(bounds):
        rows = [sample(index, repeat) for index in range(start, stop) for repeat in range(repeats)]
        shuffled = data.draw(st.permutations(rows))
        write(folder / f"0-sums.{start:09d}.jsonl", *shuffled, *shuffled[:1])
    pages = paged(journals_below(folder, 0), limit)
    whole = [(index, repeat) for index in range(13) for repeat in range(repeats)]
    assert [key for page in pages for key in page] == whole
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.slow
def test_a_journal_of_any_length_is_read_through(tmp_path):
    """So many places are held at once; what comes after them is not lost, whatever the order of the rows."""
    count = 2 * MOST_LOOKED_AT + 500
    rows = [sample(index, scores={}) for index in range(count)]
    write(tmp_path / "0-a.000000000.jsonl", *rows[::2], rows[0], *rows[1::2])
    found = [each.sample.index for each in samples_from(journals_below(tmp_path, 0), (7, 0))]
    assert found == list(range(7, count))


def test_a_page_opens_only_the_parts_that_it_needs(tmp_path):
    """A part before the cursor is not even looked at: it may be gone."""
    gone = JournalPart(file=tmp_path / "gone", start=0)
    there = JournalPart(file=write(tmp_path / "0-a.000000005.jsonl", sample(5), sample(6)), start=5)
    found = list(samples_from((gone, there), (5, 1)))
    assert [each.sample.index for each in found] == [6]


def test_journals_of_other_benchmarks_and_torn_rows_are_passed_over(tmp_path):
    """The number before the name tells whose they are; a last row may be cut short."""
    write(tmp_path / "1-a.000000000.jsonl", sample(0))
    write(tmp_path / "11-a.000000000.jsonl", sample(1))
    (tmp_path / "1-a.000000000.answers").write_text("{}")
    with (tmp_path / "1-a.000000000.jsonl").open("ab") as journal:
        journal.write(b'{"id": "2", "ind')
    parts = journals_below(tmp_path, 1)
    assert [each.sample.index for each in samples_from(parts, (0, 0))] == [0]


def test_a_filtered_page_ends_after_so_many_were_looked_at():
    """It has fewer samples than it may hold, and says where to go on."""
    samples = (Found(sample=sample(index), after=(index, 1)) for index in range(10))
    chosen = choose(samples, Wanted(limit=3, only="failed"), most=4)
    assert (chosen.found, chosen.goes_on) == ((), (3, 1))


@pytest.mark.parametrize(
    ("changes", "only", "is_taken"),
    [
        ({}, "failed", False),
        ({"scores": {"acc": WRONG}}, "failed", True),
        ({"scores": {"acc": Score(value=0.9)}}, "failed", True),
        ({"scores": {"acc": RIGHT, "latency": Score(value=0.2)}}, "failed", False),
        ({"scores": {"label": Score(value="no")}}, "failed", False),
        ({"scores": {"acc": Score(reason="garbage")}}, "failed", False),
        ({"scores": {"acc": Score(reason="garbage")}}, "unscored", True),
        ({"scores": {"latency": Score(reason="none")}}, "unscored", False),
        ({"output": None, "error": "timeout", "scores": {}}, "failed", True),
        ({"output": None, "error": "timeout", "scores": {}}, "unscored", True),
        ({}, "unscored", False),
        ({}, "", True),
    ],
)
def test_filters_go_by_what_grades(changes, only, is_taken):
    """Failed: not answered or graded below 1; unscored: a grade is missing; what only observes decides nothing."""
    wanted = Wanted(limit=1, only=only, observed=frozenset({"latency"}))
    assert wanted.takes(sample(0, **changes)) is is_taken


@pytest.fixture
def settings(tmp_path):
    return load_settings({"EVALTRAIL_HOME": str(tmp_path)}, dotenv=None)


def source(*, is_over=True, results=()):
    state = "completed" if is_over else "running"
    account = tell(some_known(some_unit(), deliver("done"), job=some_job(state=state)), "")
    return SampleSource(account=account, benchmark=account.benchmarks[0], results=results if is_over else None)


def test_a_sample_is_told_with_its_scores_or_the_reason(settings, tmp_path):
    """Input, output, reference, scores with rationale; long texts are cut, details redacted."""
    known = sample(
        0,
        input=({"role": "user", "content": "q" * 30_000},),
        reference=("x",),
        scores={"acc": Score(reason="garbage", rationale="r")},
        detail="key sk-abcdefgh12345678",
        usage=Usage(prompt_tokens=3, completion_tokens=4, latency_s=0.5),
    )
    write(tmp_path / "runs/00000000000000aa/answers/0-b0.000000000.jsonl", known)
    metric = MetricValue(name="acc", value=None, n=0)
    page = SamplePages(settings).page(
        source(results=(TaskResult(name="b0", provider="p", metrics=(metric,)),)), limit=5, cursor="", only=""
    )
    (told,) = page.items
    assert (told.reference, told.scores["acc"].reason, told.scores["acc"].rationale) == (("x",), "garbage", "r")
    assert (told.detail, told.tokens_in, told.tokens_out, told.latency_s) == ("key ***", 3, 4, 0.5)
    assert told.input[0]["content"].endswith("... (30,000 characters)")
    assert (page.is_final, page.next_cursor) == (True, "")


def test_samples_of_what_still_runs_come_from_its_work(settings, tmp_path):
    """Those that are done are told while others are asked; the page is not final."""
    write(tmp_path / "work/jobs/00000000000000aa/0-b0.000000000.jsonl", *(sample(index) for index in range(3)))
    pages = SamplePages(settings)
    first = pages.page(source(is_over=False), limit=2, cursor="", only="")
    second = pages.page(source(is_over=False), limit=2, cursor=first.next_cursor, only="")
    assert [[each.index for each in page.items] for page in (first, second)] == [[0, 1], [2]]
    assert (first.is_final, second.next_cursor) == (False, "")


def test_a_benchmark_without_samples_says_why(settings):
    """Nothing yet, or nothing kept."""
    pages = SamplePages(settings)
    assert "nothing is answered yet" in pages.page(source(is_over=False), limit=2, cursor="", only="").note
    assert pages.page(source(), limit=2, cursor="", only="").note == "no samples were kept"


NO_CURSORS = ("x", "!!", "MS4y\n", "MTIz", "MS4yLjM", "ä", "MTExMTExMTExMTExMTExMTExMTEuMQ")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"only": "good"}, "only"),
        *(({"cursor": word}, "cursor") for word in NO_CURSORS),
    ],
)
def test_what_no_page_can_be_is_refused(settings, changes, where):
    """A limit out of bounds, a filter or a cursor that is none: each by name."""
    with pytest.raises(InputError) as caught:
        SamplePages(settings).page(source(), **{"limit": 5, "cursor": "", "only": "", **changes})
    assert caught.value.where == where
