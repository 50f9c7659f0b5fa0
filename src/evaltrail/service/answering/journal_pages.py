"""Samples of one benchmark from its journals, from any of them on; a journal that lies before is not opened."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from evaltrail.bundle.journal import row_places
from evaltrail.core.decoding import decoder
from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample
from evaltrail.service.answering.sample_choice import MOST_LOOKED_AT, Found

_MOST_PLACES = MOST_LOOKED_AT + 1
"""Rows whose places are held at once, however long a journal is."""
_START = re.compile(r"\.(\d+)\.jsonl\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPart:
    """A journal of one range of a benchmark."""

    file: Path
    start: int
    """Position of the range's first record; no sample of it comes before, none after the next one's start."""


def journals_below(folder: Path, number: int) -> tuple[JournalPart, ...]:
    """The journals of a benchmark that are in a folder, in the order of the data set.

    Args:
        folder: of a job's work, or of a bundle's answers.
        number: which benchmark, from 0.
    """
    found = ((file, _START.search(file.name)) for file in folder.glob(f"{number}-*.jsonl"))
    parts = (JournalPart(file=file, start=int(match[1])) for file, match in found if match)
    return tuple(sorted(parts, key=lambda part: part.start))


def samples_from(parts: Sequence[JournalPart], place: tuple[int, int]) -> Iterator[Found]:
    """The samples from a place on, in the order of the data set; the first row of a sample counts.

    Args:
        parts: of one benchmark, in their order.
        place: position in the data set, and repeat.

    Raises:
        InputError: a journal cannot be read.
    """
    for number, part in enumerate(parts):
        is_before = number + 1 < len(parts) and parts[number + 1].start <= place[0]
        if not is_before:
            yield from _samples(part.file, place)


def _samples(file: Path, place: tuple[int, int]) -> Iterator[Found]:
    decode = decoder(Sample).decode
    try:
        with file.open("rb") as rows:
            while True:
                found = heapq.nsmallest(_MOST_PLACES, _places(file, place))
                for (index, repeat), offset in found:
                    if (index, repeat) >= place:  # else a second row of the sample before
                        rows.seek(offset)
                        place = index, repeat + 1
                        yield Found(sample=decode(rows.readline()), after=place)
                if len(found) < _MOST_PLACES:
                    return
    except FileNotFoundError:  # the job has ended meanwhile, and its bundle has it all
        return
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"the samples cannot be read: {error}", code="broken_bundle", where=file.name) from error


def _places(file: Path, place: tuple[int, int]) -> Iterator[tuple[tuple[int, int], int]]:
    """Where the rows are whose samples come from a place on."""
    for key, offset in row_places(file):
        if (key.index, key.repeat) >= place:
            yield (key.index, key.repeat), offset
