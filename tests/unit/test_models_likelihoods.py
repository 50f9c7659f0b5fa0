"""Likelihoods out of /completions answers: which tokens count, what is greedy, what is no likelihood at all."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.models.connection import Reply
from evaltrail.models.likelihoods import LikelihoodReader

SUMS = st.lists(st.floats(-20, 0), min_size=1, max_size=6)


def choice(tokens, values, *, index=0, tops=None):
    offsets = [sum(map(len, tokens[:place])) for place in range(len(tokens))]
    logprobs = {"tokens": tokens, "token_logprobs": values, "text_offset": offsets, "top_logprobs": tops}
    return {"index": index, "text": "".join(tokens), "logprobs": logprobs}


def read(starts, *choices, body=None):
    reader = LikelihoodReader(starts)
    whole = json.dumps({"choices": choices, "usage": {"prompt_tokens": 7}}).encode() if body is None else body
    return reader(Reply(status=200, body=whole), 1), reader.each


def test_tokens_that_reach_into_the_continuation_count():
    """A token that spans the border belongs to what comes after it."""
    answer, (found,) = read([3], choice(["a b", "c d", "e"], [None, -1.0, -0.5]))
    assert (found.logprob, answer.error, answer.prompt_tokens) == (-1.5, "", 7)
    _, (found,) = read([2], choice(["a", " bc"], [None, -2.0]))
    assert found.logprob == -2.0


def test_answers_are_told_apart_by_their_index():
    """Endpoints may answer in any order."""
    _, found = read([1, 1], choice(["a", "y"], [None, -2.0], index=1), choice(["a", "x"], [None, -1.0]))
    assert [each.logprob for each in found] == [-1.0, -2.0]


def test_the_very_first_token_has_no_probability_and_is_left_out():
    """A text without a context is scored from its second token on; where the first has one, it counts."""
    _, (found,) = read([0], choice(["a", "b"], [None, -1.0]))
    assert found.logprob == -1.0
    _, (found,) = read([0], choice(["a", "b"], [-3.0, -1.0]))
    assert found.logprob == -4.0


@pytest.mark.parametrize(
    ("tops", "is_greedy"),
    [
        ([None, {"b": -1.0}], True),
        ([None, {"x": -0.2, "b": -1.0}], False),
        ([None, {"token 17": -1.0}], True),
        ([None, {}], None),
        ([None], None),
        (None, None),
    ],
)
def test_greedy_is_what_no_other_token_is_likelier_than(tops, is_greedy):
    """By probability, as endpoints write one token in several ways; None where they do not say."""
    _, (found,) = read([1], choice(["a", "b"], [None, -1.0], tops=tops))
    assert found.is_greedy is is_greedy


@pytest.mark.parametrize(
    "values", [[None, None], [-1.0, None], [-1.0, -math.inf], [-1.0]], ids=["none", "missing", "infinite", "short"]
)
def test_a_continuation_without_every_probability_is_no_likelihood(values):
    """Half a sum would rank it above whole ones."""
    body = json.dumps({"choices": [choice(["a", "b"], values)]}).replace("-Infinity", "-1e999").encode()
    answer, found = read([1], body=body)
    assert answer.error
    assert found == ()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{"index": "x"}]}'])
def test_what_is_no_answer_is_garbage(body):
    """A page, an empty object, too few answers."""
    assert read([1], body=body)[0].error == "garbage"


def test_an_answer_without_log_probabilities_says_so():
    """Chat servers answer /completions, but not with those of the prompt."""
    answer, _ = read([1], {"index": 0, "text": "ab", "logprobs": None})
    assert answer.error == "no_logprobs"
    assert "echo" in answer.detail


@given(SUMS, SUMS)
def test_context_and_continuation_add_up_to_the_whole(before, after):
    """The sum over the continuation is the whole text's without the context's."""
    tokens = [f"t{place} " for place in range(len(before) + len(after) + 1)]
    start = sum(map(len, tokens[: len(before) + 1]))
    both = choice(tokens, [None, *before, *after])
    _, (part, whole) = read([start, 0], both, {**both, "index": 1})
    assert part.logprob == pytest.approx(math.fsum(after))
    assert whole.logprob == pytest.approx(math.fsum(before) + part.logprob)
