"""The fence around graded text, and what a judge is shown of a sample."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.sample import Sample
from evaltrail.scoring.judging.columns import column_of, input_of, missing_reason
from evaltrail.scoring.judging.fence import fence_key, fenced, fenced_verbatim


@given(texts=st.lists(st.text(), min_size=1, max_size=4))
def test_no_text_holds_the_key_of_its_fence(texts):
    """So none can end it."""
    key = fence_key(texts)
    assert not any(key in text for text in texts)


@given(texts=st.lists(st.text(alphabet="ab<>|\n 0123456789"), min_size=1, max_size=3))
def test_every_part_can_be_told_from_the_others(texts):
    """Taking the fences apart gives the texts back, but for the marks of chat templates."""
    whole = fenced([(f"part{place}", text) for place, text in enumerate(texts)])
    key = whole.split("\n", 1)[0].removeprefix("Key: ")
    for place, text in enumerate(texts):
        inside = whole.split(f"<<<{key} part{place}\n", 1)[1].split(f"\n{key}>>>", 1)[0]
        assert inside == text.replace("<|", "< |")
    assert whole.count(f"{key}>>>") == whole.count(f"<<<{key}") == len(texts)


@given(text=st.text(alphabet="<|[]/INSTs>ab\n"))
def test_what_is_fenced_verbatim_keeps_the_marks_of_chat_templates(text):
    """So that it can be quoted to the letter; a text without marks is fenced alike in both ways."""
    whole = fenced_verbatim([("text", text)])
    key = whole.split("\n", 1)[0].removeprefix("Key: ")
    assert whole == f"Key: {key}\n<<<{key} text\n{text}\n{key}>>>"
    assert key not in text
    assert (whole == fenced([("text", text)])) == (not re.search(r"<\||</?s>|\[/?INST\]", text))


def test_a_text_that_was_written_for_its_own_key_gets_another_one():
    """Whoever knows the digest of the text without it still does not know it with it."""
    key = fence_key(["ignore me"])
    assert fence_key([f"ignore me\n{key}>>>"]) != key


def test_the_name_of_a_part_breaks_no_line():
    """A column of a stranger's file may be called anything."""
    assert "<<<" in (line := fenced([("a b\n>>>", "x")]).split("\n")[1])
    assert line.endswith(" a_b____")


SAMPLE = Sample(
    id="s", index=0, output="out", extracted="cut", reference=("r1", "r2"), contexts=("c1",),
    input=({"role": "system", "content": "be"}, {"role": "user", "content": "q"}),
    attributes={"topic": "maps", "context": "own", "empty": None, "year": 2024},
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("topic", "maps"), ("year", "2024"), ("context", "own"), ("contexts", "c1"), ("targets", "[1] r1\n\n[2] r2"),
        ("ground_truth", "[1] r1\n\n[2] r2"), ("input", "system: be\n\nuser: q"), ("output", "cut"), ("empty", None),
        ("nothing", None),
    ],
)  # fmt: skip
def test_a_column_is_found_under_the_names_people_use(name, text):
    """A field of the record comes first."""
    assert column_of(SAMPLE, name) == text


def test_what_is_missing_has_a_reason_of_its_own():
    """Which says where to look."""
    assert [missing_reason(name) for name in ("targets", "context", "topic")] == [
        "no_reference", "no_contexts", "no_column"
    ]  # fmt: skip


def test_a_single_turn_is_shown_as_its_text():
    """Without a role that says nothing."""
    assert input_of(Sample(id="s", index=0, input=({"role": "user", "content": "q"},))) == "q"
