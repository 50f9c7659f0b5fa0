"""Rows of Inspect logs as samples, one an epoch.

Source: ``EvalSample`` of Inspect's log format 2. What a sample did on its way (messages, events, attachments, store,
timelines) stays in the log: it is most of its bytes, and the log comes along whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.heads import mapping, word
from evaltrail.readers.inspect.archive import Archive
from evaltrail.readers.leaves import number
from evaltrail.readers.notes import Notes
from evaltrail.readers.rows import attributes_of, score_of, text_of, texts_of, unreadable_row, whole_of
from evaltrail.readers.tables import read_json

_FAILED = "sample_error"
_DETAIL_CHARACTERS = 500
_ATTACHMENT = "attachment://"
_MEMBER = re.compile(r"samples/(?P<id>.+)_epoch_(?P<epoch>\d+)(?:\.json|/sample\.json)", re.DOTALL)
_READ = frozenset({"id", "epoch", "input", "target", "choices", "output", "scores", "score", "metadata", "error"})
_LEFT_IN_THE_LOG = frozenset({"messages", "events", "events_data", "transcript", "attachments", "store", "timelines"})
_PARTS_OF_A_SCORE = frozenset({"value", "answer", "explanation"})


class JsonLogRows:
    """The samples of a ``.json`` log, which is read whole at each iteration."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __iter__(self) -> Iterator[Sample]:
        """The samples in the order of the log.

        Raises:
            InputError: the log cannot be read any more.
        """
        rows = mapping(read_json(self._file, Notes())).get("samples")
        places: Counter[int] = Counter()
        for position, row in enumerate(rows if isinstance(rows, list) else []):
            if isinstance(row, Mapping):
                yield _sample(row, _next(places, whole_of(row.get("epoch"), 1)))
            else:
                yield unreadable_row(f"samples.{position}", position, "it is no JSON object")


class ArchiveRows:
    """The samples of an ``.eval`` log, one member in memory at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __iter__(self) -> Iterator[Sample]:
        """The samples by epoch and id; one whose member is broken or too large says so.

        Raises:
            InputError: the log cannot be read any more.
        """
        places: Counter[int] = Counter()
        with Archive(self._file) as archive:
            for epoch, sample_id, name in sample_members(archive):
                index = _next(places, epoch)
                try:
                    row = archive.read(name)
                except InputError as error:
                    yield replace(unreadable_row(sample_id, index, error.message), repeat=max(0, epoch - 1))
                else:
                    yield _sample({"id": sample_id, "epoch": epoch, **mapping(row)}, index)


def sample_members(archive: Archive) -> list[tuple[int, str, str]]:
    """Epoch, id and member of every sample, in that order; ids that are numbers by their value."""
    found = [
        (whole_of(int(match["epoch"]), 1) if len(match["epoch"]) < 20 else 1, match["id"], name)
        for name in archive.members
        if (match := _MEMBER.fullmatch(name))
    ]
    return sorted(found, key=lambda each: (each[0], each[1].zfill(20) if each[1].isdecimal() else each[1], each[2]))


def _next(places: Counter[int], epoch: int) -> int:
    """The position in the data set of an epoch's next sample: they are in its order."""
    places[epoch] += 1
    return places[epoch] - 1


def _sample(row: Mapping[str, Json], index: int) -> Sample:
    attachments = mapping(row.get("attachments"))
    output = mapping(row.get("output"))
    message = _message(output)
    answer, reasoning = _spoken(message.get("content"), attachments)
    if answer is None and isinstance(output.get("completion"), str):
        answer = text_of(output.get("completion"))
    scores = mapping(row.get("scores")) or ({"score": row["score"]} if isinstance(row.get("score"), Mapping) else {})
    taken, extracted = _taken(scores)
    failure = row.get("error")
    return Sample(
        id=text_of(word(row.get("id"))) or str(index),
        index=index,
        repeat=max(0, whole_of(row.get("epoch"), 1) - 1),
        input=_turns(row.get("input"), attachments),
        reference=tuple(text for text in texts_of(row.get("target")) if text),
        choices=texts_of(row.get("choices")),
        output=answer,
        extracted=extracted,
        reasoning=reasoning,
        finish_reason=text_of(word(_choice(output).get("stop_reason"))),
        attributes={
            **attributes_of(mapping(row.get("metadata")), prefix="metadata."),
            **attributes_of(row, _READ | _LEFT_IN_THE_LOG),
            **taken,
        },
        scores=dict(_scores(scores)),
        usage=_usage(row, output),
        error=_FAILED if failure else "" if answer is not None else "empty",
        detail=text_of(word(mapping(failure).get("message")) or word(failure))[:_DETAIL_CHARACTERS],
    )


