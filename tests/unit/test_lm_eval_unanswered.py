"""Documents that were asked in vain stay out of every mean, and their rows say why."""

from __future__ import annotations

from dataclasses import dataclass, field

from evaltrail.providers.lm_eval.unanswered import Missing, Unanswered, mark_rows


@dataclass(eq=False)
class Request:
    """As much of a request of the harness as counts here."""

    filtered_resps: dict[str, object] = field(default_factory=lambda: {"none": "answer"})


class Task:
    """A task that scores what it is given."""

    def __init__(self, count: int) -> None:
        self.instances = [Request() for _ in range(count)]
        self.is_filtered = False

    def apply_filters(self):
        self.is_filtered = True
        return ["filtered"]

    def process_results(self, document, results):
        return {"acc": float(results == ["answer"])}


def row(doc_id, *answers, metrics=("acc",)):
    return {"doc_id": doc_id, "filtered_resps": list(answers), "resps": [["x"]], "metrics": list(metrics), "acc": 1.0}


def guarded(count, *failed):
    task, unanswered = Task(count), Unanswered()
    unanswered.guard(task)
    for number in failed:
        unanswered.note([task.instances[number]], "http_500", "upstream said no")
    assert task.apply_filters() == ["filtered"]
    assert task.is_filtered
    return task


def test_only_answered_documents_are_scored():
    """The task's own scoring sees the others as ever."""
    task = guarded(3, 1)
    results = [[request.filtered_resps["none"]] for request in task.instances]
    assert [task.process_results({}, each) for each in results] == [{"acc": 1.0}, {}, {"acc": 1.0}]


def test_one_missing_part_of_a_document_is_enough():
    """A choice without its likelihood cannot be weighed against the others."""
    task = guarded(2, 0)
    assert task.process_results({}, [request.filtered_resps["none"] for request in task.instances]) == {}


def test_rows_say_why_and_documents_are_counted_once():
    """Two filters make two rows of one document; scores are null, not wrong."""
    missing = Missing("http_500", "no")
    rows = [row(0, "a"), row(1, missing, metrics=()), row(1, missing, metrics=())]
    assert mark_rows(rows, ["unused"]) == {"http_500": 1}
    assert rows[0] == row(0, "a")
    assert rows[1] == {
        "doc_id": 1,
        "filtered_resps": [],
        "resps": [],
        "metrics": ["acc"],
        "acc": None,
        "unanswered": "http_500",
        "unanswered_detail": "no",
    }


def test_without_any_answer_the_task_names_its_metrics():
    """Not one document was scored: the rows still say what they would have been scored by."""
    rows = [row(0, Missing("empty", ""), metrics=())]
    assert mark_rows(rows, ["f1"]) == {"empty": 1}
    assert (rows[0]["metrics"], rows[0]["f1"]) == (["f1"], None)
