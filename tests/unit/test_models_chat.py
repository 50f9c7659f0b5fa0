"""Answers as values: whole, streamed, broken."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.models.chat import error_note, events, read_answer, split_thought
from evaltrail.models.connection import MAX_REPLY_BYTES, Reply, inflate
from evaltrail.models.text_repair import one_line


def chat(message, **more):
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **more}).encode()


def read(body, *, is_chat=True, marks=()):
    return read_answer(Reply(200, (), body, 0.5, marks), 1, is_chat=is_chat)


@given(
    content=st.text(alphabet=st.characters(exclude_categories=("Cs",))).filter(lambda text: text.strip()),
    used=st.integers(0, 10**6),
)
def test_text_and_counts_come_through_unchanged(content, used):
    """What the model said is what is scored, character for character."""
    usage = {"prompt_tokens": used, "completion_tokens": 3}
    answer = read(chat({"content": content}, usage=usage))
    if "</think>" not in content and "<think>" not in content:
        assert (answer.text, answer.error) == (content, "")
    assert (answer.prompt_tokens, answer.completion_tokens) == (used, 3)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"content": ""}, "empty"), ({"content": None}, "empty"), ({}, "empty"), ({"content": " \n"}, "empty"),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "refusal"), ({"content": None, "refusal": "no"}, "refusal"),
        ({"content": 5}, "garbage"), (None, "garbage"), ({"content": {"a": 1}}, "garbage"),
    ],
)  # fmt: skip
def test_an_answer_without_text_says_why(message, error):
    """No text is never an empty text: it is an error with a stable reason."""
    answer = read(chat(message))
    assert (answer.error, answer.text) == (error, None)
    assert answer.detail


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": 1}', b"null", b"\xff\xfe", b"[" * 100_000,
        b'{"choices": [{"text": "x"}]}', b'{"error": {"message": "overloaded"}}', b"data: {]\n\n", b"data: [DONE",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_garbage(body):
    """A 200 that holds no answer never stops a run."""
    assert read(body).error == "garbage"


def test_an_error_inside_a_200_is_told():
    """Some gateways send errors with status 200."""
    assert read(b'{"error": {"message": "overloaded", "code": 502}}').detail == "overloaded"


def test_lone_surrogates_are_replaced():
    """Text that UTF-8 cannot hold would break every later file."""
    answer = read(rb'{"choices": [{"message": {"content": "a\ud800b"}}]}')
    assert answer.text == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("usage", ['{"prompt_tokens": NaN}', '{"prompt_tokens": "many"}', "7", "null"])
def test_a_broken_count_does_not_cost_the_answer(usage):
    """Counts are a courtesy; the text counts."""
    answer = read(b'{"choices": [{"message": {"content": "ok"}}], "usage": %b}' % usage.encode())
    assert (answer.text, answer.prompt_tokens) == ("ok", None)


def test_content_in_parts_is_joined():
    """Some endpoints send content as a list of parts."""
    assert read(chat({"content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]})).text == "42"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_beside_the_text(name):
    """It is never scored."""
    answer = read(chat({"content": "42", name: "six by seven"}))
    assert (answer.text, answer.reasoning) == ("42", "six by seven")


@pytest.mark.parametrize(
    ("text", "thought", "rest"),
    [
        ("<think>hm</think>\n\n42", "hm", "42"),
        ("  <think>\nhm\n</think>42", "hm", "42"),
        ("hm</think>42", "hm", "42"),
        ("<think>never ends", "never ends", ""),
        ("42", "", "42"),
        ("use <think> and </think>", "", "use <think> and </think>"),
    ],
)
def test_a_leading_thought_is_split_off(text, thought, rest):
    """Only what stands before the answer is a thought."""
    assert split_thought(text) == (thought, rest)


def test_a_thought_that_ate_the_token_limit_is_truncated():
    """finish_reason length without an answer is told apart from an empty answer."""
    body = json.dumps({"choices": [{"message": {"content": "<think>long"}, "finish_reason": "length"}]}).encode()
    answer = read(body)
    assert (answer.error, answer.finish_reason, answer.reasoning) == ("truncated", "length", "long")


def test_a_plain_completion_is_read_by_its_text():
    """The older route has ``text`` instead of a message."""
    assert read(b'{"choices": [{"text": " 42", "finish_reason": "length"}]}', is_chat=False).text == " 42"


def stream(*deltas, end=b"data: [DONE]\n\n", newline="\n"):
    rows = [json.dumps({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    return "".join(f"data: {row}{newline}{newline}" for row in rows).encode() + end


@given(pieces=st.lists(st.text(alphabet=st.characters(exclude_categories=("Cs",))), min_size=1))
def test_a_stream_is_its_pieces_joined(pieces):
    """However the text was cut."""
    text = "".join(pieces)
    answer = read(stream(*({"content": piece} for piece in pieces)))
    if text.strip() and "think>" not in text:
        assert answer.text == text
    elif not text.strip():
        assert answer.error == "empty"


def test_a_stream_tells_its_first_token_and_its_counts():
    """The first piece with text counts, not the first piece; usage may come in a piece without choices."""
    first = stream({"role": "assistant", "content": ""}, end=b"")
    second = stream({"reasoning_content": "hm"}, end=b"")
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}\r\n\r\n'
    body = first + second + b": a comment\n\n" + stream({"content": "42"}, end=b"") + usage + b"data: [DONE]\n\n"
    marks = ((len(first), 0.1), (len(first) + len(second), 0.2), (len(body), 0.4))
    answer = read(body, marks=marks)
    assert (answer.text, answer.reasoning, answer.first_token_s) == ("42", "hm", 0.2)
    assert (answer.prompt_tokens, answer.completion_tokens) == (5, 2)


def test_a_stream_that_breaks_off_is_garbage():
    """Half an answer must not be scored as a whole one."""
    assert read(stream({"content": "4"}, end=b"")).error == "garbage"


def test_events_survive_any_line_end():
    """Line feeds, carriage returns or both; data over several lines is one event."""
    assert [data for _, data in events(b"data: a\r\ndata: b\r\n\r\nevent: x\ndata:c\n\ndata: d")] == [
        b"a\nb",
        b"c",
        b"d",
    ]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"error": {"message": "m", "type": "t", "code": "c"}}', "c", "m"),
        (b'{"error": {"message": "m", "type": "t", "code": null}}', "t", "m"),
        (b'{"error": "m"}', "", "m"), (b'{"detail": "m"}', "", "m"), (b"plain", "", "plain"), (b"", "", ""),
    ],
)  # fmt: skip
def test_error_bodies_are_read_in_every_usual_form(body, code, message):
    """What the endpoint says reaches the user."""
    note = error_note(body)
    assert (note.code, note.message) == (code, message)


@given(text=st.text(), secret=st.text(min_size=4))
def test_messages_are_one_short_line_without_secrets(text, secret):
    """A key that an endpoint echoes never reaches a log."""
    line = one_line(f"{text}{secret}{text}", [secret])
    assert len(line) <= 300
    assert "\n" not in line
    if secret not in "***" and secret not in text:
        assert one_line(f"key {secret}", [secret]) in {"key ***", "***", "key *** "}


@pytest.mark.parametrize(
    ("text", "secrets", "line"),
    [
        ("the key e is wrong", ["e", "key"], "the key e is wrong"),
        ("the key abcd is wrong", ["abcd"], "the key *** is wrong"),
        ("\x1b[31mred\x1b[0m \x9b1m\x00end\x7f", [], "[31mred [0m 1m end"),
    ],
)
def test_words_stay_whole_and_terminals_untouched(text, secrets, line):
    """A header of a few letters is no secret, and no message moves a cursor."""
    assert one_line(text, secrets) == line


def test_a_compression_bomb_is_cut():
    """No more than the cap is ever unpacked."""
    packed = gzip.compress(bytes(4 * MAX_REPLY_BYTES))
    assert len(inflate(packed, b"gzip")) == MAX_REPLY_BYTES + 1
