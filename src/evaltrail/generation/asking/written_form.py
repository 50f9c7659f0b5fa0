"""WrittenForm: the questions that a model writes, in the form asked for or in what comes close to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from evaltrail.core.question import QUESTION_TYPES, QuestionType
from evaltrail.core.values import Json
from evaltrail.scoring.judging.answer_form import UnreadableError, ask_for, object_schema

MOST_ITEMS = 200
"""Of one answer that are looked at."""
_MOST_DEPTH = 3
_LISTS = ("questions", "items", "qa_pairs", "pairs", "qa", "data", "results", "output", "dataset")
_QUESTION = ("question", "query", "q", "user_input", "prompt")
_ANSWER = ("answer", "response", "a", "reference", "ground_truth", "expected_answer")
_EVIDENCE = ("evidence", "quote", "span", "citation", "supporting_text", "source_text", "context", "source")
_TYPE = ("type", "question_type", "kind", "category")
_OTHER_WORDS: Mapping[str, QuestionType] = {
    "multihop": "multi_hop",
    "numerical": "numeric",
    "number": "numeric",
    "factual": "simple",
    "factoid": "simple",
    "fact": "simple",
    "notanswerable": "unanswerable",
    "noanswer": "unanswerable",
}
_LABELLED = re.compile(
    r"^[\s*#>_\-]*(?:\d{1,3}\s*[.):]\s*)?[*_]*(?P<label>question|answer|evidence|quote|type|q|a)[*_]*\s*\d{0,3}[*_]*"
    r"\s*[:\uff1a][*_]*\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
_LABELS = {"q": "question", "a": "answer", "quote": "evidence"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenItem:
    """One question as a model handed it in."""

    question: str
    """Empty where it wrote none."""
    answer: str = ""
    evidence: str = ""
    type: QuestionType | None = None
    """None where it named none that there is."""


Written = tuple[WrittenItem, ...]


class WrittenForm:
    """Asks for ``{"questions": [{"type": ..., "question": ..., "answer": ..., "evidence": ...}]}``.

    Args:
        kinds: types that may be answered with.
    """

    choices: tuple[str, ...] = ()

    def __init__(self, kinds: Sequence[QuestionType]) -> None:
        item = object_schema(
            {
                "type": {"type": "string", "enum": list(kinds)},
                "question": {"type": "string"},
                "answer": {"type": "string"},
                "evidence": {"type": "string"},
            }
        )
        schema: Mapping[str, Json] = object_schema({"questions": {"type": "array", "items": item}})
        self.settings = ask_for("questions", "Hand in the questions.", schema)

    def read(self, value: object) -> Written:
        """The questions of a JSON value: a list under any usual name, a bare list, columns, or one question alone.

        An empty list says that there are none.

        Raises:
            UnreadableError: none of them has a question.
        """
        if value == [] or (isinstance(value, Mapping) and any(value.get(name) == [] for name in _LISTS)):
            return ()
        return _with_questions(_items(value, 0))

    def read_prose(self, text: str) -> Written:
        """The questions of a text that says ``Question:`` and ``Answer:`` at the begin of lines.

        Raises:
            UnreadableError: it does not.
        """
        return _with_questions(_labelled(text))

    def join(self, found: Sequence[Written]) -> Written:
        """What several JSON objects in one text say together: one each, or a list that was cut off."""
        return tuple(item for each in found for item in each)[:MOST_ITEMS]


def _with_questions(items: list[WrittenItem]) -> Written:
    if not any(item.question for item in items):
        raise UnreadableError('It held no "question".')
    return tuple(items[:MOST_ITEMS])


def _items(value: object, depth: int) -> list[WrittenItem]:
    if isinstance(value, list):
        return [item for each in value[:MOST_ITEMS] for item in _items(each, depth + 1)] if depth <= _MOST_DEPTH else []
    if not isinstance(value, Mapping) or depth > _MOST_DEPTH:
        return []
    named = {str(name).strip().casefold().replace(" ", "_"): inner for name, inner in value.items()}
    inner = next((named[name] for name in _LISTS if isinstance(named.get(name), list | Mapping)), None)
    if inner is not None:
        return _columns(inner, named) if _is_texts(inner) else _items(inner, depth + 1)
    if any(name in named for name in _QUESTION):
        return [_item(named)]
    # {"1": {...}, "2": {...}}, or one list under a name of its own
    return [item for each in value.values() if isinstance(each, list | Mapping) for item in _items(each, depth + 1)]


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _columns(questions: object, named: Mapping[str, object]) -> list[WrittenItem]:
    """The items of lists that lie beside each other: {"questions": ["..."], "answers": ["..."]}."""
    lists = [questions, *(_list_of(named, names) for names in (_ANSWER, _EVIDENCE, _TYPE))]
    texts = [[_text(each) for each in column[:MOST_ITEMS]] if isinstance(column, list) else [] for column in lists]
    return [
        WrittenItem(question=question, answer=answer, evidence=evidence, type=_type(kind))
        for question, answer, evidence, kind in zip_longest(*texts, fillvalue="")
    ]


def _list_of(named: Mapping[str, object], names: Sequence[str]) -> object:
    return next((named[each] for name in names for each in (f"{name}s", name) if each in named), None)


def _item(named: Mapping[str, object]) -> WrittenItem:
    question, answer, evidence, kind = (
        next((_text(named[name]) for name in names if name in named), "")
        for names in (_QUESTION, _ANSWER, _EVIDENCE, _TYPE)
    )
    return WrittenItem(question=question, answer=answer, evidence=evidence, type=_type(kind))


def _text(value: object) -> str:
    """A value as text: a list's first one, numbers as they are written."""
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _type(word: str) -> QuestionType | None:
    plain = re.sub(r"[^a-z]", "", word.casefold())
    return next((kind for kind in QUESTION_TYPES if kind.replace("_", "") == plain), _OTHER_WORDS.get(plain))


def _labelled(text: str) -> list[WrittenItem]:
    found: list[dict[str, str]] = []
    label = ""
    for line in text.splitlines():
        match = _LABELLED.match(line)
        if match:
            label = _LABELS.get(match["label"].casefold(), match["label"].casefold())
            # "Type:" may stand before its question, so an item ends where one of its labels comes again.
            if not found or label in found[-1]:
                found.append({})
            found[-1][label] = match["rest"].strip().rstrip("*_ ")
        elif label and line.strip() and found[-1][label] == "":
            found[-1][label] = line.strip()
    return [_item(each) for each in found]
