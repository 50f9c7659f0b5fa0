"""How questions and answers are read that a model hands in, in whatever shape."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.document import Chunk
from evaltrail.generation.asking.answering import alone_messages, answer_messages
from evaltrail.generation.asking.reply_form import Reply, ReplyForm
from evaltrail.generation.asking.writer import write_messages
from evaltrail.generation.asking.written_form import WrittenForm
from evaltrail.generation.drafts import Passage
from evaltrail.generation.source import WriteOrder
from evaltrail.generation.windows import Window
from evaltrail.scoring.judging.answer_form import UnreadableError
from evaltrail.scoring.judging.reading import read_text

FORM = WrittenForm(["simple", "numeric"])
ONE = {"type": "numeric", "question": "How many?", "answer": "7", "evidence": "There are 7."}
TWO = {"type": "simple", "question": "Who?", "answer": "Ada", "evidence": "It was Ada."}
PROSE = """Sure, here they are:

1. **Question:** How many?
   **Answer:** 7
   Evidence: There are 7.
   Type: numeric

2. Question: Who?
Type: simple
Answer:
Ada
Evidence: It was Ada."""


def read(text):
    return [(item.question, item.answer, item.evidence, item.type) for item in read_text(text, FORM)]


def told(*items):
    return [(item["question"], item["answer"], item["evidence"], item["type"]) for item in items]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"questions": [ONE, TWO]}),
        json.dumps([ONE, TWO]),
        json.dumps({"qa_pairs": [ONE, TWO]}),
        json.dumps({"1": ONE, "2": TWO}),
        json.dumps({"result": {"questions": [ONE, TWO]}}),
        f"```json\n{json.dumps({'questions': [ONE, TWO]})}\n```",
        f"Here they are: {json.dumps([ONE, TWO])} Is that what you want?",
        f"{json.dumps(ONE)}\n{json.dumps(TWO)}",
        json.dumps({"questions": [ONE, TWO]})[:-2] + ', {"type": "simple", "quest',
        json.dumps({"Questions": [{key.title(): value for key, value in each.items()} for each in (ONE, TWO)]}),
        json.dumps({f"{key}s": [ONE[key], TWO[key]] for key in ONE}),
        PROSE,
    ],
    ids=["form", "list", "name", "numbers", "nested", "fence", "prose", "lines", "cut", "case", "columns", "labels"],
)
def test_questions_are_read_in_every_usual_shape(text):
    """A weak model's questions count, however they come."""
    assert read(text) == told(ONE, TWO)


def test_one_flat_object_is_one_question():
    """A model that cannot write lists gives one question a request."""
    assert read(json.dumps({**ONE, "score": 1, "verdict": "answerable"})) == told(ONE)


def test_an_empty_list_says_that_there_are_none():
    """That is an answer, and no reason to ask again."""
    assert (read('{"questions": []}'), read("[]")) == ([], [])


@pytest.mark.parametrize("text", ["What a fine text!", '{"opinion": "fine"}', '{"questions": [{"answer": "7"}]}', "7"])
def test_what_holds_no_question_is_unreadable(text):
    """So that the model is asked to put it right."""
    with pytest.raises(UnreadableError):
        read(text)


@pytest.mark.parametrize(
    ("word", "kind"), [("Multi-Hop", "multi_hop"), ("numerical", "numeric"), ("poetic", None), (3, None)]
)
def test_a_type_is_known_by_its_usual_words(word, kind):
    """Other words are none."""
    assert read(json.dumps({**ONE, "type": word}))[0][3] == kind


@pytest.mark.parametrize(
    ("text", "can", "answer"),
    [
        ('{"verdict": "answerable", "answer": "7"}', True, "7"),
        ('{"verdict": "unanswerable", "answer": ""}', False, ""),
        ('{"verdict": "yes", "answer": 7}', True, "7"),
        ('{"verdict": false, "answer": null}', False, ""),
        ('{"verdict": 1, "answer": "7"}', True, "7"),
        ('{"score": 0.2, "answer": ""}', False, ""),
        ('{"verdict": "No", "answer": "7"}', False, "7"),
        ('{"answer": "It cannot be answered from the text."}', False, "It cannot be answered from the text."),
        ('{"verdict": "answerable", "answer": "unanswerable"}', False, "unanswerable"),
        ('{"answer": {"verdict": "answerable", "answer": "7"}}', True, "7"),
        ('[{"answer": "7"}]', True, "7"),
        ('{"output": "7"}', True, "7"),
        ("7", True, "7"),
        ("Verdict: answerable\nAnswer: **7**", True, "7"),
        ("There are 7.", True, "There are 7."),
        ('I think so. {"verdict": "answerable", "answer": "7"} Does that help?', True, "7"),
    ],
)
def test_answers_are_read_in_every_usual_shape(text, can, answer):
    """Whether it was answered, and with what; an answer that says it is none counts as none."""
    reply = read_text(text, ReplyForm())
    assert (reply.is_answered, reply.answer) == (can, answer)


@pytest.mark.parametrize("text", ["{}", '{"verdict": "purple", "answer": ""}', "null", '""'])
def test_what_holds_no_answer_is_unreadable(text):
    """Neither words nor a verdict."""
    with pytest.raises(UnreadableError):
        read_text(text, ReplyForm())


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["questions", "question", "answer", "verdict", "score", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_no_json_breaks_the_reading(value):
    """Whatever a model says is read or unreadable, and nothing else."""
    for form in (FORM, ReplyForm()):
        found: object = None
        with suppress(UnreadableError):
            found = form.read(value)
        assert found is None or isinstance(found, tuple | Reply)


@pytest.mark.parametrize("text", ["A turn begins with <|im_start|>.", "<s>[INST] Who? [/INST]</s>", "<start_of_turn>"])
def test_a_text_is_shown_to_the_letter(text):
    """Also where it holds marks of chat templates: what it is asked to quote from is what it has to quote."""
    chunk = Chunk(number=1, text=text, source="a.txt")
    passage = Passage(window=Window(number=1, first=1, last=1), chunks=(chunk,))
    order = WriteOrder(passage=passage, wanted={"simple": 1})
    for messages in (write_messages(order), answer_messages(f"What is {text}?", passage)):
        assert f" text\n{text}\n" in messages[1]["content"]
    assert f"What is {text}?" in alone_messages(f"What is {text}?")[1]["content"]
