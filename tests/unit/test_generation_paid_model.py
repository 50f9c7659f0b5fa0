"""A model whose answers are kept as they come: nothing is paid for twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from counting_model import CountingModel
from evaltrail.bundle.answer_log import AnswerLog
from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import EndpointError
from evaltrail.generation.asking.paid_model import PaidModel
from evaltrail.generation.asking.together import together
from evaltrail.generation.budget import Budget

FORM = {"response_format": {"type": "json_schema"}}


def prompt(words="Who?", **extra):
    return Prompt(messages=({"role": "user", "content": words},), seed=0, extra=extra)


def paid(model, *, answers=None, budget=None, concurrency=8, settings=None):
    return PaidModel(
        model, answers=answers, budget=budget or Budget(None), concurrency=concurrency, settings=settings or {}, seed=0
    )


def said(text="Ada", **changes):
    return lambda _: replace(Answer(text=text, prompt_tokens=5, completion_tokens=2), **changes)


async def ask(model, *prompts):
    return await together([model.ask(each) for each in prompts])


def test_the_same_request_at_the_same_time_is_sent_once():
    """In whatever form it asks: the words are the same."""
    model = CountingModel(said())
    front = paid(model)
    answers = asyncio.run(ask(front, prompt(), prompt(**FORM), prompt(), prompt("Where?")))
    assert [answer.text for answer in answers] == ["Ada"] * 4
    assert (len(model.asked), front.new_calls, front.prompt_tokens, front.completion_tokens) == (2, 2, 10, 4)


def test_what_was_kept_costs_nothing(tmp_path):
    """Another run finds it, whatever form it asks in."""
    file = tmp_path / "a.answers"
    for run in range(2):
        log, model = AnswerLog(file), CountingModel(said())
        asyncio.run(ask(paid(model, answers=log), prompt(**(FORM if run else {}))))
        log.close()
        assert len(model.asked) == 1 - run


@pytest.mark.parametrize(("error", "sent"), [("timeout", 2), ("http_400", 2), ("empty", 1), ("refusal", 1)])
def test_a_model_that_said_nothing_was_paid_for(error, sent):
    """A failure on the way may go better the next time; what the model itself answered is its answer."""
    model = CountingModel(said(text=None, error=error))
    front = paid(model)
    asyncio.run(ask(front, prompt()))
    asyncio.run(ask(front, prompt()))
    assert len(model.asked) == sent


@pytest.mark.parametrize("error", ["truncated", "empty", ""])
def test_what_a_budget_cut_serves_those_alone_who_have_the_same_end(tmp_path, error):
    """The same again costs nothing; without that end it is asked anew, and who comes later finds the whole answer."""
    cut = said(text=None if error else "A", error=error, finish_reason="length")
    file, told = tmp_path / "a.answers", []
    for extra in ({"max_tokens": 9}, {"max_tokens": 9}, {}, {"max_tokens": 9}):
        log, model = AnswerLog(file), CountingModel(lambda prompt: (cut if prompt.extra else said())(prompt))
        (answer,) = asyncio.run(ask(paid(model, answers=log), prompt(**extra)))
        log.close()
        told.append((len(model.asked), answer.text == "Ada"))
    assert told == [(1, False), (0, False), (1, True), (0, True)]
    assert len(list(AnswerLog(file).own())) == 2


def test_an_end_that_the_plan_sets_is_a_part_of_the_request(tmp_path):
    """What is cut there is the answer, with a budget and without."""
    own = {"max_tokens": 9}
    for run in range(2):
        log, model = AnswerLog(tmp_path / "a.answers"), CountingModel(said(finish_reason="length"))
        asyncio.run(ask(paid(model, answers=log, settings=own), prompt(**own)))
        log.close()
        assert len(model.asked) == 1 - run


def test_tokens_are_guessed_where_the_endpoint_does_not_say(tmp_path):
    """Four characters each; they are kept so that a later run counts the same."""
    log = AnswerLog(tmp_path / "a.answers")
    front = paid(CountingModel(said("x" * 40, prompt_tokens=None, completion_tokens=None)), answers=log)
    asyncio.run(ask(front, prompt("y" * 80)))
    log.close()
    assert (front.prompt_tokens, front.completion_tokens) == (20, 10)
    (kept,) = AnswerLog(tmp_path / "a.answers").own()
    assert (kept.prompt_tokens, kept.completion_tokens) == (20, 10)


def test_no_more_are_in_flight_than_may_be():
    """Whatever the model itself would take."""
    model = CountingModel(said())
    asyncio.run(ask(paid(model, concurrency=3), *(prompt(str(number)) for number in range(20))))
    assert (len(model.asked), model.peak) == (20, 3)


def test_what_might_pass_the_budget_is_not_sent():
    """It is an answer with that reason, so that one question fails and not the run."""
    model = CountingModel(said())
    (answer,) = asyncio.run(ask(paid(model, budget=Budget(100)), prompt(max_tokens=99)))
    assert (answer.error, answer.attempts, model.asked) == ("budget", 0, [])


def test_who_waits_for_the_same_answer_does_not_end_with_its_asker():
    """One of those who wait asks anew, the others wait on; who is given up itself ends as ever."""
    model = CountingModel(said())
    front = paid(model)

    async def story():
        asker, given_up, *waiting = [asyncio.create_task(front.ask(prompt())) for _ in range(5)]
        await asyncio.sleep(0)
        asker.cancel()
        given_up.cancel()
        return await asyncio.gather(asker, given_up, *waiting, return_exceptions=True)

    *ended, first, second, third = asyncio.run(story())
    assert [type(each) for each in ended] == [asyncio.CancelledError] * 2
    assert (first.text, second.text, third.text, len(model.asked)) == ("Ada", "Ada", "Ada", 2)


def test_who_waits_for_the_same_answer_gets_the_same_error():
    """And nothing is left running."""
    front = paid(CountingModel(gives_out_after=0))
    with pytest.raises(EndpointError):
        asyncio.run(ask(front, prompt(), prompt(), prompt()))
    assert front.in_flight == 0
