"""Baselines: weak, real, deterministic."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.answer import Prompt
from evaltrail.core.errors import InputError
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.models.baseline import best_match
from evaltrail.models.target import open_model


def ask(kind, prompt, **options):
    async def run():
        target = ModelTarget(id=f"baseline:{kind}")
        async with open_model(target, generation={}, limits=RequestLimits(), **options) as model:
            return await model.ask(prompt)

    return asyncio.run(run())


CONTEXT = "Berlin is the capital of Germany. Paris is the capital of France.\nRome lies on the Tiber."


def test_extractive_picks_the_sentence_that_answers():
    """BM25 of the question against every sentence of every context."""
    answer = ask("extractive", Prompt(question="What is the capital of France?", contexts=(CONTEXT,)))
    assert (answer.text, answer.attempts, answer.latency_s) == ("Paris is the capital of France.", 0, None)


def test_extractive_picks_the_choice_nearest_to_that_sentence():
    """With options the answer is one of them."""
    prompt = Prompt(question="Capital of France?", contexts=(CONTEXT,), choices=("Rome", "Paris", "Berlin"))
    assert ask("extractive", prompt).text == "Paris"


def test_a_baseline_with_nothing_to_choose_from_says_so():
    """No made-up answer."""
    assert ask("extractive", Prompt(question="?")).error == "empty"
    assert ask("majority", Prompt(text="?")).error == "empty"


def test_majority_is_the_commonest_reference():
    """The first of several that are as common."""
    assert ask("majority", Prompt(text="?"), references=["b", "a", "a", "b", "c"]).text == "b"


@given(seed=st.integers(), text=st.text(), choices=st.lists(st.text("abc", min_size=1), min_size=1, max_size=5))
def test_random_depends_on_prompt_and_seed_alone(seed, text, choices):
    """The same question gets the same guess in any order of asking, out of its choices."""
    prompt = Prompt(text=text, choices=tuple(choices))
    answer = ask("random", prompt, seed=seed)
    assert answer.text in choices
    assert ask("random", prompt, seed=seed).text == answer.text


def test_random_reaches_every_choice():
    """Over many prompts every option is guessed about as often."""
    texts = [ask("random", Prompt(text=str(n), choices=("a", "b"))).text for n in range(200)]
    assert 60 < texts.count("a") < 140


def test_an_unknown_baseline_is_refused_with_the_nearest():
    """Before anything starts."""
    with pytest.raises(InputError, match="extractive"):
        ask("extractve", Prompt())


@given(texts=st.lists(st.text(), min_size=1), query=st.text())
def test_the_best_match_is_one_of_the_texts(texts, query):
    """Whatever the texts hold."""
    assert best_match(query, texts) in texts
