"""The modes of an evaluation on a data set: what a model sees beside the question."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.values import Scalar

Mode = Literal["closed_book", "oracle_context", "noisy_context", "rag_endpoint"]
"""Nothing; the chunks that hold the answer; these among others; nothing, for the system looks passages up itself."""
MODES: tuple[Mode, ...] = get_args(Mode)
USUAL: Mode = "oracle_context"
MODE = "mode"
"""The parameter that names it."""
_BY_HEART = "baseline:extractive"
_FOLDER = Path(__file__).with_name("prompts")
_PROMPTS: Mapping[Mode, str] = {
    "closed_book": "closed_book",
    "oracle_context": "with_contexts",
    "noisy_context": "with_contexts",
    "rag_endpoint": "rag_endpoint",
}


def read_mode(params: Mapping[str, Scalar]) -> Mode:
    """The mode that parameters name, else the usual one.

    Raises:
        InputError: there is no such mode (``unknown_mode``).
    """
    named = params.get(MODE, USUAL)
    if named not in MODES:
        hint = nearest(str(named), MODES) or f"known: {', '.join(MODES)}"
        raise InputError(f"there is no mode {named!r:.80}", code="unknown_mode", where="mode", hint=hint)
    return named


def check_baseline(model: str, mode: Mode) -> None:
    """Refuse a baseline that quotes passages where it is shown none.

    Raises:
        InputError: the model is one (``no_contexts``).
    """
    if model == _BY_HEART and mode in {"closed_book", "rag_endpoint"}:
        raise InputError(
            f"{_BY_HEART} answers with a sentence of what it is shown, and {mode} shows nothing",
            code="no_contexts",
            where="mode",
            hint="use oracle_context or noisy_context, or another model",
        )


def prompt_of(mode: Mode) -> str:
    """The template of what is asked, over ``query`` and ``contexts``."""
    return (_FOLDER / f"{_PROMPTS[mode]}.jinja").read_text(encoding="utf-8").rstrip("\n")
