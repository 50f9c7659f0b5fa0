"""The passages that an answer tells: wherever they stand, and never made up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.models.answer_contexts import FIELDS, contexts_in
from evaltrail.models.chat import read_answer
from evaltrail.models.connection import Reply


def body(message=None, **more):
    said = {"role": "assistant", "content": "x", **(message or {})}
    return json.dumps({"choices": [{"index": 0, "message": said, "finish_reason": "stop"}], **more}).encode()


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("passage", ["p", {"text": "p"}, {"content": "p", "score": 1}, {"page_content": "p"}])
def test_each_field_is_read_as_text_or_object(name, passage):
    """In the message, and beside the choices."""
    assert contexts_in(body({name: [passage, "q"]})) == ("p", "q")
    assert contexts_in(body(**{name: [passage, "q"]})) == ("p", "q")


@pytest.mark.parametrize(
    "data",
    [
        body(),
        body({"content": 'it says "contexts": [1]'}),
        body({"contexts": []}),
        body({"contexts": [None, 3, {"score": 1}, "", {"text": 5}]}),
        body({"citations": ["https://host/page", " http://host "]}),
        b'{"contexts": ["p"]',
        b'["contexts"]',
        b'{"choices": [], "contexts": {"contexts": {"contexts": ["p"]}}}',
        b'{"contexts":' + b"[" * 100_000,
    ],
)
def test_what_tells_no_passage_has_none(data):
    """Addresses, numbers and broken JSON are no passages."""
    assert contexts_in(data) == ()


def test_passages_win_over_citations_and_the_message_over_the_rest():
    """Who tells them twice means the fuller word."""
    message = {"citations": [{"content": "c"}], "contexts": ["p"]}
    assert contexts_in(body(message, contexts=["outside"])) == ("p",)
    assert contexts_in(body({"context": {"citations": [{"content": "c"}]}})) == ("c",)


@settings(max_examples=20)
@given(st.lists(st.text(min_size=1).filter(lambda text: text.strip() == text and "://" not in text), min_size=1))
def test_passages_come_through_an_answer_unchanged(passages):
    """In their order, whatever they say, beside a text that is not touched."""
    answer = read_answer(Reply(200, (), body({"contexts": passages}), 0.5), 1, is_chat=True)
    assert (answer.text, list(answer.contexts)) == (
        "x",
        [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in passages],
    )


def test_a_stream_tells_them_too():
    """In any of its events."""
    events = [
        {"choices": [{"index": 0, "delta": {"content": "x", "context": {"citations": [{"content": "p"}]}}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"
    answer = read_answer(Reply(200, (), stream, 0.5, ()), 1, is_chat=True)
    assert (answer.text, answer.contexts) == ("x", ("p",))
