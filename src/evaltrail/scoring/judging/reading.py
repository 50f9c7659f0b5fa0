"""Reads what a judge's model answered: the form itself, the form inside of prose, or plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from evaltrail.core.answer import Answer
from evaltrail.scoring.judging.answer_form import AnswerForm, JoiningForm, UnreadableError
from evaltrail.scoring.judging.json_in_text import NOTHING, json_objects, whole_json
from evaltrail.scoring.judging.verdict import EMPTY, OUT_OF_RANGE, REFUSAL, TRUNCATED, UNREADABLE
from evaltrail.scoring.judging.words import is_refusal

Found = TypeVar("Found")

_OWN_REASONS = {"empty": EMPTY, "refusal": REFUSAL, "truncated": TRUNCATED, "garbage": UNREADABLE}
_MAX_CHARACTERS = 65_536
"""Of an answer that are looked at; a judgement is never that long."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[Found]):
    """What was read, or why nothing was."""

    value: Found | None = None
    reason: str = ""
    raw: str = ""
    repair: str = ""
    """What to tell the model when it is asked once more; empty = asking again makes no sense."""


def read_answer(answer: Answer, form: AnswerForm[Found]) -> Reading[Found]:
    """What an answer says in a form; never raises."""
    text = answer.tool_arguments or answer.text or ""
    if answer.error:
        reason = _OWN_REASONS.get(answer.error) or f"judge_{answer.error}"
        return Reading(reason=reason, raw=answer.detail or answer.reasoning)
    if not text or text.isspace():
        return Reading(reason=EMPTY)
    is_cut = answer.finish_reason == "length"
    try:
        return Reading(value=read_text(text, form, is_cut=is_cut))
    except UnreadableError as error:
        if error.reason == UNREADABLE:
            if is_refusal(text):
                return Reading(reason=REFUSAL, raw=text)
            if is_cut:
                problem = "It was cut off; keep the rationale short."
                return Reading(reason=TRUNCATED, raw=text, repair=problem)
        return Reading(reason=error.reason, raw=text, repair=error.problem)


def read_text(text: str, form: AnswerForm[Found], *, is_cut: bool = False) -> Found:
    """What a text says in a form.

    Args:
        text: a JSON value, prose around one, or prose.
        form: what to look for.
        is_cut: whether the text ended before the model did; then only a whole JSON object counts.

    Raises:
        UnreadableError: it says nothing in this form, or two different things.
    """
    whole = whole_json(text)
    if whole is not NOTHING:
        return form.read(whole)
    text = text[:_MAX_CHARACTERS]
    found: list[Found] = []
    beside: list[str] = []
    problem: UnreadableError | None = None
    rest = 0
    for embedded in json_objects(text):
        beside.append(text[rest : embedded.start])
        rest = embedded.end
        try:
            found.append(form.read(embedded.value))
        except UnreadableError as error:
            problem = error
    if found and isinstance(form, JoiningForm):
        joined: Found = form.join(found)
        return joined
    if found:
        told = _told_in(" ".join([*beside, text[rest:]]), form)
        if any(other != found[0] for other in [*found, *told]):
            raise UnreadableError("It held several different judgements.")
        return found[-1]
    if is_cut or (problem is not None and problem.reason == OUT_OF_RANGE):
        raise problem or UnreadableError("It was cut off.")
    return form.read_prose(text)


def _told_in(prose: str, form: AnswerForm[Found]) -> list[Found]:
    """What the words around a JSON object say beside it: an object may be a quotation, and the words the judgement."""
    try:
        return [form.read_prose(prose)]
    except UnreadableError:
        return []


def is_whole_json(text: str) -> bool:
    """Whether a text is one JSON object or list and nothing else."""
    return isinstance(whole_json(text), dict | list)
