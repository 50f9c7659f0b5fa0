"""Questions as hypothesis makes them: any text in any field, and evidence that is where its offsets say."""

from __future__ import annotations

from hypothesis import strategies as st

from evaltrail.core.question import QUESTION_TYPES, Question

CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, max_size=12) | st.text("='+-@\t\r\n \"',;[]é\u2028\0", max_size=6)
QUERY = TEXT.filter(str.strip)
NUMBER = st.none() | st.integers(0, 10**9)


def _id_text(text: str) -> bool:
    return text == text.strip() != ""


@st.composite
def questions(draw: st.DrawFn) -> Question:
    chunks = draw(st.lists(TEXT, max_size=3).map(tuple))
    first = chunks[0] if chunks else ""
    start, end = sorted((draw(st.integers(0, len(first))), draw(st.integers(0, len(first)))))
    return Question(
        id=draw(st.text("0123456789abcdef", min_size=16, max_size=16) | TEXT.filter(_id_text)),
        query=draw(QUERY),
        response=draw(TEXT),
        relevant_chunks=chunks,
        type=draw(st.sampled_from(QUESTION_TYPES)),
        difficulty=draw(st.sampled_from(["", "easy", "medium", "hard"])),
        source=draw(TEXT),
        page=draw(NUMBER),
        chunk_ids=draw(st.lists(st.integers(0, 10**6), max_size=3).map(tuple)),
        evidence=first[start:end],
        evidence_start=start if end > start else None,
        evidence_end=end if end > start else None,
        persona=draw(TEXT),
        window=draw(NUMBER),
        gates=draw(st.dictionaries(st.sampled_from(["evidence", "round_trip", "größe"]), st.floats(0, 1), max_size=3)),
    )


QUESTIONS = st.lists(questions(), max_size=4, unique_by=lambda question: question.id).map(tuple)
