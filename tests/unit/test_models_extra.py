"""Settings of one prompt in its request, and answers that are tool calls."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.answer import Prompt
from evaltrail.models.chat import read_answer
from evaltrail.models.connection import Reply
from evaltrail.models.request_body import BodyWriter

GENERATION = {"temperature": 0, "stop": ["\n"], "seed": 3}


def written(extra=None, *, seed=None, generation=None, is_chat=True):
    writer = BodyWriter("m", GENERATION if generation is None else generation, is_chat=is_chat)
    return writer.write(Prompt(text="hi", seed=seed, extra=extra or {}))


def test_a_prompt_without_settings_of_its_own_is_written_as_ever():
    """Byte for byte."""
    assert written() == (
        b'{"model":"m","temperature":0,"stop":["\\n"],"messages":[{"role":"user","content":"hi"}],"seed":3}'
    )


@pytest.mark.parametrize("is_chat", [True, False])
def test_a_prompts_own_settings_stand_beside_those_of_all(is_chat):
    """In one body, each name once."""
    pairs = json.loads(written({"tools": [1], "top_p": 1}, is_chat=is_chat), object_pairs_hook=list)
    names = [name for name, _ in pairs]
    prompt = "messages" if is_chat else "prompt"
    assert names == ["model", "temperature", "stop", prompt, "tools", "top_p", "seed"]


@given(
    extra=st.dictionaries(
        st.sampled_from(["temperature", "stop", "tools", "model", "messages", "prompt", "seed", "x"]), st.integers()
    ),
    seed=st.none() | st.integers(0, 9),
)
def test_a_prompts_own_setting_wins_but_never_over_prompt_model_and_seed(extra, seed):
    """What the prompt says itself is its text, the target its model."""
    pairs = json.loads(written(extra, seed=seed), object_pairs_hook=lambda pairs: pairs)
    assert len({name for name, _ in pairs}) == len(pairs)
    body = dict(pairs)
    own = {name: value for name, value in extra.items() if name in {"temperature", "stop", "tools", "x"}}
    assert own.items() <= body.items()
    assert (body["model"], body["seed"]) == ("m", 3 if seed is None else seed)
    assert isinstance(body["messages"], list)


def answered(message, *, takes_tools=True):
    body = json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 7}})
    return read_answer(Reply(200, (), body.encode(), 0.5, ()), 1, is_chat=True, takes_tools=takes_tools)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [('{"score": 4}', '{"score": 4}'), ({"score": 4}, '{"score": 4}'), ("not json", "not json")],
)
def test_a_tool_call_is_an_answer_where_tools_were_given(arguments, found):
    """Its arguments come as text or, from some servers, as an object."""
    calls = [{"id": "1", "type": "function", "function": {"name": "grade", "arguments": arguments}}]
    answer = answered({"content": None, "tool_calls": calls})
    assert (answer.error, answer.text, answer.prompt_tokens) == ("", None, 7)
    assert answer.tool_arguments.replace(" ", "") == found.replace(" ", "")


@pytest.mark.parametrize("call", [{}, {"function": None}, {"function": {}}, {"function": {"arguments": ""}}, 3, None])
def test_a_tool_call_that_says_nothing_is_a_refusal(call):
    """As it was before."""
    answer = answered({"content": None, "tool_calls": [call]})
    assert (answer.error, answer.tool_arguments) == ("refusal", "")


def test_a_tool_call_that_nobody_asked_for_is_a_refusal():
    """A model under test that calls a tool has not answered."""
    calls = [{"function": {"arguments": '{"a": 1}'}}]
    assert answered({"content": None, "tool_calls": calls}, takes_tools=False).error == "refusal"


def test_a_text_beside_a_tool_call_is_kept():
    """Both are there."""
    answer = answered({"content": "hm", "tool_calls": [{"function": {"arguments": "{}"}}]})
    assert (answer.text, answer.tool_arguments) == ("hm", "{}")
