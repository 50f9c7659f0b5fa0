"""Endpoint: an OpenAI-compatible endpoint as a model that loses no prompt and never hangs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from time import monotonic, time
from typing import Self

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import EndpointError
from evaltrail.core.ids import digest_bytes
from evaltrail.core.request import COMMAND_LINE, ModelTarget, RequestLimits, Wording
from evaltrail.core.values import Json
from evaltrail.models.address import Route, parse_address
from evaltrail.models.admission import START, Outcome
from evaltrail.models.chat import ErrorNote, error_note, read_answer
from evaltrail.models.connection import Reply
from evaltrail.models.embeddings import BATCH, VectorReader
from evaltrail.models.likelihoods import LikelihoodReader, Likelihoods
from evaltrail.models.limiter import Limiter
from evaltrail.models.logprobs import ASK, LogprobReader
from evaltrail.models.reach import Reach
from evaltrail.models.request_body import BodyWriter, encode_json, plain_text
from evaltrail.models.request_head import encode_head
from evaltrail.models.retry import WAIT_BUDGET_S, backoff_s, told_wait_s, verdict_of
from evaltrail.models.text_repair import one_line
from evaltrail.models.transport import Transport

_UNUSABLE = frozenset({"garbage", "empty"})
"""Errors of an answer with status 200 that another attempt may not have."""
_NOT_OFFERED = frozenset({"http_400", "http_404", "http_405", "http_422", "http_501"})
"""Errors that say: this endpoint has no such route, or not for this model."""
_FORMS = frozenset({"response_format", "tools"})
"""Settings of a prompt that an endpoint may not know."""
_SECRET_CHARACTERS = 8
"""Shorter values would blank out ordinary words of answers."""
_SECRET_HEADERS = ("auth", "cookie", "key", "secret", "token")
"""A header whose name holds one of these bears a secret; other values may be ordinary words too."""
_SWEEP_S = 0.1
_OUTAGE_S = 60.0
_MISS_WAIT_S = 5.0

Reader = Callable[[Reply, int], Answer]


class Endpoint:
    """A model behind an OpenAI-compatible URL.

    Args:
        target: the model, its URL and extra headers.
        generation: settings that go into every request body as they are.
        limits: how hard it may be pressed.
        api_key: the key itself; empty = none.
        seed: of the back-off's jitter.
        outage_s: how long an endpoint that had served may serve nobody.
        start: requests in flight before it has shown that it takes more.
        environ: where proxies and the custom CA are named.
        wording: what errors call the target's settings.

    Raises:
        InputError: the URL, a header, a proxy or a generation setting cannot be used.
    """

    def __init__(
        self,
        target: ModelTarget,
        *,
        generation: Mapping[str, Json],
        limits: RequestLimits,
        api_key: str = "",
        seed: int = 0,
        outage_s: float = _OUTAGE_S,
        start: int = START,
        environ: Mapping[str, str] = os.environ,
        wording: Wording = COMMAND_LINE,
    ) -> None:
        self._address = parse_address(target.url)
        self._limits, self._start = limits, start
        self._wording = wording
        self._key_name = target.api_key_env or "OPENAI_API_KEY"
        self._transport = Transport(self._address, environ, is_outside=target.is_outside)
        is_chat = self._address.route == "chat"
        self._read = partial(read_answer, is_chat=is_chat)
        self._read_tools = partial(read_answer, is_chat=is_chat, takes_tools=True)
        self._model = target.id
        self._body = BodyWriter(target.id, generation, is_chat=is_chat)
        self._secrets = sorted({x.strip() for x in (api_key, *target.headers.values())} - {""}, key=len, reverse=True)
        self._secret_bytes = _secret_bytes(api_key, target.headers)
        self._headers, self._api_key = target.headers, api_key
        self._is_stream = generation.get("stream") is True
        self._head = self._head_of(self._address.route)
        self._digest_start = f"{self._address.route}\n{self._address.whole}\n".encode()
        self._random = Random(seed)  # noqa: S311 - jitter, not a secret
        self._outage_s = outage_s
        self._reach = Reach(outage_s, limits.concurrency)
        self._sweeper: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        """Open the gate; connections are made as they are needed."""
        self._limiter = Limiter(self._limits, self._start)
        self._period_s = min(_SWEEP_S, max(0.01, self._limits.timeout_s / 10))
        self._sweep()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._limiter.close()
        self._transport.close()
        await asyncio.sleep(0)  # the loop tells each connection that it is closed

    def request_digest(self, prompt: Prompt) -> str:
        """Identity of the request a prompt becomes: 32 hex digits over route, URL and body."""
        return digest_bytes(self._digest_start + self._body.write(prompt))

    async def ask(self, prompt: Prompt) -> Answer:
        """The model's answer after retries, or one with ``error``.

        Raises:
            EndpointError: every further prompt would fail too.
        """
        if not prompt.extra:
            return await self._call(self._head, self._body.write(prompt), self._read)
        # A 404 may mean a setting that only this prompt has, so it must not end the run.
        read = self._read_tools if "tools" in prompt.extra else self._read
        return await self._call(
            self._head, self._body.write(prompt), read, is_main=prompt.extra.keys().isdisjoint(_FORMS)
        )

    async def choice_logprobs(self, prompt: Prompt, choices: Sequence[str]) -> Answer:
        """The likeliest choice, with ``choice_logprobs``: log-probability of each choice as continuation of the prompt.

        Returns:
            An Answer with error ``no_logprobs`` where the endpoint has none of the prompt's tokens.

        Raises:
            EndpointError: every further prompt would fail too.
        """
        context = plain_text(prompt)
        texts = [context + choice for choice in choices]
        body = encode_json({"model": self._model, "prompt": texts, **ASK})
        reader = LogprobReader(context, tuple(choices))
        answer = await self._call(self._head_of("completions"), body, reader, is_main=False)
        if answer.error in _NOT_OFFERED:
            return replace(answer, error="no_logprobs")
        return answer

    async def likelihoods(self, pairs: Sequence[tuple[str, str]]) -> Likelihoods:
        """How likely each continuation is after its context, asked in one request.

        Args:
            pairs: (context, continuation); the space between them belongs to one of them.

        Raises:
            EndpointError: every further request would fail too.
        """
        reader = LikelihoodReader([len(context) for context, _ in pairs])
        body = encode_json({"model": self._model, "prompt": [start + end for start, end in pairs], **ASK})
        answer = await self._call(self._head_of("completions"), body, reader, is_main=False)
        return Likelihoods(answer=answer, each=() if answer.error else reader.each)

    async def embed(self, texts: Sequence[str], *, model: str = "") -> tuple[tuple[float, ...], ...]:
        """One vector a text, in order.

        Args:
            texts: at least one.
            model: name of the model that makes them; empty = this one.

        Raises:
            EndpointError: the endpoint makes no embeddings, or failed to after all retries.
        """
        vectors: list[tuple[float, ...]] = []
        head = self._head_of("embeddings")
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            reader = VectorReader(len(batch))
            body = encode_json({"model": model or self._model, "input": list(batch)})
            answer = await self._call(head, body, reader, is_main=False)
            if answer.error:
                code = "no_embeddings" if answer.error in {*_NOT_OFFERED, "garbage"} else "embeddings_failed"
                message, hint = f"no embeddings ({answer.error}): {answer.detail}", "name a model that makes embeddings"
                raise EndpointError(message, code=code, hint=hint, where=self._where)
            vectors.extend(reader.vectors)
        return tuple(vectors)

    async def _call(self, head: bytes, body: bytes, read: Reader, *, is_main: bool = True) -> Answer:
        request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
        course = _Course(began_at=monotonic(), guess=len(body) // 4, is_main=is_main)
        while True:
            reply = await self._attempt(request, course, read)
            answer = course.answer
            if answer is not None and not answer.error:
                return answer
            if reply.status in {429, 503} and (course.told_s or 0.0) > WAIT_BUDGET_S:
                step: Answer | float = await self._barred(reply, course)
            else:
                step = self._after(reply, course)
            if isinstance(step, Answer):
                return replace(step, detail=one_line(step.detail, self._secrets))
            await self._limiter.sleep(step)

    async def _attempt(self, request: bytes, course: _Course, read: Reader) -> Reply:
        held = await self._limiter.enter(course.guess, again=course.tries > 0)
        outcome: Outcome = "lost"
        course.answer = course.told_s = None
        course.tries += 1
        try:
            reply = await self._transport.exchange(request, self._limits.timeout_s)
            if reply.status:
                self._reach.answered(is_served=reply.status == 200)
                outcome = "limited" if reply.status == 429 else "served"
                if reply.status == 200:
                    course.answer = read(self._without_secrets(reply), course.tries - course.misses)
                else:
                    course.told_s = told_wait_s(reply.headers, time())
        finally:
            told_s = course.told_s or 0.0
            # Who is told to wait longer than anybody may wait gives up, so the others need not wait with it.
            pause_s = told_s if told_s <= WAIT_BUDGET_S else 0.0
            self._limiter.leave(held, outcome, tokens=_tokens(course.answer), retry_in_s=pause_s)
        return reply

    def _without_secrets(self, reply: Reply) -> Reply:
        """The reply, without a key or header value that the endpoint repeats."""
        body = reply.body
        for secret in self._secret_bytes:
            if secret in body:
                body = body.replace(secret, b"***")
        return reply if body is reply.body else reply._replace(body=body)

    def _after(self, reply: Reply, course: _Course) -> Answer | float:
        """The end of a call that had no good answer yet, or the seconds to wait before it goes on.

        Raises:
            EndpointError: every further prompt would fail too.
        """
        answer = course.answer
        if answer is not None:
            return self._again(course) if answer.error in _UNUSABLE and self._has_retry(course) else answer
        if reply.error == "unreachable":
            return self._unreachable(reply, course)
        note = error_note(reply.body) if reply.status else ErrorNote(message=reply.detail)
        verdict = verdict_of(reply, error_code=note.code, wait_s=course.told_s)
        if verdict == "stop" and (course.is_main or reply.status != 404):
            raise self._limiter.end(self._refused(reply, note))
        if verdict == "later":
            course.pauses += 1
            wait_s = course.told_s
            if wait_s is None:
                wait_s = backoff_s(course.pauses, self._random.random())
            # An endpoint that says "at once" again and again must use up the budget too.
            wait_s = max(wait_s, min(1.0, 0.1 * course.pauses))
            course.waited_s += wait_s
            return wait_s if course.waited_s <= WAIT_BUDGET_S else self._failed("rate_limited", note, course)
        error = reply.error or f"http_{reply.status}"
        if verdict == "again":
            outlook = self._reach.failed(is_first=course.failures == 0, now=monotonic())
            if outlook == "gone":
                raise self._gone(f"nothing but {error} for {self._outage_s:.0f} s")
            if outlook == "wait":
                course.failures = max(1, course.failures)
                course.setbacks += 1
                return min(_MISS_WAIT_S, 0.2 + backoff_s(course.setbacks, self._random.random()))
            if self._has_retry(course):
                return self._again(course)
        return self._failed(error, note, course)

    async def _barred(self, reply: Reply, course: _Course) -> Answer:
        """The end of a call that was told to come back later than anybody waits, once it is known how the others fare.

        Raises:
            EndpointError: others were told so too, and none was served between.
        """
        note = error_note(reply.body)
        is_known = self._reach.bar()
        until = monotonic() + self._limits.timeout_s
        while not is_known and self._reach.barred and self._limiter.in_flight and monotonic() < until:
            await self._limiter.sleep(_SWEEP_S)
        if is_known or self._reach.barred > 1:
            said = one_line(note.message, self._secrets)
            message = f"the endpoint asks to wait {(course.told_s or 0.0) / 60:.0f} minutes: {said}"
            hint = f"what is done is kept; {self._wording.resume} continues later"
            raise self._limiter.end(EndpointError(message, code="rate_limited", hint=hint, where=self._where))
        return self._failed("rate_limited", note, course)

    def _has_retry(self, course: _Course) -> bool:
        return course.failures < self._limits.max_retries

    def _again(self, course: _Course) -> float:
        course.failures += 1
        return backoff_s(course.failures, self._random.random())

    def _unreachable(self, reply: Reply, course: _Course) -> float:
        course.misses += 1
        detail = one_line(reply.detail, self._secrets)
        now = monotonic()
        outlook = self._reach.missed(tries=course.misses, began_at=course.began_at, now=now)
        if outlook == "never":
            message = f"the endpoint cannot be reached: {detail}"
            hint = f"check {self._wording.url}, and that the server runs"
            raise self._limiter.end(EndpointError(message, code="unreachable", hint=hint, where=self._where))
        if outlook == "gone":
            raise self._gone(detail)
        return min(_MISS_WAIT_S, 0.2 + backoff_s(course.misses, self._random.random()))

    def _gone(self, detail: str) -> EndpointError:
        message = f"the endpoint is gone: {detail}"
        hint = f"what is done is kept; {self._wording.resume} continues"
        return self._limiter.end(EndpointError(message, code="endpoint_gone", hint=hint, where=self._where))

    def _refused(self, reply: Reply, note: ErrorNote) -> EndpointError:
        said = one_line(note.message, self._secrets)
        message, code, hint = f"the endpoint answers {reply.status}: {said}", f"http_{reply.status}", ""
        if note.code == "insufficient_quota":
            message, code, hint = (
                f"the quota is used up: {said}",
                "insufficient_quota",
                "top up, then run the same again",
            )
        elif reply.status in {401, 403}:
            hint = f"name the variable that holds the key: {self._wording.api_key_env}"
            if self._api_key:
                hint = f"set the environment variable {self._key_name} to a key that this endpoint accepts"
        elif reply.status == 404:
            hint = f"check the model's name, and that {self._wording.url} ends in /v1, or in /v1/chat/completions"
        elif reply.status < 400:
            message = f"the endpoint redirects ({reply.status}), which is not followed"
            hint = f"give the URL it redirects to as {self._wording.url}"
        return EndpointError(message, code=code, hint=hint, where=self._where)

    def _failed(self, error: str, note: ErrorNote, course: _Course) -> Answer:
        return Answer(error=error, detail=note.message, attempts=course.tries - course.misses)

    @property
    def _where(self) -> str:
        return self._address.shown

    def _head_of(self, route: Route) -> bytes:
        return encode_head(
            self._address,
            route,
            headers=self._headers,
            api_key=self._api_key,
            proxy=self._transport.plain_proxy,
            is_stream=self._is_stream,
        )

    def _sweep(self) -> None:
        now = monotonic()
        self._transport.sweep(now)
        self._limiter.tick(now)
        self._sweeper = asyncio.get_running_loop().call_later(self._period_s, self._sweep)


def _secret_bytes(api_key: str, headers: Mapping[str, str]) -> list[bytes]:
    """What an answer may not hold: the key, and the values of headers that bear secrets."""
    named = [value for name, value in headers.items() if any(word in name.lower() for word in _SECRET_HEADERS)]
    return [value.strip().encode() for value in (api_key, *named) if len(value.strip()) >= _SECRET_CHARACTERS]


@dataclass(slots=True)
class _Course:
    """How far one call has come."""

    began_at: float
    guess: int
    """Tokens it may cost."""
    is_main: bool
    """Whether it goes to the route that the whole run depends on."""
    tries: int = 0
    misses: int = 0
    """Tries that found no connection."""
    failures: int = 0
    """Tries that count against the retries."""
    setbacks: int = 0
    """Tries that failed while nobody was served."""
    pauses: int = 0
    waited_s: float = 0.0
    """Spent because the endpoint said so."""
    answer: Answer | None = None
    """Of the last try."""
    told_s: float | None = None
    """What the last try was told to wait."""


def _tokens(answer: Answer | None) -> int | None:
    if answer is None or (answer.prompt_tokens is None and answer.completion_tokens is None):
        return None
    return (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
