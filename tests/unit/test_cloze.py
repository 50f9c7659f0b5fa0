"""cloze: questions without a model, the same ones every time, none of them twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.document import Chunk
from evaltrail.core.question import QUESTION_TYPES
from evaltrail.generation.cloze.blanks import is_askable, names_in, numbers_in, terms_in, with_blank
from evaltrail.generation.cloze.sentences import sentences_of
from evaltrail.generation.cloze.writing import CLOZE_TYPES, ClozeWriter, write_cloze
from evaltrail.generation.drafts import UNANSWERABLE, Passage
from evaltrail.generation.sieve.evidence import find_evidence
from evaltrail.generation.sieve.near_duplicate import NearDuplicates
from evaltrail.generation.sieve.self_contained import self_contained
from evaltrail.generation.windows import windows_over

BOOK = """
The Halden Observatory stands on Mount Corvin, 2,412 metres above the sea, and was opened in 1931 by the astronomer
Ingrid Solheim. It was built in four years. Dr. Solheim had studied in Leipzig under Prof. E. Brandt, who introduced
her to photographic spectroscopy.
---
In 1954 the observatory received a reflector of 1.8 m from the University of Uppsala. However, it was not used
before 1957, because the dome had to be rebuilt.
---
History

During the winter of 1962 an avalanche destroyed the
road to the valley, and supplies were brought by cable car until the spring of 1963. According to the report above,
nobody was hurt.
---
The solar programme measures the magnetic field of sunspots every 20 minutes on clear days. NASA used these
measurements for the mission Helios, e.g. to choose the time of launch.
---
Visitors reach the Halden Observatory by the funicular from Brekke, which runs twice an hour from May to October.
The ticket costs 14 euros for adults, and 7 euros are asked of every child under the age of twelve.
"""
TEXTS = tuple(BOOK.strip().split("\n---\n"))
NARROW = "The silo was built in 1934 by\nthe engineer Tomas Hallberg, who\nhad come from the harbours of\nGdansk."
ALL = {"simple": 9, "numeric": 9, "unanswerable": 9}


def passages(texts=TEXTS, *, size=2, step=1):
    chunks = [Chunk(number=number, text=text, source="a.txt") for number, text in enumerate(texts, start=1)]
    return [
        Passage(window=window, chunks=window.chunks_of(chunks))
        for window in windows_over(chunks, size=size, step=step).windows
    ]


def drafts_of_all(wanted=ALL, *, seed=0):
    all_passages = passages()
    writer = ClozeWriter(all_passages, seed=seed)
    return [(passage, draft) for passage in all_passages for draft in writer.write(passage, wanted)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One is here. Two is there!", ["One is here.", "Two is there!"]),
        ("Dr. Solheim met Prof. E. Brandt. They talked.", ["Dr. Solheim met Prof. E. Brandt.", "They talked."]),
        ("It rose by 3.5 m, e.g. in May. See Fig. 3 there.", ["It rose by 3.5 m, e.g. in May.", "See Fig. 3 there."]),
        ("The U.S. Senate met. No. 5 won. No. It lost.", ["The U.S. Senate met.", "No. 5 won.", "No.", "It lost."]),
        ("# A heading\nA line that\ngoes on.\n- An item.\n\nNo end", ["A line that\ngoes on.", "An item."]),
        ("History\nThe tower fell.", ["The tower fell."]),
        ("He said: “Stop.” Then he left.", ["He said: “Stop.”", "Then he left."]),
        ("第一句。第二句！", ["第一句。", "第二句！"]),  # noqa: RUF001  as it is written
        ("Wait... and go on. End.", ["Wait... and go on.", "End."]),
        ("Er kam am 14. Mai 1887 z. B. aus Ulm. Er blieb.", ["Er kam am 14. Mai 1887 z. B. aus Ulm.", "Er blieb."]),
        ("They came from Gdansk.3 It was late.[^a] Then", ["They came from Gdansk.", "It was late."]),
        ("Table 1. Volume of the cells.\nAll were full.", ["All were full."]),
        (NARROW, [NARROW]),
        (
            "2 Handling of structures . . . . . 15\nThe usual value is\n50, or more.",
            ["The usual value is\n50, or more."],
        ),
        ("Appendix A: Copying 28\nyour option. It fell.", ["your option.", "It fell."]),
        ("", []),
    ],
)
def test_sentences_end_at_their_marks(text, sentences):
    """Abbreviations, initials, ordinals and decimals end none, nor do the lines of a narrow column; headings, captions
    and what has no closing mark are none."""
    assert [sentence.text for sentence in sentences_of(text)] == sentences


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aB .!?\n-#1“”。", max_size=80))
def test_sentences_stand_where_they_say_in_order(text):
    """Whatever the text: spans read the same, follow one another, and begin and end with no blank."""
    end = 0
    for sentence in sentences_of(text):
        assert text[sentence.start : sentence.end] == sentence.text == sentence.text.strip()
        assert sentence.start >= end
        end = sentence.end


@pytest.mark.parametrize(
    "sentence",
    [
        "It was built in four years by them.",
        "However, it was not used before 1957 there.",
        "According to the report above, nobody was hurt.",
        "Too short to be asked.",
        "word " * 61 + "ends.",
        "| 12 | 13 | 14 | 15 | 16 | 17 | 18 | 19 |.",
        "See https://example.org for all of the details there.",
        "See the handbook of Corvin for all of the details.",
        "Back them up [in this order](servers.md) before any upgrade.",
        "the chunk begins in the middle of a sentence here.",
        "The Old Man And The Sea By Ernest Hemingway.",
        "A sentence that opens (and never closes what it opened.",
        "Does the tower stand on the hill of Corvin?",
        "[12] The tower stands on the hill of Corvin.",
    ],
)
def test_sentences_that_say_nothing_alone_are_passed_over(sentence):
    """What points elsewhere, is cut, too short, too long, or no prose makes no question."""
    assert not is_askable(sentence)


def test_numbers_that_name_things_are_not_asked_for():
    """Sections, references, dates, versions, and numbers that stand there twice are left alone."""
    sentence = (
        "In section 4 of version 1.2.3 [7] on 2024-05-01 and 9 or 9 days, $3.5 million and 12% went in 1,700 cases."
    )
    assert [blank.text for blank in numbers_in(sentence)] == ["3.5", "12", "1,700"]


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("In sections 15 and 16 of pages 3 to 9 there are 212 steps.", ["212"]),
        ("Two steps are taken: (1) assert the right, and (2) pay 14 euros.", ["14"]),
        ("The tower (1954) has 212 steps for 14 or 15 visitors.", ["1954", "212", "14", "15"]),
    ],
)
def test_numbers_of_items_are_no_facts(sentence, numbers):
    """Neither those of a list nor the later ones of several that are cited; a year in brackets is one."""
    assert [blank.text for blank in numbers_in(sentence)] == numbers


def test_scripts_without_blanks_are_asked_for_their_numbers():
    """There are no words to leave out, and letters around a number make no other word of it."""
    sentence = "最初の灯台は1874年に建てられ、高さは24メートルであった。"
    assert is_askable(sentence)
    assert [blank.text for blank in numbers_in(sentence)] == ["1874", "24"]


def test_names_are_capitalised_words_that_begin_nothing():
    """Several in a row are one name; a sentence's first word is none, nor is a title's number."""
    sentence = "Yesterday Ingrid Solheim's team, and NASA, left the University of Uppsala: Nobody of Henry VIII came."
    assert [blank.text for blank in names_in(sentence)] == [
        "University of Uppsala",
        "Ingrid Solheim",
        "Henry VIII",
        "NASA",
    ]


def test_parts_of_words_and_references_are_not_asked_for():
    """Where a line's end parts a word neither half is one; the question shows it in one piece."""
    sentence = "A lasting rela-\ntionship with Mr. Ander-\nsson is told of in the story [Corvin] for ASN.1."
    assert [blank.text for blank in names_in(sentence)] == []
    (blank,) = [each for each in terms_in(sentence, {}) if each.text == "lasting"]
    assert {each.text for each in terms_in(sentence, {})} == {"lasting"}
    shown = with_blank(sentence, blank, "____")
    assert shown == "A ____ rela-tionship with Mr. Ander-sson is told of in the story [Corvin] for ASN.1."


