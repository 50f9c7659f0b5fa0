"""Rows of lm-evaluation-harness as samples: ``samples_<task>_<date>.jsonl``, one row a document and filter.

Source: ``SampleResult`` of its result schema and what its evaluation tracker writes (0.4.0 to 0.4.13). A row of a
generation holds one request and its answer; a row of a multiple choice holds one request a choice, answered by
``[log-probability, is greedy]``. A row that our own provider marks as ``unanswered`` has no answer, for that reason;
it also adds what asking cost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.heads import mapping, word
from evaltrail.readers.leaves import number
from evaltrail.readers.notes import Notes
from evaltrail.readers.rows import attribute_of, attributes_of, json_rows, score_of, text_of, texts_of, whole_of
from evaltrail.readers.tables import read_json

UNANSWERED = "unanswered"
_DETAIL = "unanswered_detail"
_USAGE = "evaltrail_usage"
_READ = frozenset({"doc_id", "target", "arguments", "resps", "filtered_resps", "metrics", UNANSWERED, _DETAIL, _USAGE})
_MOST_SPENT = 2**53
_NO_METRICS = frozenset({"doc", "doc_hash", "prompt_hash", "target_hash", "filter", "task_name"})


class LmEvalRows:
    """The samples of one task, read from its file again at each iteration.

    Args:
        file: the samples file, or the results file that holds the rows itself.
        task: whose rows are taken from a results file; empty for a samples file.
    """

    def __init__(self, file: Path, task: str = "") -> None:
        self._file = file
        self._task = task

    def __iter__(self) -> Iterator[Sample]:
        """The samples in the order of the file.

        Raises:
            InputError: the file cannot be read any more.
        """
        repeats = _Repeats()
        for position, row in enumerate(self._rows()):
            yield row if isinstance(row, Sample) else _sample(row, position, repeats)

    def _rows(self) -> Iterator[Mapping[str, Json] | Sample]:
        if not self._task:
            yield from json_rows(self._file)
            return
        rows = mapping(mapping(read_json(self._file, Notes())).get("samples")).get(self._task)
        for row in rows if isinstance(rows, list) else []:
            yield mapping(row)


@dataclass(slots=True)
class _Repeats:
    """Which row of a document it is: one a filter, told apart by the filter's name or, before 0.4.4, by their order."""

    _filters: dict[str, int] = field(default_factory=dict)
    _last: int = -1
    _passes: int = 0

    def number(self, filter_name: str, index: int) -> int:
        """The number of the row's filter, from 0."""
        if filter_name:
            return self._filters.setdefault(filter_name, len(self._filters))
        self._passes += index <= self._last
        self._last = index
        return self._passes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a row's requests say."""

    input: str | tuple[Mapping[str, str], ...] = ""
    choices: tuple[str, ...] = ()
    rest: Json = None


def _sample(row: Mapping[str, Json], position: int, repeats: _Repeats) -> Sample:
    filter_name = word(row.get("filter"))
    index = whole_of(row.get("doc_id"), position)
    asked = _asked(row.get("arguments"))
    logprobs = _logprobs(row, len(asked.choices))
    answers = row.get("resps")
    output = asked.choices[logprobs.index(max(logprobs))] if logprobs else _answer(answers, with_repeats=True)
    scores = _scores(row, filter_name)
    attributes = attributes_of(row, {*_READ, *(name.removesuffix(f",{filter_name}") for name in scores)})
    if logprobs or _has_repeats(answers):
        attributes["resps"] = attribute_of(answers)
    if asked.rest:
        attributes["arguments"] = attribute_of(asked.rest)
    return Sample(
        id=word(row.get("doc_id")) or str(index),
        index=index,
        repeat=repeats.number(filter_name, index),
        input=asked.input,
        reference=texts_of(row.get("target")),
        choices=asked.choices,
        output=output,
        extracted=None if logprobs else _extracted(row.get("filtered_resps"), output, filter_name),
        attributes=attributes,
        scores=scores,
        error=word(row.get(UNANSWERED)) or ("empty" if output is None else ""),
        detail=word(row.get(_DETAIL)),
        usage=_usage(mapping(row.get(_USAGE))),
        choice_logprobs=logprobs,
    )


