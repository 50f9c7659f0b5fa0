"""garak's attempts and hits as samples, a sample for each output.

Source: garak 0.9 to 0.15. An attempt stands twice in a report: with status 1 once it is asked, and with status 2 once
it is scored; texts were plain at first and are messages, or conversations of them, since 0.13.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.heads import word
from evaltrail.readers.leaves import leaves
from evaltrail.readers.notes import Notes
from evaltrail.readers.rows import attributes_of, score_of, text_of, whole_of
from evaltrail.readers.tables import read_jsonl

SCORED = 2
"""Status of an attempt that is done."""

_HIT_KEYS = frozenset({"probe", "detector", "score"})
_HIT_MARKS = frozenset({"attempt_id", "attempt_idx", "generations_per_prompt", "trigger", "triggers"})
_ATTEMPT_READ = frozenset({"entry_type", "uuid", "prompt", "outputs", "detector_results"})
_HIT_READ = frozenset({"prompt", "output", "score", "attempt_id", "attempt_idx"})
_BY_OUTPUT = ("conversations", "reverse_translation_outputs", "messages")
"""Fields of an attempt that hold one item an output."""
_HEAVY = ("notes", "probe_params", *_BY_OUTPUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class GarakAttempts:
    """The attempts of a report, a sample for each output, or the hits of a hit log; the file is read anew each time."""

    file: Path
    unfinished: frozenset[str] = frozenset()
    """Attempts that were never scored: they count as they were asked."""

    def __iter__(self) -> Iterator[Sample]:
        """One sample an output.

        Raises:
            InputError: the file cannot be read any more.
        """
        index = 0
        for _, row in read_jsonl(self.file, Notes()):
            if not isinstance(row, Mapping):
                continue
            kind = word(row.get("entry_type"))
            if kind == "attempt":
                if is_final(row, self.unfinished):
                    yield from _attempt_samples(row, index)
                    index += 1
            elif not kind and is_hit(row):
                yield _hit(row, index)
                index += 1


def is_final(row: Mapping[str, Json], unfinished: Collection[str]) -> bool:
    """Whether an attempt's line is the one that counts: it is scored, or no other line will say more of it."""
    name = word(row.get("uuid"))
    return row.get("status") == SCORED or not name or name in unfinished


def _attempt_samples(row: Mapping[str, Json], index: int) -> Iterator[Sample]:
    outputs = row.get("outputs")
    texts: Sequence[Json] = outputs if isinstance(outputs, list) else []
    found = row.get("detector_results")
    detectors: Mapping[str, Json] = found if isinstance(found, Mapping) else {}
    repeats = max([1, len(texts), *(len(scores) for scores in detectors.values() if isinstance(scores, list))])
    name = text_of(row.get("uuid") or f"attempt {index}")
    read = _ATTEMPT_READ - ({"outputs"} if not isinstance(outputs, list) else set())
    read -= {"detector_results"} if not isinstance(found, Mapping) else set()
    for repeat in range(repeats):
        scores = {text_of(detector): _score_at(values, repeat) for detector, values in detectors.items()}
        yield Sample(
            id=name,
            index=index,
            repeat=repeat,
            input=_prompt(row.get("prompt")),
            output=_said(texts[repeat]) if repeat < len(texts) else None,
            scores={detector: score for detector, score in scores.items() if score is not None},
            attributes=_attempt_attributes(row, read, repeat, repeats),
            group=name,
        )


def _attempt_attributes(row: Mapping[str, Json], read: Collection[str], repeat: int, repeats: int) -> dict[str, Scalar]:
    """The other fields: small ones with every output, those that hold an item an output divided, the rest once."""
    attributes = attributes_of(row, {*read, *_HEAVY})
    for key in _HEAVY:
        value = row.get(key)
        if key in _BY_OUTPUT and isinstance(value, list) and len(value) == repeats:
            attributes |= attributes_of({key: value[repeat]})
        elif repeat == 0 and value:
            attributes |= attributes_of({key: value})
    if _has_more(row.get("prompt")):
        attributes |= attributes_of({"prompt": row["prompt"]})
    outputs = row.get("outputs")
    if isinstance(outputs, list) and repeat < len(outputs) and _has_more(outputs[repeat]):
        attributes |= attributes_of({"outputs": outputs[repeat]})
    return attributes


def _hit(row: Mapping[str, Json], index: int) -> Sample:
    repeat = whole_of(row.get("attempt_idx"), -1)
    read = _HIT_READ if repeat >= 0 else _HIT_READ - {"attempt_idx"}
    more = {key: row[key] for key in ("prompt", "output") if _has_more(row.get(key))}
    name = text_of(row.get("attempt_id") or f"hit {index}")
    return Sample(
        id=name,
        index=index,
        repeat=max(repeat, 0),
        input=_prompt(row.get("prompt")),
        output=_said(row.get("output")),
        scores={text_of(row["detector"]): _score(row["score"])},
        attributes=attributes_of(row, read) | attributes_of(more),
        group=name,
    )


def is_hit(row: Mapping[str, Json]) -> bool:
    """Whether a row is a hit: an output that a detector raised an alarm about."""
    return row.keys() >= _HIT_KEYS and not _HIT_MARKS.isdisjoint(row)


def _prompt(value: Json) -> str | tuple[Mapping[str, str], ...]:
    """The prompt as text, or as chat turns where there are several or one that is not the user's."""
    turns = value.get("turns") if isinstance(value, Mapping) else None
    if not isinstance(turns, list):
        return _said(value) or ""
    messages = tuple(_turn(turn) for turn in turns)
    return messages[0]["content"] if len(messages) == 1 and messages[0]["role"] == "user" else messages


def _turn(turn: Json) -> Mapping[str, str]:
    if not isinstance(turn, Mapping):
        return {"role": "user", "content": text_of(turn)}
    return {"role": text_of(turn.get("role") or "user"), "content": _said(turn.get("content")) or ""}


def _said(value: Json) -> str | None:
    """The text of a message: a text, or an object with one; other things as JSON."""
    if value is None:
        return None
    text = value.get("text") if isinstance(value, Mapping) else value
    if text is None and isinstance(value, Mapping) and "text" in value:
        return None
    return text_of(text if isinstance(text, str) else value)


def _has_more(message: Json) -> bool:
    """Whether a message says more than its text, its language and who speaks."""
    if not isinstance(message, Mapping):
        return False
    said = {"text", "lang", "role", "content"}
    return any(
        leaf is not None and leaf != "" and not (isinstance(leaf, str) and path[-1] in said)
        for path, leaf in leaves(message)
    )


def _score_at(values: Json, repeat: int) -> Score | None:
    """The score of one output; what is no list counts for the first."""
    if isinstance(values, list):
        return _score(values[repeat]) if repeat < len(values) else None
    return _score(values) if repeat == 0 else None


def _score(value: Json) -> Score:
    return score_of(value) or Score(value=text_of(value))