def test_terms_are_rare_words_first():
    """A word of one chunk before a word of many; common words are none."""
    sentence = "The funicular reaches the valley between several mountains."
    found = [blank.text for blank in terms_in(sentence, {"mountains": 9, "funicular": 1, "valley": 4, "reaches": 2})]
    assert found == ["funicular", "reaches", "valley", "mountains"]


def test_a_draft_is_a_sentence_with_a_hole_and_what_was_in_it():
    """Query, response and evidence belong together, and the gates let them pass."""
    drafts = drafts_of_all()
    assert {draft.type for _, draft in drafts} == CLOZE_TYPES
    for passage, draft in drafts:
        assert draft.query.startswith('Fill in the blank: "')
        assert draft.query.count("____") == 1
        assert find_evidence(draft, passage).gated.passed
        assert self_contained(draft.query).passed
        if draft.type != "unanswerable":
            whole = " ".join(draft.evidence.split()).replace('"', "'")
            assert draft.query == f'Fill in the blank: "{whole}"'.replace(draft.response, "____")
            assert any(draft.evidence in chunk.text for chunk in passage.chunks)


def test_a_number_makes_a_numeric_question_and_a_name_or_term_a_simple_one():
    """The type says what is asked for."""
    for _, draft in drafts_of_all():
        assert (draft.type == "numeric") == draft.response[0].isdigit()


