"""What the documents of a harness's task cost, in the rows that it writes."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from evaltrail.providers.lm_eval.answers import Kept
from evaltrail.providers.lm_eval.costs import KEY, Cost, Costs


@dataclass
class Request:
    """As much of a request of the harness as counts here."""

    doc_id: int
    task_name: str = "t"


def test_a_document_says_what_all_its_requests_cost_once():
    """Two filters make two rows of a document: the first has the cost."""
    costs = Costs()
    costs.note(Request(0), Cost(attempts=2, prompt_tokens=10, completion_tokens=3, latency_s=0.5))
    costs.note(Request(0), Cost(attempts=1, prompt_tokens=5, completion_tokens=0, latency_s=0.25))
    costs.note(Request(1, "other"), Cost(attempts=9))
    rows = [{"doc_id": 0}, {"doc_id": 1}, {"doc_id": 0}]
    costs.mark("t", rows)
    assert rows[0][KEY] == {"attempts": 3, "prompt_tokens": 15, "completion_tokens": 3, "latency_s": 0.25}
    assert [KEY in row for row in rows] == [True, False, False]


def test_tokens_that_one_request_does_not_tell_are_not_guessed():
    """The seconds are those of the last request that has any."""
    costs = Costs()
    costs.note(Request(0), Cost(attempts=1, prompt_tokens=10, latency_s=0.5))
    costs.note(Request(0), Cost(attempts=4))
    rows = [{"doc_id": 0}]
    costs.mark("t", rows)
    assert rows[0][KEY] == {"attempts": 5, "latency_s": 0.5}


def test_a_cost_outlives_a_cut_short_run_and_older_journals_have_none():
    """It lies with its answer; an answer without one cost nothing that is known."""
    kept = Kept(key="k", text="x", cost=Cost(attempts=2, latency_s=0.5))
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Kept) == kept
    assert msgspec.json.decode(b'{"key":"k","text":"x"}', type=Kept).cost == Cost()
