"""What somebody changed in a data set: questions matched by id, else by what they say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaltrail.bundle.folders import write_whole
from evaltrail.core.question import Question
from evaltrail.generation.sheets.columns import COLUMNS, texts_of
from evaltrail.generation.sheets.csv_sheet import write_csv
from evaltrail.generation.sheets.files import QuestionSheet
from evaltrail.generation.sheets.rows import place_of

_COLUMNS = ("change", "id", "field", "before", "after")
_GATED = ("query", "response", "relevant_chunks", "evidence", "type")
"""What the gates look at: where one of these was edited, their scores are of another question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A question that says something else now."""

    before: Question
    after: Question
    fields: tuple[str, ...]
    """Columns that differ, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What makes one version of a data set another one."""

    added: tuple[Question, ...] = ()
    removed: tuple[Question, ...] = ()
    changed: tuple[Change, ...] = ()
    unchanged: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether both versions hold the same questions."""
        return not (self.added or self.removed or self.changed)


def carry_over(before: Sequence[Question], sheet: QuestionSheet) -> tuple[Question, ...]:
    """The questions of an edited file, with what it has no columns for as the version before has it.

    A row whose id is not of that version is the question with the same query that has no row, and gets its id; in a
    file without ids the same answer from the same chunks tells it too. Scores of gates are measured, not edited: a
    question that says the same keeps those of the version before, one that says something else has none.

    Args:
        before: the version that was edited.
        sheet: the file as it came back.
    """
    olds = {question.id: question for question in before}
    partners = _partners(olds, sheet)
    return tuple(
        _carried(olds[partners[question.id]], question, sheet.columns) if question.id in partners else question
        for question in sheet.questions
    )


def find_edits(before: Sequence[Question], after: Sequence[Question]) -> Edits:
    """What was added, removed and changed between two versions; questions are matched by id, their order is nothing.

    Args:
        before: no id stands twice in it.
        after: the same.
    """
    olds, news = ({question.id: question for question in each} for each in (before, after))
    both = [(olds[question.id], question) for question in after if question.id in olds]
    changes = [Change(before=old, after=new, fields=_differing(old, new)) for old, new in both if old != new]
    changed = tuple(change for change in changes if change.fields)
    return Edits(
        added=tuple(question for question in after if question.id not in olds),
        removed=tuple(question for question in before if question.id not in news),
        changed=changed,
        unchanged=len(both) - len(changed),
    )


def write_difference(file: Path, edits: Edits) -> None:
    """Put edits into a CSV file: a row for each column of a question that was added, removed or changed.

    Raises:
        StorageError: the disk refuses.
    """
    write_whole(file, write_csv(_COLUMNS, _difference(edits)))


def _difference(edits: Edits) -> Iterator[Mapping[str, str]]:
    nothing: Mapping[str, str] = {}
    for change in edits.changed:
        yield from _lines("changed", change.after.id, texts_of(change.before), texts_of(change.after))
    for question in edits.added:
        yield from _lines("added", question.id, nothing, texts_of(question))
    for question in edits.removed:
        yield from _lines("removed", question.id, texts_of(question), nothing)


def _lines(change: str, name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    for field in dict.fromkeys((*before, *after)):
        old, new = before.get(field, ""), after.get(field, "")
        if old != new and field != "id":
            yield {"change": change, "id": name, "field": field, "before": old, "after": new}


def _differing(before: Question, after: Question) -> tuple[str, ...]:
    olds, news = texts_of(before), texts_of(after)
    return tuple(field for field in dict.fromkeys((*olds, *news)) if olds.get(field) != news.get(field))


def _partners(olds: Mapping[str, Question], sheet: QuestionSheet) -> Mapping[str, str]:
    """Id of each question of a file to the id of the one that it was before."""
    partners = {question.id: question.id for question in sheet.questions if question.id in olds}
    for key in (_same_query,) if "id" in sheet.columns else (_same_query, _same_answer):
        matched = set(partners.values())
        old_ids = _ids_by(key, (question for question in olds.values() if question.id not in matched))
        new_ids = _ids_by(key, (question for question in sheet.questions if question.id not in partners))
        for said, news in new_ids.items():
            if len(news) == len(old_ids.get(said, ())):  # else nobody can tell which was which
                partners |= zip(news, old_ids[said], strict=True)
    return partners


def _ids_by(key: Callable[[Question], Hashable], questions: Iterable[Question]) -> Mapping[Hashable, list[str]]:
    found: dict[Hashable, list[str]] = {}
    for question in questions:
        if said := key(question):
            found.setdefault(said, []).append(question.id)
    return found


def _same_query(question: Question) -> Hashable:
    return question.query.strip()


def _same_answer(question: Question) -> Hashable:
    """The answer and where it is from, if both are said."""
    is_said = question.response.strip() and question.relevant_chunks
    return (question.response.strip(), question.relevant_chunks) if is_said else None


def _carried(old: Question, new: Question, columns: Collection[str]) -> Question:
    """The question as edited, with what the file could not say of it."""
    evidence = new.evidence if "evidence" in columns else old.evidence
    chunks = new.relevant_chunks if "relevant_chunks" in columns else old.relevant_chunks
    has_offsets = "evidence_start" in columns and "evidence_end" in columns
    offsets = new if has_offsets else old
    place = place_of(evidence, chunks, offsets.evidence_start, offsets.evidence_end)
    untold = {column: getattr(old, column) for column in COLUMNS if column not in columns}
    if chunks != old.relevant_chunks and "chunk_ids" in untold:
        untold["chunk_ids"] = ()
    placed = {"evidence_start": place[0] if place else None, "evidence_end": place[1] if place else None}
    edited = replace(new, **{**untold, **placed, "id": old.id, "gates": {}})
    is_same = all(getattr(edited, column) == getattr(old, column) for column in _GATED)
    return replace(edited, gates=old.gates) if is_same else edited
