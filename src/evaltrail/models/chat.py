"""Answers of /chat/completions and /completions as values (the OpenAI HTTP interface), whole or streamed."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from evaltrail.core.answer import Answer
from evaltrail.core.decoding import converted, decoder
from evaltrail.models.answer_contexts import contexts_in
from evaltrail.models.connection import Reply
from evaltrail.models.text_repair import lenient_json, whole_text

OPEN, CLOSE = "<think>", "</think>"


class _Part(msgspec.Struct, gc=False):
    text: str | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _Function(msgspec.Struct, frozen=True, gc=False):
    arguments: msgspec.Raw = msgspec.Raw(b"")


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function = _Function()


class _Choice(msgspec.Struct, gc=False):
    message: _Message | None = None
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    index: int = 0


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Body(msgspec.Struct, gc=False):
    choices: list[_Choice]
    usage: _Usage | None = None


_decode = decoder(_Body).decode
_decode_call = decoder(_ToolCall).decode
_decode_text = decoder(str).decode


class ErrorNote(msgspec.Struct, frozen=True):
    """What an endpoint says about an error."""

    code: str = ""
    message: str = ""


def read_answer(reply: Reply, attempts: int, *, is_chat: bool, takes_tools: bool = False) -> Answer:
    """The answer a 200 holds; else one with ``error``: ``garbage``, ``empty``, ``refusal`` or ``truncated``.

    Args:
        reply: what came back.
        attempts: requests sent so far.
        is_chat: whether it answers a chat.
        takes_tools: whether a tool call without a text is an answer too; else it is a ``refusal``.
    """
    try:
        if reply.body.startswith((b"data:", b"event:", b":")):
            return _read_stream(reply, attempts)
        body = _body(reply.body)
        choice = body.choices[0]
        message = choice.message if is_chat else _Message(content=choice.text)
    except (ValueError, IndexError) as error:
        return _garbage(reply, attempts, str(error))
    if message is None:
        return _garbage(reply, attempts, "the first choice has no message")
    answer = _answer(message, choice.finish_reason or "", body.usage, latency_s=reply.latency_s, attempts=attempts)
    answer = replace(answer, contexts=contexts) if (contexts := contexts_in(reply.body)) else answer
    if takes_tools and message.tool_calls and (arguments := _tool_arguments(message.tool_calls[0])):
        return replace(answer, error="", detail="", tool_arguments=arguments)
    return answer


def _tool_arguments(call: msgspec.Raw) -> str:
    """What a tool is called with, as JSON text; empty where nothing of it can be read."""
    try:
        arguments = bytes(_decode_call(call).function.arguments)
        return whole_text(_decode_text(arguments) if arguments.startswith(b'"') else arguments.decode())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _garbage(reply: Reply, attempts: int, problem: str) -> Answer:
    detail = error_note(reply.body).message or problem
    return Answer(error="garbage", detail=detail, latency_s=reply.latency_s, attempts=attempts)


def error_note(body: bytes) -> ErrorNote:
    """Code and message of an error body in any of the usual forms; the body's own text where it is none of them."""
    try:
        value = lenient_json(body[: 1 << 16])
    except ValueError:
        return ErrorNote(message=body[:2000].decode("utf-8", "replace").strip())
    inner = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(inner, dict):
        return ErrorNote(message=inner if isinstance(inner, str) else body[:2000].decode("utf-8", "replace"))
    message = inner.get("message") or inner.get("detail") or ""
    code = inner.get("code") if isinstance(inner.get("code"), str) else inner.get("type")
    return ErrorNote(code=code if isinstance(code, str) else "", message=str(message))


def split_thought(text: str) -> tuple[str, str]:
    """(reasoning, answer) of a text that may begin with a thought; the opening tag may stand in the prompt."""
    start = text.lstrip()
    if start.startswith(OPEN):
        thought, closed, rest = start[len(OPEN) :].partition(CLOSE)
        return thought.strip(), rest.lstrip() if closed else ""
    thought, closed, rest = text.partition(CLOSE)
    return (thought.strip(), rest.lstrip()) if closed and OPEN not in thought else ("", text)


