"""What the harness's generation settings become in a request, and where answers are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.providers.lm_eval.generation import USUAL_TOKENS, generation_of

WORDS = st.text(alphabet="ab\n", max_size=6)


@pytest.mark.parametrize(
    ("settings", "own", "body"),
    [
        ({}, {}, {"temperature": 0, "max_tokens": USUAL_TOKENS}),
        ({"max_gen_toks": 9, "do_sample": False}, {}, {"temperature": 0, "max_tokens": 9}),
        ({"do_sample": False, "temperature": 0.7}, {}, {"temperature": 0, "max_tokens": USUAL_TOKENS}),
        (
            {"do_sample": True, "temperature": 0.7, "top_p": 0.9},
            {},
            {"temperature": 0.7, "top_p": 0.9, "max_tokens": USUAL_TOKENS},
        ),
        ({"max_gen_toks": 9}, {"max_tokens": 5, "temperature": 1}, {"temperature": 1, "max_tokens": 5}),
        ({"max_gen_toks": 9}, {"max_completion_tokens": 5}, {"temperature": 0, "max_completion_tokens": 5}),
        ({"until": "END"}, {}, {"temperature": 0, "max_tokens": USUAL_TOKENS, "stop": ["END"]}),
        ({"until": ["a", "b"]}, {"stop": "c"}, {"temperature": 0, "max_tokens": USUAL_TOKENS, "stop": ["a", "b", "c"]}),
    ],
)
def test_settings_become_those_of_a_request(settings, own, body):
    """Greedy unless the task samples, a length in any case, and the user's word last."""
    assert generation_of(settings, own).body == body


def test_more_stops_than_an_endpoint_takes_are_cut_here():
    """OpenAI's interface takes four; the answer ends before the first of all of them."""
    generation = generation_of({"until": ["1", "2", "3", "4", "5"]}, {})
    assert generation.body["stop"] == ["1", "2", "3", "4"]
    assert generation.cut("abc5def2") == "abc"


@given(WORDS, st.lists(WORDS, max_size=4))
def test_a_cut_answer_is_the_longest_start_without_a_stop(text, stops):
    """No stop is left in it, and it is a start of the answer."""
    cut = generation_of({"until": stops}, {}).cut(text)
    used = [stop for stop in stops if stop]
    assert text.startswith(cut)
    assert not any(stop in cut for stop in used)
    assert cut == text or any(text.startswith(cut + stop) for stop in used)
