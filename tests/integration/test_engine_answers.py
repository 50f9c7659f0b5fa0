"""An endpoint's answers over the wire, in every form the mock server knows."""

from __future__ import annotations

import asyncio

import pytest

from evaltrail.core.answer import Prompt
from evaltrail.core.errors import EndpointError
from evaltrail.core.request import RequestLimits
from evaltrail.models.target import open_model
from mock_endpoint import MockEndpoint
from model_calls import ask_many, ask_one, body_of, question, right, target


@pytest.fixture(scope="module")
def server():
    with MockEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def mock(server):
    """The server as if freshly started; what a test changed is changed back."""
    before = dict(server._admin("POST", "/admin/config", {}))
    server.reset()
    yield server
    server.configure(**before)


def test_a_base_url_is_asked_as_a_chat(mock):
    """Text, counts, time and finish reason come back; the body holds model, settings, message and seed."""
    prompt = Prompt(messages=({"role": "user", "content": question(3).text},), seed=7)
    answer = ask_one(mock.url, prompt, generation={"temperature": 0, "stop": ["\n"]})
    assert (answer.text, answer.error, answer.finish_reason, answer.attempts) == (right(3), "", "stop", 1)
    assert (answer.prompt_tokens, answer.completion_tokens) == (24, 3)
    assert answer.latency_s is not None
    assert 0 < answer.latency_s < 5
    assert body_of(mock.stats()) == {
        "model": "mock",
        "temperature": 0,
        "stop": ["\n"],
        "messages": [{"role": "user", "content": question(3).text}],
        "seed": 7,
    }


@pytest.mark.parametrize("path", ["/chat/completions", "/completions"])
def test_a_full_url_is_used_as_it_is(mock, path):
    """Chat or plain completions, as the URL says."""
    assert ask_one(mock.url + path, question(4)).text == right(4)
    assert mock.stats()["last_request"]["url"] == "/v1" + path


def test_key_and_headers_reach_the_endpoint(mock):
    """As they were given."""
    mock.configure(require_key="secret-key")
    answer = ask_one(mock.url, api_key="secret-key", headers={"X-Team": "a=b"})
    assert answer.error == ""
    assert mock.stats()["last_request"]["headers"]["x-team"] == "a=b"


@pytest.mark.parametrize("knobs", [{"chunked": 7}, {"compress": "gzip"}, {"compress": "deflate"},
                                   {"chunked": 11, "compress": "gzip"}])  # fmt: skip
def test_chunks_and_compression_are_undone(mock, knobs):
    """However the body travels."""
    mock.configure(**knobs)
    assert ask_one(mock.url, question(5)).text == right(5)


@pytest.mark.parametrize("chunked", [0, 40])
def test_a_stream_tells_when_its_first_token_came(mock, chunked):
    """``stream: true`` in the settings is all it takes."""
    mock.configure(chunked=chunked)
    answer = ask_one(mock.url, question(6), generation={"stream": True})
    assert (answer.text, answer.finish_reason) == (right(6), "stop")
    assert answer.first_token_s is not None
    assert answer.latency_s is not None
    assert 0 < answer.first_token_s <= answer.latency_s


@pytest.mark.parametrize("knobs", [{"reasoning": "hm"}, {"think": "hm"}])
@pytest.mark.parametrize("generation", [{}, {"stream": True}])
def test_reasoning_is_split_off(mock, knobs, generation):
    """Field or tag, whole or streamed."""
    mock.configure(**knobs)
    answer = ask_one(mock.url, question(8), generation=generation)
    assert (answer.text, answer.reasoning) == (right(8), "hm")


def test_a_cut_answer_says_length(mock):
    """finish_reason goes through."""
    mock.configure(finish="length")
    assert ask_one(mock.url).finish_reason == "length"


@pytest.mark.parametrize(
    ("knobs", "error"),
    [({"tool_calls": 1}, "refusal"), ({"pnull": 1}, "empty"), ({"raw_content": "7"}, "garbage"),
     ({"huge_mb": 17}, "too_large"), ({"huge_mb": 17, "compress": "gzip"}, "too_large"),
     ({"pnull": 1, "finish": "length", "reasoning": "hm"}, "truncated")],
)  # fmt: skip
def test_an_unusable_answer_has_its_reason(mock, knobs, error):
    """A stable word for each."""
    mock.configure(**knobs)
    answer = ask_one(mock.url)
    assert (answer.error, answer.text) == (error, None)


def test_embeddings_come_in_order_and_in_batches(mock):
    """One vector a text."""

    async def run():
        async with open_model(target(mock.url), generation={}, limits=RequestLimits()) as model:
            return await model.embed([f"text {n}" for n in range(100)]), await model.embed(["text 99"])

    many, one = asyncio.run(run())
    assert len(many) == 100
    assert many[99] == one[0]
    assert many[0] != many[1]


def choose(mock, choices):
    async def run():
        async with open_model(target(mock.url), generation={}, limits=RequestLimits(max_retries=0)) as model:
            return await model.choice_logprobs(Prompt(text="The answer is"), choices)

    return asyncio.run(run())


def test_choices_are_scored_as_continuations(mock):
    """One log-probability a choice, over its own tokens; the likeliest is the text."""
    answer = choose(mock, (" four", " five or six"))
    assert answer.error == ""
    assert len(answer.choice_logprobs) == 2
    assert answer.choice_logprobs[1] < answer.choice_logprobs[0] < 0 or answer.text == " five or six"
    swapped = choose(mock, (" five or six", " four"))
    assert swapped.choice_logprobs == answer.choice_logprobs[::-1]


@pytest.mark.parametrize("knobs", [{"no_logprobs": 1}, {"force_status": 404}])
def test_an_endpoint_without_logprobs_says_so(mock, knobs):
    """As this question's failure, not as the end of the run."""
    mock.configure(**knobs)
    assert choose(mock, (" a", " b")).error == "no_logprobs"


def test_an_endpoint_without_embeddings_says_so(mock):
    """In one line that names the endpoint."""
    mock.configure(force_status=404)

    async def run():
        async with open_model(target(mock.url), generation={}, limits=RequestLimits(max_retries=0)) as model:
            await model.embed(["a"])

    with pytest.raises(EndpointError, match="no embeddings"):
        asyncio.run(run())


def test_connections_are_kept(mock):
    """One connection a slot for a whole run."""
    answers = ask_many(mock.url, range(200), RequestLimits(concurrency=8))
    assert {number: answer.text for number, answer in answers.items()} == {n: right(n) for n in range(200)}
    assert mock.stats()["connections"] <= 9


def test_a_digest_is_the_request(mock):
    """Same model, settings and prompt: same digest; anything else: another one."""

    def digest(prompt, generation, query="", **changes):
        asked = target(mock.url + query, **changes)
        return open_model(asked, generation=generation, limits=RequestLimits()).request_digest(prompt)

    base = digest(question(1), {"temperature": 0})
    assert len(base) == 32
    assert base == digest(question(1), {"temperature": 0}, headers={"X": "y"})
    others = {
        digest(question(2), {"temperature": 0}),
        digest(question(1), {}),
        digest(question(1), {"temperature": 0}, id="x"),
        digest(question(1), {"temperature": 0}, query="?deployment=a"),
        digest(question(1), {"temperature": 0}, query="?deployment=b"),
    }
    assert len({base, *others}) == 6
