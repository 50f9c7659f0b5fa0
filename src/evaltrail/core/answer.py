"""One exchange with a model: the prompt that goes out and the answer that comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evaltrail.core.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked for one sample."""

    messages: tuple[Mapping[str, str], ...] = ()
    """Chat turns, each ``{"role": ..., "content": ...}``; empty when ``text`` says it all."""
    text: str = ""
    """The prompt for a completions endpoint; a chat endpoint gets it as one user turn where there are no messages."""
    seed: int | None = None
    """Sent as ``seed`` with this one request; repeats of a sample get different seeds."""
    question: str = ""
    """The bare question, for models that need no endpoint (baselines)."""
    contexts: tuple[str, ...] = ()
    """Passages the answer may be found in, for baselines."""
    choices: tuple[str, ...] = ()
    """The options of a multiple choice question, in order."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Settings of this one request, such as ``response_format``; they go into its body beside those of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one prompt, or the reason why nothing usable did."""

    text: str | None = None
    """The model's answer without its reasoning; None exactly when ``error`` is set."""
    reasoning: str = ""
    """``reasoning_content`` or what stood in ``<think>...</think>``; kept, never scored."""
    finish_reason: str = ""
    """As the endpoint says it; ``length`` means that the answer was truncated."""
    error: str = ""
    """Empty, or a stable reason: ``garbage``, ``empty``, ``timeout``, ``http_500``, ``rate_limited``, ``reset``..."""
    detail: str = ""
    """What the endpoint said about the error, cut to a line; never holds a secret."""
    prompt_tokens: int | None = None
    """Tokens of the prompt as the endpoint counts them; None when it does not say."""
    completion_tokens: int | None = None
    """Tokens of the answer as the endpoint counts them; None when it does not say."""
    latency_s: float | None = None
    """Seconds from sending the last attempt to its last byte; None when the answer was stored or computed."""
    first_token_s: float | None = None
    """Seconds to the first streamed token; None unless streaming."""
    attempts: int = 1
    """Requests sent for this answer."""
    choice_logprobs: tuple[float, ...] = ()
    """One log-probability per choice where the endpoint was asked for them, else empty."""
    tool_arguments: str = ""
    """What the first tool call was called with, as JSON text; where it is set and no text came, ``error`` is empty."""
    contexts: tuple[str, ...] = ()
    """Passages that the answer says it was made from, best first; empty where it says nothing of any."""
