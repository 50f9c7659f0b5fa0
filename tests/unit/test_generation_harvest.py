"""What is decided at the end of a round, and how a shortfall is explained."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.document import Chunk
from evaltrail.generation.checking import Checked, question_of
from evaltrail.generation.drafts import Draft, Passage
from evaltrail.generation.harvest import Gathered, Harvest
from evaltrail.generation.windows import Window

REASONS = ("", "evidence", "closed_book")


def passage(place=0):
    window = Window(number=place + 1, first=place + 1, last=place + 1)
    return Passage(window=window, chunks=(Chunk(number=place + 1, text=f"Text {place}.", source="a.txt"),))


def checked(words, *, place=0, kind="simple", reason=""):
    draft = Draft(query=f"What does {words} weigh?", response=words, type=kind)
    return Checked(question=question_of(draft, passage(place), None, {}), reason=reason)


def gathered(place, *found, wanted=None, **told):
    return Gathered(place=place, passage=passage(place), wanted=wanted or {"simple": 2}, checked=found, **told)


def test_more_than_was_asked_for_is_never_taken():
    """What is good and too much is listed as such."""
    harvest = Harvest({"simple": 1}, windows=1, duplicate=0.8)
    harvest.take([gathered(0, checked("iron ore"), checked("the moon"))])
    assert [question.response for question in harvest.questions] == ["iron ore"]
    assert [(each.question.response, each.reason) for each in harvest.rejected] == [("the moon", "quota")]
    assert harvest.explained(["simple"], "no_text") == {}


def test_of_two_alike_the_first_windows_stays():
    """In the order of the windows, whoever came first; without the gate only the very same is one."""
    harvest = Harvest({"simple": 4}, windows=2, duplicate=0.8)
    harvest.take([gathered(0, checked("iron ore")), gathered(1, checked("iron ore", place=1))])
    assert [question.window for question in harvest.questions] == [1]
    assert [each.reason for each in harvest.rejected] == ["duplicate"]
    assert harvest.rejected[0].question.gates == {"duplicate": 1.0}
    lax = Harvest({"simple": 4}, windows=2, duplicate=0.0)
    lax.take([gathered(0, checked("iron ore"), checked("iron ore")), gathered(1, checked("iron ore", place=1))])
    assert [question.window for question in lax.questions] == [1, 2]
    assert [each.reason for each in lax.rejected] == ["duplicate"]


def test_a_window_without_an_answer_is_listed_once():
    """With what it holds and why; of one that was not asked for want of money nothing was rejected."""
    harvest = Harvest({"simple": 4}, windows=2, duplicate=0.8)
    harvest.take([gathered(0, reason="unreadable", detail="What?"), gathered(1, reason="budget")])
    (rejected,) = harvest.rejected
    assert (rejected.reason, rejected.detail, rejected.question.window) == ("unreadable", "What?", 1)
    assert (rejected.question.query, rejected.question.relevant_chunks) == ("", ("Text 0.",))
    assert harvest.explained(["simple"], "no_text") == {"budget": 2, "unreadable": 2}


def test_windows_that_have_no_more_are_explained_by_what_was_stopped_before():
    """A model that says it has nothing else is not the reason; what the gates stopped is."""
    harvest = Harvest({"simple": 2}, windows=1, duplicate=0.8)
    harvest.take([gathered(0, checked("iron", reason="closed_book"), checked("gold", reason="closed_book"))])
    harvest.take([gathered(0)])
    assert harvest.explained(["simple"], "no_text") == {"closed_book": 2}


OUTCOMES = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.sampled_from(REASONS), max_size=4), st.sampled_from(["", "unreadable"])),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 12), OUTCOMES)
def test_a_shortfall_is_explained_to_the_last_question(total, outcomes):
    """The reasons' counts add up to exactly what is missing."""
    harvest = Harvest({"simple": total}, windows=4, duplicate=0.8)
    for turn, (place, reasons, failure) in enumerate(outcomes):
        found = [checked(f"{turn} {number}", place=place, reason=reason) for number, reason in enumerate(reasons)]
        harvest.take([gathered(place, *found, reason="" if found else failure)])
    assert sum(harvest.explained(["simple"], "no_text").values()) == total - harvest.accepted
    assert harvest.accepted == min(total, sum(reasons.count("") for _, reasons, _ in outcomes))
