"""Prompts as request bodies: the constant part is encoded once; messages, seed and settings of one prompt change."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from evaltrail.core.answer import Prompt
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json

_encode = msgspec.json.Encoder().encode
_OURS = ("model", "messages", "prompt")


class BodyWriter:
    """Makes the JSON body of a prompt.

    Args:
        model: name of the model.
        generation: settings that go into the body as they are.
        is_chat: messages for a chat, else a plain ``prompt``.

    Raises:
        InputError: ``generation`` holds what the prompt or the target says.
    """

    def __init__(self, model: str, generation: Mapping[str, Json], *, is_chat: bool) -> None:
        for name in _OURS:
            if name in generation:
                hint = "the task says the prompt, --model the model"
                raise InputError(f"generation setting {name!r} is not a setting", code="bad_generation", hint=hint)
        self._is_chat = is_chat
        self._seed = generation.get("seed")
        self._constant = {"model": model, **{name: value for name, value in generation.items() if name != "seed"}}
        self._start = self._start_of(self._constant)
        self._told = frozenset({*generation, *_OURS, "seed"})

    def write(self, prompt: Prompt) -> bytes:
        """The body that asks a prompt."""
        content: object = plain_text(prompt)
        if self._is_chat:
            content = prompt.messages or ({"role": "user", "content": prompt.text},)
        seed = self._seed if prompt.seed is None else prompt.seed
        end = b"}" if seed is None else b',"seed":%b}' % encode_json(seed)
        if prompt.extra:
            return self._write_extra(prompt.extra, content, end)
        return b"%b%b%b" % (self._start, encode_json(content), end)

    def _write_extra(self, extra: Mapping[str, Json], content: object, end: bytes) -> bytes:
        """The body with settings of its own, which come before those of all; only the seed is the prompt's to say."""
        if self._told.isdisjoint(extra):
            end = b",%b%b" % (encode_json(extra)[1:-1], end)
            return b"%b%b%b" % (self._start, encode_json(content), end)
        mine = {name: value for name, value in extra.items() if name not in {*_OURS, "seed"}}
        return b"%b%b%b" % (self._start_of({**self._constant, **mine}), encode_json(content), end)

    def _start_of(self, constant: Mapping[str, Json]) -> bytes:
        return encode_json(constant)[:-1] + (b',"messages":' if self._is_chat else b',"prompt":')


def plain_text(prompt: Prompt) -> str:
    """A prompt for an endpoint without turns: its text, else its messages as ``role: content`` lines."""
    if prompt.text or not prompt.messages:
        return prompt.text
    return "\n".join(f"{message['role']}: {message['content']}" for message in prompt.messages)


def encode_json(value: object) -> bytes:
    """The value as JSON; lone surrogates are escaped, as UTF-8 cannot hold them."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, default=dict).encode()
