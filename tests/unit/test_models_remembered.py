"""A model whose answers are kept: asked once for each request."""

from __future__ import annotations

import asyncio

from counting_model import CountingModel
from evaltrail.core.answer import Answer, Prompt
from evaltrail.models.absent import Absent
from evaltrail.models.remembered import Remembered

SEVEN, EIGHT = Prompt(text="?", question="q7"), Prompt(text="??", question="q8")


def asked(model, *prompts):
    """What a remembered model says, with what is kept between questions, and what was kept."""
    kept = {}

    async def work():
        async with Remembered(model, kept.get, kept.__setitem__) as remembered:
            return [(await remembered.ask(prompt)).text for prompt in prompts]

    return asyncio.run(work()), kept


def test_the_same_request_is_asked_once():
    """What was answered is looked up by the digest of the request."""
    model = CountingModel()
    texts, kept = asked(model, SEVEN, EIGHT, SEVEN)
    assert texts == ["a7", "a8", "a7"]
    assert model.asked == [SEVEN, EIGHT]
    assert set(kept) == {model.request_digest(SEVEN), model.request_digest(EIGHT)}


def test_a_failure_is_not_kept():
    """It may go better the next time."""
    model = CountingModel(rule=lambda _: Answer(error="timeout"))
    texts, kept = asked(model, SEVEN, SEVEN)
    assert (texts, kept, len(model.asked)) == ([None, None], {}, 2)


def test_a_model_that_is_absent_has_no_output():
    """Data that bring their outputs need no model; what lacks one is unscored for that reason."""
    answer = asyncio.run(Absent().ask(SEVEN))
    assert (answer.error, answer.attempts) == ("no_output", 0)
