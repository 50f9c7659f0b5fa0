"""How many tokens a call takes: as the endpoint counted them, else guessed from the characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaltrail.core.answer import Answer

CHARACTERS = 4
"""A token, as far as prose in Latin letters goes."""
_WORST_BYTES = 3
"""A token in the worst usual case: most tokenizers take one for each Chinese character, which is three bytes."""
_TURN_TOKENS = 8
"""Beside the words of each turn, for its role and its ends."""

Turns = Sequence[Mapping[str, str]]


def guessed_tokens(text: str) -> int:
    """Tokens of a text, about."""
    return -(-len(text) // CHARACTERS)


def guessed_prompt_tokens(turns: Turns) -> int:
    """Tokens of what is asked, about."""
    return sum(guessed_tokens(turn["content"]) for turn in turns)


def prompt_tokens(turns: Turns, answer: Answer) -> int:
    """Tokens of what was asked."""
    return guessed_prompt_tokens(turns) if answer.prompt_tokens is None else answer.prompt_tokens


def completion_tokens(answer: Answer) -> int:
    """Tokens of what was answered."""
    if answer.completion_tokens is not None:
        return answer.completion_tokens
    return guessed_tokens((answer.text or "") + answer.tool_arguments + answer.reasoning)


def worst_prompt_tokens(turns: Turns) -> int:
    """Tokens that a prompt takes at most, its form included."""
    texts = [turn["content"].encode("utf-8", "surrogatepass") for turn in turns]
    return sum(-(-len(text) // _WORST_BYTES) + _TURN_TOKENS for text in texts)