def _answer(
    message: _Message,
    finish: str,
    usage: _Usage | None,
    *,
    latency_s: float,
    attempts: int,
    first_token_s: float | None = None,
) -> Answer:
    content = message.content
    text = content if isinstance(content, str) else "".join(part.text or "" for part in content or ())
    reasoning = message.reasoning_content or message.reasoning or ""
    if CLOSE in text or OPEN in text:
        thought, text = split_thought(text)
        reasoning = f"{reasoning}\n{thought}" if reasoning and thought else reasoning or thought
    error = detail = ""
    if not text or text.isspace():
        if message.tool_calls or message.refusal:
            error, detail = "refusal", message.refusal or "the answer is a tool call"
        elif finish == "length" and reasoning:
            error, detail = "truncated", "the token limit was spent on reasoning: raise max_tokens"
        else:
            error, detail = "empty", "the answer has no text"
    return Answer(
        text=None if error else text,
        reasoning=reasoning,
        finish_reason=finish,
        error=error,
        detail=detail,
        prompt_tokens=usage.prompt_tokens if usage else None,
        completion_tokens=usage.completion_tokens if usage else None,
        latency_s=latency_s,
        first_token_s=first_token_s,
        attempts=attempts,
    )


def _body(data: bytes) -> _Body:
    """The typed body; what strict parsing refuses is read leniently before it is called garbage.

    Raises:
        ValueError: it holds no choices.
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    return _convert(lenient_json(data))


def _convert(value: object) -> _Body:
    try:
        return converted(_repaired(value), _Body)
    except (msgspec.ValidationError, RecursionError) as error:
        if isinstance(value, dict) and "usage" in value:
            return _convert({key: part for key, part in value.items() if key != "usage"})
        raise ValueError(str(error)) from error


def _repaired(value: object) -> object:
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, list):
        return [_repaired(part) for part in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(part) for key, part in value.items()}
    return value


def _read_stream(reply: Reply, attempts: int) -> Answer:
    """The answer of a streamed reply (server-sent events).

    Raises:
        ValueError: an event is no JSON of ours, or the stream ended before the answer did.
    """
    texts: list[str] = []
    thoughts: list[str] = []
    finish, usage, first, is_done = "", None, None, False
    contexts: tuple[str, ...] = ()
    for end, data in events(reply.body):
        if data == b"[DONE]":
            is_done = True
            break
        body = _body(data)
        usage = body.usage or usage
        contexts = contexts or contexts_in(data)
        for choice in body.choices[:1]:
            delta = choice.delta or choice.message or _Message(content=choice.text)
            if choice.index:
                continue
            texts.append(delta.content if isinstance(delta.content, str) else "")
            thoughts.append(delta.reasoning_content or delta.reasoning or "")
            if first is None and (texts[-1] or thoughts[-1]):
                first = next((at for size, at in reply.marks if size >= end), reply.latency_s)
            finish = choice.finish_reason or finish
    if not (is_done or finish):
        raise ValueError("the stream ended before the answer did")
    message = _Message(content="".join(texts), reasoning_content="".join(thoughts))
    answer = _answer(message, finish, usage, latency_s=reply.latency_s, attempts=attempts, first_token_s=first)
    return replace(answer, contexts=contexts) if contexts else answer


def events(body: bytes) -> list[tuple[int, bytes]]:
    """(offset of its end, data) of each server-sent event that has data (WHATWG HTML, section 9.2)."""
    found: list[tuple[int, bytes]] = []
    lines: list[bytes] = []
    offset = 0
    for line in (*body.splitlines(keepends=True), b"\n"):
        offset += len(line)
        content = line.rstrip(b"\r\n")
        if content.startswith(b"data:"):
            lines.append(content[5:].removeprefix(b" "))
        elif not content and lines:
            found.append((min(offset, len(body)), b"\n".join(lines)))
            lines = []
    return found