def _usage(told: Mapping[str, Json]) -> Usage:
    """What asking cost, which our own provider adds."""
    return Usage(
        attempts=_spent(told.get("attempts")) or 0,
        prompt_tokens=_spent(told.get("prompt_tokens")),
        completion_tokens=_spent(told.get("completion_tokens")),
        latency_s=number(told.get("latency_s")),
    )


def _spent(value: Json) -> int | None:
    """The count that a value is, 0 among them; None where it is none."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < _MOST_SPENT else None


def _scores(row: Mapping[str, Json], filter_name: str) -> dict[str, Score]:
    """Scores by the names their aggregates bear: ``acc,none``."""
    listed = row.get("metrics")
    reason = word(row.get(UNANSWERED))
    found: dict[str, Score] = {}
    for key, value in row.items():
        if isinstance(listed, list):
            is_metric = key in listed
        else:
            is_metric = isinstance(value, int | float) and key not in _READ | _NO_METRICS
        score = score_of(value) if is_metric else None
        if score is not None and reason:
            score = Score(reason=reason)
        if score is not None:
            found[text_of(f"{key},{filter_name}" if filter_name else key)] = score
    return found


def _asked(arguments: Json) -> _Asked:
    """Prompt and choices of a row's requests; what neither can hold is the rest."""
    requests = [_parts(request) for request in _parts(arguments)]
    if not requests or not requests[0]:
        return _Asked(rest=arguments)
    prompt = requests[0][0]
    if len(requests) == 1:
        return _Asked(input=_prompt(prompt), rest=requests[0][1:])
    choices = tuple(text_of(parts[1]) for parts in requests if len(parts) == 2 and isinstance(parts[1], str))
    if len(choices) == len(requests) and all(parts[0] == prompt for parts in requests):
        return _Asked(input=_prompt(prompt), choices=choices)
    return _Asked(input=_prompt(prompt), rest=arguments)


def _parts(value: Json) -> list[Json]:
    """The items of a list, or of the object that files have in a list's place: ``gen_args_0``, ``arg_0``..."""
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _prompt(value: Json) -> str | tuple[Mapping[str, str], ...]:
    """A prompt as text or as chat turns, which are written as JSON in a list of one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = text_of(value)
    if not text.startswith('[{"'):
        return text
    try:
        turns = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if all(isinstance(turn, dict) and isinstance(turn.get("content"), str) for turn in turns):
        return tuple({"role": text_of(turn.get("role", "")), "content": text_of(turn["content"])} for turn in turns)
    return text


def _logprobs(row: Mapping[str, Json], choices: int) -> tuple[float, ...]:
    """One log-probability a choice; empty unless every choice has one."""
    for key in ("filtered_resps", "resps"):
        answers = row.get(key)
        if choices and isinstance(answers, list) and len(answers) == choices:
            found = [number(_innermost(answer)) for answer in answers]
            if None not in found:
                return tuple(value for value in found if value is not None)
    return ()


def _innermost(value: Json) -> Scalar:
    """The first scalar in lists within lists."""
    while isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str | int | float) else None


def _answer(answers: Json, *, with_repeats: bool) -> str | None:
    """The answer to the one request, the first of its repeats; several requests' answers as JSON; None where none is.

    Args:
        answers: one item a request.
        with_repeats: whether each item is the list of the answers that one request got.
    """
    if not isinstance(answers, list):
        return None if answers is None else text_of(answers)
    only: Json = answers if len(answers) > 1 else (answers or [None])[0]
    if with_repeats and len(answers) == 1 and isinstance(only, list):
        only = (only or [None])[0]
    return None if only is None else text_of(only)


def _has_repeats(answers: Json) -> bool:
    return isinstance(answers, list) and any(isinstance(each, list) and len(each) > 1 for each in answers)


def _extracted(answers: Json, output: str | None, filter_name: str) -> str | None:
    """What a filter made of the answer; None where it is the answer."""
    found = _answer(answers, with_repeats=False)
    return None if found == output and filter_name in {"", "none"} else found
