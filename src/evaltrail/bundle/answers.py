"""The answer store: the journals of earlier evaluations, looked up by request digest, so that nothing is paid twice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from evaltrail.bundle.journal import row_places
from evaltrail.core.answer import Answer
from evaltrail.core.decoding import decoded
from evaltrail.core.sample import Sample


class StoredAnswers:
    """Answers of earlier journals; only their places are held in memory.

    Args:
        journals: the files to look into; later ones win.
    """

    def __init__(self, journals: Iterable[Path]) -> None:
        self._places: dict[str, tuple[Path, int]] = {}
        for file in journals:
            for key, offset in row_places(file):
                if key.request and not key.error:
                    self._places[key.request] = (file, offset)

    def __len__(self) -> int:
        return len(self._places)

    def find(self, request: str) -> Answer | None:
        """The stored answer to a request; None where there is none."""
        place = self._places.get(request)
        if place is None:
            return None
        file, offset = place
        with file.open("rb") as rows:
            rows.seek(offset)
            sample = decoded(rows.readline(), Sample)
        return Answer(
            text=sample.output,
            reasoning=sample.reasoning,
            finish_reason=sample.finish_reason,
            prompt_tokens=sample.usage.prompt_tokens,
            completion_tokens=sample.usage.completion_tokens,
            attempts=0,
            choice_logprobs=sample.choice_logprobs,
            contexts=sample.contexts,
        )


def journals_below(home: Path) -> list[Path]:
    """Every journal of an EVALTRAIL_HOME, oldest first: finished evaluations and those cut short."""
    found = [*home.glob("runs/*/answers/*.jsonl"), *home.glob("work/*/*.jsonl"), *home.glob("work/jobs/*/*.jsonl")]
    return sorted(found, key=lambda file: file.stat().st_mtime)