def _scores(scores: Mapping[str, Json]) -> Iterator[tuple[str, Score]]:
    """Every score; those of a scorer that gives several are told apart by their keys."""
    for name, given in scores.items():
        told = mapping(given)
        value = told.get("value") if told else given
        rationale = text_of(told["explanation"]) if isinstance(told.get("explanation"), str) else ""
        if isinstance(value, Mapping):
            several = {f"{name}/{key}": inner for key, inner in value.items()}
        elif isinstance(value, list):
            several = {f"{name}/{place}": inner for place, inner in enumerate(value)}
        else:
            several = {name: value}
        for key, inner in several.items():
            score = score_of(inner, rationale=rationale)
            yield text_of(key), score or Score(value=text_of(inner), rationale=rationale)


def _taken(scores: Mapping[str, Json]) -> tuple[dict[str, Scalar], str | None]:
    """What else the scores say, as attributes; and the answer they were given for where all name the same."""
    rest: dict[str, Scalar] = {}
    answers = {
        name: text_of(told["answer"])
        for name, given in scores.items()
        if isinstance((told := mapping(given)).get("answer"), str)
    }
    for name, given in scores.items():
        rest |= attributes_of(mapping(given), _PARTS_OF_A_SCORE, prefix=f"scores.{name}.")
    if len(set(answers.values())) == 1:
        return rest, next(iter(answers.values()))
    return rest | {f"scores.{text_of(name)}.answer": answer for name, answer in answers.items()}, None


def _choice(output: Mapping[str, Json]) -> Mapping[str, Json]:
    choices = output.get("choices")
    return mapping(choices[0]) if isinstance(choices, list) and choices else {}


def _message(output: Mapping[str, Json]) -> Mapping[str, Json]:
    return mapping(_choice(output).get("message"))


def _spoken(content: Json, attachments: Mapping[str, Json]) -> tuple[str | None, str]:
    """Text and reasoning of a message's content: one text, or parts of several kinds, each named that is no text."""
    if content is None:
        return None, ""
    if not isinstance(content, Sequence) or isinstance(content, str):
        return _resolved(content, attachments), ""
    texts, thoughts = [], []
    for part in map(mapping, content):
        kind = word(part.get("type"))
        if kind == "reasoning":
            thoughts.append(_resolved(part.get("reasoning"), attachments))
        else:
            texts.append(_resolved(part.get("text"), attachments) if kind == "text" else f"[{kind or 'part'}]")
    return "\n".join(texts), "\n".join(thoughts)


def _turns(given: Json, attachments: Mapping[str, Json]) -> str | tuple[Mapping[str, str], ...]:
    if given is None:
        return ""
    if not isinstance(given, Sequence) or isinstance(given, str):
        return _resolved(given, attachments)
    return tuple(
        {"role": text_of(word(turn.get("role"))), "content": _spoken(turn.get("content"), attachments)[0] or ""}
        for turn in map(mapping, given)
    )


def _resolved(value: Json, attachments: Mapping[str, Json]) -> str:
    """A text, from among the sample's attachments where it lies there."""
    if isinstance(value, str) and value.startswith(_ATTACHMENT):
        value = attachments.get(value.removeprefix(_ATTACHMENT), value)
    return "" if value is None else text_of(value)


def _usage(row: Mapping[str, Json], output: Mapping[str, Json]) -> Usage:
    """Tokens of all models a sample asked, and the seconds of its last request."""
    used = [mapping(each) for each in mapping(row.get("model_usage")).values()] or [mapping(output.get("usage"))]
    return Usage(
        prompt_tokens=_total(used, "input_tokens"),
        completion_tokens=_total(used, "output_tokens"),
        latency_s=number(output.get("time")),
    )


def _total(used: Sequence[Mapping[str, Json]], key: str) -> int | None:
    counts = [whole_of(each.get(key), -1) for each in used]
    return whole_of(sum(counts), 0) if counts and min(counts) >= 0 else None
