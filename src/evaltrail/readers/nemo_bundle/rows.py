"""Rows of NeMo Evaluator's own engine as samples: ``results.jsonl``, one row a problem and repeat.

Source: the rows that the evaluation loop of NVIDIA-NeMo/Evaluator's engine keeps (2026). The seconds are those of the
one request; ``tokens`` counts question and answer together, so it stays an attribute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.core.values import Json
from evaltrail.readers.heads import mapping, word
from evaltrail.readers.leaves import number
from evaltrail.readers.rows import attribute_of, attributes_of, json_rows, score_of, text_of, texts_of, whole_of

_FAILED = "sample_error"
_DETAIL_CHARACTERS = 500
_SCORER = "scorer:"
_READ = frozenset(
    {
        "problem_idx",
        "repeat",
        "reward",
        "scorer_rewards",
        "prompt",
        "model_response",
        "extracted_answer",
        "expected_answer",
        "scoring_details",
        "metadata",
        "latency_ms",
    }
)


class NemoRows:
    """The samples of a bundle, read from ``results.jsonl`` again at each iteration."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __iter__(self) -> Iterator[Sample]:
        """The samples in the order of the file.

        Raises:
            InputError: the file cannot be read any more.
        """
        for position, row in enumerate(json_rows(self._file)):
            yield row if isinstance(row, Sample) else _sample(row, position)


def _sample(row: Mapping[str, Json], position: int) -> Sample:
    details = mapping(row.get("scoring_details"))
    response, extracted, latency_ms = (
        row.get("model_response"),
        row.get("extracted_answer"),
        number(row.get("latency_ms")),
    )
    index = whole_of(row.get("problem_idx"), position)
    failure = word(details.get("error_category")) or word(details.get("error"))
    output = None if response is None or (response == "" and failure) else text_of(response)
    attributes = {
        **attributes_of(mapping(row.get("metadata")), prefix="metadata."),
        **attributes_of(row, _READ),
    }
    if details:
        attributes["scoring_details"] = attribute_of(details)
    return Sample(
        id=word(row.get("problem_idx")) or str(index),
        index=index,
        repeat=whole_of(row.get("repeat"), 0),
        input=text_of(row["prompt"]) if row.get("prompt") is not None else "",
        reference=texts_of(row.get("expected_answer")),
        output=output,
        extracted=None if extracted is None else text_of(extracted),
        attributes=attributes,
        scores=_scores(row, details),
        usage=Usage(latency_s=None if latency_ms is None else latency_ms / 1000),
        error="" if output is not None else _FAILED if failure else "empty",
        detail=text_of(word(details.get("error")) or failure)[:_DETAIL_CHARACTERS],
    )


def _scores(row: Mapping[str, Json], details: Mapping[str, Json]) -> dict[str, Score]:
    """The reward, and what each further scorer gave."""
    given: dict[str, Json] = {"reward": row["reward"]} if "reward" in row else {}
    given |= mapping(row.get("scorer_rewards"))
    for key, told in details.items():
        if key.startswith(_SCORER) and key not in given:
            said = mapping(told)
            given[key] = said.get("reward", said.get("correct"))
    found = {text_of(key): score_of(value) for key, value in given.items()}
    return {key: score for key, score in found.items() if score is not None}
