"""Requests of the harness that got no answer, and how their documents stay out of every mean.

The harness knows no missing answer: it would score an empty text as wrong. So each task is told, before it scores,
which of its requests have none; documents with such a request get no metrics, so that values, errors and group means
are made by the harness from the others alone, and their rows say why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

KEY = "unanswered"
"""Of a row: the reason. Of the results: task to reason to number of documents."""
DETAIL = "unanswered_detail"


class Missing:
    """Stands where a filtered answer would.

    Args:
        reason: a stable word.
        detail: what the endpoint said.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail


class Unanswered:
    """What was asked in vain."""

    def __init__(self) -> None:
        self._failures: dict[int, Missing] = {}
        self._held: list[object] = []
        self.last: Missing | None = None

    def note(self, requests: Sequence[object], reason: str, detail: str) -> None:
        """These requests, which are one document's, have no answer."""
        self.last = Missing(reason, detail)
        self._failures |= {id(request): self.last for request in requests}
        self._held.extend(requests)  # so that no other object gets the identity of one

    def guard(self, task: Any) -> None:
        """Let a task of the harness give no metrics to documents that were asked in vain."""
        task.apply_filters = self._filtering(task, task.apply_filters)
        task.process_results = _scoring(task.process_results)

    def _filtering(self, task: Any, apply: Callable[..., object]) -> Callable[..., object]:
        def apply_and_mark(*arguments: object, **options: object) -> object:
            found = apply(*arguments, **options)
            for request in task.instances:
                if id(request) in self._failures:
                    request.filtered_resps = dict.fromkeys(request.filtered_resps, self._failures[id(request)])
            return found

        return apply_and_mark


def mark_rows(rows: Sequence[MutableMapping[str, Any]], metrics: Sequence[str]) -> Mapping[str, int]:
    """Reason to number of a task's documents without an answer; their rows say so from now on, and score nothing.

    Args:
        rows: the samples of the task as the harness logs them.
        metrics: what the task would score, where none of its documents has an answer.
    """
    names = next((list(row["metrics"]) for row in rows if row["metrics"]), list(metrics))
    reasons: dict[object, str] = {}
    for row in rows:
        missing = next((each for each in row["filtered_resps"] if isinstance(each, Missing)), None)
        if missing is not None:
            reasons[row["doc_id"]] = missing.reason
            row.update(dict.fromkeys(names), metrics=names, resps=[], filtered_resps=[])
            row.update({KEY: missing.reason, DETAIL: missing.detail})
    return Counter(reasons.values())


def _scoring(process: Callable[..., Mapping[str, object]]) -> Callable[..., Mapping[str, object]]:
    def process_answered(
        document: object, results: Sequence[object], *rest: object, **options: object
    ) -> Mapping[str, object]:
        if any(isinstance(result, Missing) for result in results):
            return {}
        return process(document, results, *rest, **options)

    return process_answered
