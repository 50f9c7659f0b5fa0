"""No paid answer is lost: a generation that was cut short goes on, and a finished one costs nothing."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import EndpointError
from generating import generated
from question_endpoint import Mind, QuestionEndpoint, facts

CHUNKS = facts(12)


def outcome(found):
    return found.questions, found.rejected, found.shortfall, found.calls, found.prompt_tokens, found.completion_tokens


@pytest.mark.parametrize(
    "mind",
    [
        Mind(),
        Mind(prose=0.3, leaks=0.2, duplicates=0.2),
        Mind(schema="ignored"),
        Mind(schema="ignored", tools="ignored", broken=0.3),
    ],
    ids=["good", "weak", "tools", "prose"],
)
def test_the_same_again_sends_nothing(tmp_path, mind):
    """In whatever form the model answered, and though that is found out anew."""
    log = tmp_path / "generation.answers"
    with QuestionEndpoint(mind) as endpoint:
        first = generated(endpoint.url, CHUNKS, log=log)
        sent = len(endpoint.bodies)
        again = generated(endpoint.url, CHUNKS, log=log, concurrency=3)
        assert len(endpoint.bodies) == sent
    assert outcome(again) == outcome(first)
    assert (first.new_calls, again.new_calls, again.calls) == (sent, 0, sent)


def test_another_seed_is_another_generation(tmp_path):
    """Its answers are asked for."""
    log = tmp_path / "generation.answers"
    with QuestionEndpoint() as endpoint:
        first = generated(endpoint.url, CHUNKS, log=log, seed=1)
        other = generated(endpoint.url, CHUNKS, log=log, seed=2)
    assert other.new_calls == first.new_calls


@pytest.mark.parametrize("answered", [1, 5, 23, 41])
def test_an_endpoint_that_was_gone_is_gone_on_with(tmp_path, answered):
    """Only what was in flight is asked again, and the outcome is that of a run that nothing stopped."""
    log = tmp_path / "generation.answers"
    with QuestionEndpoint(gives_out_after=answered) as endpoint:
        with pytest.raises(EndpointError):
            generated(endpoint.url, CHUNKS, log=log, concurrency=4)
        endpoint.gives_out_after = None
        good = min(answered, len(endpoint.bodies))
        found = generated(endpoint.url, CHUNKS, log=log, concurrency=4)
        whole = generated(endpoint.url, CHUNKS)
    assert found.questions == whole.questions
    assert whole.calls - good <= found.new_calls <= whole.calls - good + 4


@pytest.mark.parametrize("budget", [1500, 9000])
def test_a_budget_holds_over_all_runs_together(tmp_path, budget):
    """The same again finds it spent; a higher one goes on with what was paid for."""
    log = tmp_path / "generation.answers"
    with QuestionEndpoint() as endpoint:
        first = generated(endpoint.url, CHUNKS, log=log, budget_tokens=budget)
        sent = len(endpoint.bodies)
        again = generated(endpoint.url, CHUNKS, log=log, budget_tokens=budget)
        assert len(endpoint.bodies) == sent
        assert outcome(again) == outcome(first)
        whole = generated(endpoint.url, CHUNKS, log=log, budget_tokens=10**6)
        assert (whole.accepted, len(endpoint.bodies)) == (18, whole.calls)


class Thinker(QuestionEndpoint):
    """Thinks for longer than a budget lets any answer be."""

    def reply(self, body):
        """Nothing but thoughts where the answer has an end."""
        status, answer = super().reply(body)
        if "max_tokens" in body:
            thoughts = {"role": "assistant", "content": "", "reasoning_content": "let me think"}
            answer["choices"][0] |= {"message": thoughts, "finish_reason": "length"}
        return status, answer


def test_what_a_budget_cut_is_asked_anew_without_one(tmp_path):
    """The same budget again costs nothing; what was paid for answers that were cut stays counted."""
    log = tmp_path / "generation.answers"
    with Thinker() as endpoint:
        first, again = (generated(endpoint.url, CHUNKS, log=log, budget_tokens=10**6) for _ in range(2))
        assert (first.accepted, set(first.shortfall), again.new_calls) == (0, {"truncated"}, 0)
        whole = generated(endpoint.url, CHUNKS, log=log)
        assert (whole.accepted, whole.calls) == (18, first.calls + whole.new_calls)
        later = generated(endpoint.url, CHUNKS, log=log, budget_tokens=10**6)
    assert (later.accepted, later.new_calls, later.questions) == (18, 0, whole.questions)