def test_an_unanswerable_question_speaks_of_what_its_passage_does_not_know():
    """A name or number comes from elsewhere in the upload, and no evidence is quoted."""
    found = [(passage, draft) for passage, draft in drafts_of_all() if draft.type == "unanswerable"]
    assert found
    for passage, draft in found:
        assert (draft.response, draft.evidence) == (UNANSWERABLE, "")
        sentences = [" ".join(each.text.split()) for chunk in passage.chunks for each in sentences_of(chunk.text)]
        before, _, after = draft.query.removeprefix('Fill in the blank: "').removesuffix('"').partition("____")
        assert not any(sentence.startswith(before) and sentence.endswith(after) for sentence in sentences)


def test_overlapping_windows_do_not_ask_for_the_same():
    """A sentence belongs to one of its windows."""
    sieve = NearDuplicates(1.0)
    assert all(sieve.seen(draft.query, draft.response).passed for _, draft in drafts_of_all())


def test_a_sentence_that_stands_in_many_chunks_is_asked_once():
    """A footer makes one question, not one for each page."""
    footer = "Printed by the Corvin Press in Leipzig on paper from Uppsala."
    all_passages = passages([footer] * 5)
    writer = ClozeWriter(all_passages)
    assert sum(len(writer.write(each, {"simple": 1})) for each in all_passages) == 1


def test_a_line_without_a_closing_mark_is_asked_too():
    """Chunks of one line, as tables of facts hold them, often have none."""
    (passage,) = passages(["The river Ana rises near Mount Corvin"])
    assert [draft.response for draft in write_cloze(passage, {"simple": 1}, seed=0, others=())] == ["Mount Corvin"]


@pytest.mark.parametrize("kind", ["reasoning", "multi_hop"])
def test_what_needs_a_model_is_not_offered(kind):
    """No drafts come, and nothing else comes in their place."""
    assert not drafts_of_all({kind: 3})


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(QUESTION_TYPES), st.integers(0, 6), st.integers(0, 6), st.integers(0, 3), st.randoms())
def test_more_drafts_begin_with_the_same_ones(kind, fewer, more, seed, random):
    """The same passage and seed: the same order, whatever is wanted, and in whatever order the windows are told."""
    first, *others = passages()
    random.shuffle(others)
    some = write_cloze(first, {kind: fewer}, seed=seed, others=others)
    all_of_them = write_cloze(first, {kind: fewer + more}, seed=seed, others=passages()[1:])
    assert all_of_them[: len(some)] == some
    assert len(some) == min(fewer, len(all_of_them))
    later = ClozeWriter(passages(), seed=seed).write(first, {kind: more}, after={kind: fewer})
    assert some + later == all_of_them


def test_another_seed_asks_otherwise():
    """The seed decides the order and who owns a sentence."""
    assert drafts_of_all(seed=0) == drafts_of_all(seed=0) != drafts_of_all(seed=1)


PEOPLE = (
    "The Halden Observatory was led in 1931 by the astronomer Ingrid Solheim, who had lived in Leipzig.",
    "On 4 November 1962 the keeper Josef Brandt saw 19 sunspots from the tower in Uppsala.",
    "In May 1975 the tower was sold to the Corvin Trust for 180,000 crowns, and German tourists came in August.",
    "The wheelwright, Karl Nygaard, mended 12 carts for the Royal Engineers on Sundays, beside the river Anatol Minor.",
)


def test_only_names_of_one_kind_stand_for_one_another():
    """People for people, places for places, bodies for bodies; months, weekdays and what nobody knows for nothing."""
    kinds = {
        **dict.fromkeys(("Ingrid Solheim", "Josef Brandt", "Karl Nygaard"), "person"),
        **dict.fromkeys(("Leipzig", "Uppsala"), "place"),
        **dict.fromkeys(("Halden Observatory", "Corvin Trust", "Royal Engineers"), "body"),
    }
    never = ("November", "May", "August", "Sundays", "German", "Anatol Minor")
    seen = set()
    for passage in passages(PEOPLE, size=1):
        (text,) = (chunk.text for chunk in passage.chunks)
        others = [each for each in passages(PEOPLE, size=1) if each.window != passage.window]
        for draft in write_cloze(passage, {"unanswerable": 9}, seed=0, others=others):
            asked = draft.query.removeprefix('Fill in the blank: "').removesuffix('"')
            came = {name for name in kinds if name in asked and name not in text}
            went = {name for name in kinds if name in text and name not in asked}
            seen.update(came)
            assert len(came) == 1
            assert {kinds[name] for name in came} <= {kinds[name] for name in went}
            assert all(asked.count(word) <= text.count(word) for word in never)
    assert seen


def test_a_name_that_its_sentence_half_tells_is_not_asked_for():
    """A word of it that stands elsewhere gives the rest away."""
    sentence = "The trust is led by Ida Marchetti's niece, Sofia Marchetti, and by Paul Verhoeven."
    assert [blank.text for blank in names_in(sentence)] == ["Paul Verhoeven"]
