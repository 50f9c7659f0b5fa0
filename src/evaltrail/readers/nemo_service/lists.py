"""Parsers for the microservice's results that are lists: BigBench, Multilingual and Bigcode by element, MtBench by row.

Source: results as the Evaluator microservice hands them out (seed 000).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json
from evaltrail.readers.heads import word
from evaltrail.readers.leaves import number, why_no_number
from evaltrail.readers.nemo_service.drafts import MISSING, Draft, TaskDraft, whole_step
from evaltrail.readers.rows import text_of
from evaltrail.readers.tables import read_csv

_TITLES = frozenset({"average", "avg", "count", "mean", "n", "rating", "score", "scores", "value"})
"""What the second cell of a header row says, wherever the row stands."""


def parse_scores(value: Json, draft: Draft) -> None:
    """BigBench and Multilingual: a task an element, each score at the step of its number of shots."""
    for place, element in enumerate(_elements(value)):
        if not isinstance(element, Mapping):
            draft.rest(element, str(place))
            continue
        named = word(element.get("task_name"))
        task = draft.task(named or f"task_{place}")
        scores = element.get("scores")
        if isinstance(scores, list):
            for position, score in enumerate(scores):
                _parse_score(score, task, (str(place), "scores", str(position)))
        for key, inner in element.items():
            if (key == "task_name" and named) or (key == "scores" and isinstance(inner, list)):
                continue
            task.measure(key, inner, str(place), key)


def _parse_score(score: Json, task: TaskDraft, path: tuple[str, ...]) -> None:
    if not isinstance(score, Mapping):
        task.measure("score", score, *path)
        return
    metric, shots = word(score.get("metric")), score.get("num_shots")
    name, step = metric or "score", whole_step(shots)
    read: set[str] = {"metric"} if metric else set()
    if "score" in score:
        value = score["score"]
        is_told = step is not None and not (isinstance(value, Mapping | list | bool) or _is_word(value))
        where = f"score at num_shots {shots}" if step and is_told else "score"
        task.measure(name, value, *path, where, step=step or 0, stderr=score.get("stderr"))
        read |= {"score", "stderr"}
        if shots is None or is_told:  # else it is no number that a step could bear, nor a note that names it
            read.add("num_shots")
    for key, inner in score.items():
        if key not in read:
            task.measure(f"{name}_{key}", inner, *path, key, step=step or 0)


def _is_word(value: Json) -> bool:
    """Whether it is a text that stands for itself, not for a number or a missing one."""
    return isinstance(value, str) and number(value) is None and value.strip().casefold() not in MISSING


def parse_bigcode(value: Json, draft: Draft) -> None:
    """Bigcode: a task a key of each element; what the element's ``config`` says becomes settings."""
    elements = _elements(value)
    for place, element in enumerate(elements):
        if not isinstance(element, Mapping):
            draft.rest(element, str(place))
            continue
        config = element.get("config")
        tasks = []
        for key, scores in element.items():
            if isinstance(scores, Mapping) and key != "config":
                tasks.append(_parse_bigcode_task(key, scores, draft, (str(place), key)))
            elif key != "config" or not isinstance(scores, Mapping):
                draft.rest(scores, str(place), key)
        if isinstance(config, Mapping):
            _keep_config(config, draft, tasks, where=str(place), is_only=len(elements) == 1)


def _parse_bigcode_task(key: str, scores: Mapping[str, Json], draft: Draft, path: tuple[str, ...]) -> TaskDraft:
    task = draft.new_task(key)
    for metric, score in scores.items():
        task.measure(metric, score, *path, metric)
    return task


def _keep_config(
    config: Mapping[str, Json], draft: Draft, tasks: Sequence[TaskDraft], *, where: str, is_only: bool
) -> None:
    draft.model = draft.model or word(config.get("model"))
    if is_only:
        draft.set_all(config)
    elif not tasks:
        draft.set(f"{where}.config", config)
    for task in () if is_only else tasks:
        task.settings.update(config)


def _elements(value: Json) -> Sequence[Json]:
    """The elements of a list; what is no list is the only one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def parse_mtbench(draft: Draft) -> None:
    """MtBench: the rows from the first with ``total`` on as metrics, the questions before it as samples.

    A third column that holds whole numbers says how many samples are behind a value. Header rows are passed over. A
    file without ``total`` has no questions: all its rows are metrics.

    Raises:
        InputError: the file cannot be read.
    """
    table = _Table(read_csv(draft.file))
    task = draft.task(draft.evaluation)
    for place, row, titles in table.rows(table.begin, len(table.cells)):
        _parse_row(row, titles, task, f"row {place + 1}")
    if any(True for _ in table.rows(0, table.begin)):
        task.samples = MtbenchQuestions(file=draft.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class MtbenchQuestions:
    """The question rows of an MtBench result with their scores; the file is read anew each time."""

    file: Path

    def __iter__(self) -> Iterator[Sample]:
        """One sample a row.

        Raises:
            InputError: the file cannot be read any more.
        """
        table = _Table(read_csv(self.file))
        for index, (_, row, titles) in enumerate(table.rows(0, table.begin)):
            yield _question(row, titles, index)


class _Table:
    """The rows of an MtBench result: headers, questions, and figures from the first ``total`` on."""

    def __init__(self, cells: Sequence[Sequence[str]]) -> None:
        self.cells = cells
        is_data = [not _is_text(row) for row in cells]
        totals = [place for place, row in enumerate(cells) if any("total" in cell.casefold() for cell in row)]
        self.begin = next((place for place in totals if is_data[place]), 0)
        self._headers = {
            place
            for place, row in enumerate(cells)
            if not is_data[place] and (place in {0, self.begin - 1} or row[1].strip().casefold() in _TITLES)
        }

    def rows(self, begin: int, end: int) -> Iterator[tuple[int, Sequence[str], Sequence[str]]]:
        """Place, cells and column titles of the rows from a place to another, without the headers."""
        titles: Sequence[str] = ()
        for place, row in enumerate(self.cells[:end]):
            if place in self._headers:
                titles = row
            elif place >= begin:
                yield place, row, titles


def _question(row: Sequence[str], titles: Sequence[str], index: int) -> Sample:
    found = number(row[1]) if len(row) > 1 else None
    score = Score(value=found) if found is not None else Score(reason="no_score")
    others = [place for place in range(1, len(row)) if row[place].strip() and (place > 1 or found is None)]
    return Sample(
        id=text_of(row[0].strip()) or str(index),
        index=index,
        scores={text_of(_title(titles, 1)): score},
        attributes={
            text_of(_title(titles, place)): text_of(row[place]) if number(row[place]) is None else number(row[place])
            for place in others
        },
    )


def _parse_row(row: Sequence[str], titles: Sequence[str], task: TaskDraft, where: str) -> None:
    if len(row) == 1 and number(row[0]) is not None:
        task.measure("value", row[0], where)
        return
    name = row[0].strip() or where
    value, third = ((row[place].strip() if place < len(row) else "") for place in (1, 2))
    counted = number(third)
    is_count = counted is not None and counted >= 0 and counted.is_integer()
    is_figure = number(value) is not None or value.casefold() in MISSING
    if is_figure:
        task.measure(name, value, f"{where}, {name}", n=counted if is_count else None)
    else:
        task.draft.notes.skip(f"{task.draft.file.name}: {where}, {name}", why_no_number(value))
    for place, cell in enumerate(row[2:], 2):
        if cell.strip() and not (place == 2 and is_count and is_figure):
            task.measure(f"{name}_{_title(titles, place)}", cell.strip(), f"{where}, {_title(titles, place)}")


def _is_text(row: Sequence[str]) -> bool:
    """Whether a row has several cells, none after the first a number or what stands for a missing one."""
    cells = [cell.strip() for cell in row[1:]]
    return bool(cells) and all(number(cell) is None and cell.casefold() not in MISSING for cell in cells)


def _title(titles: Sequence[str], place: int) -> str:
    """The title of a column; ``score`` or its number where it has none."""
    found = titles[place].strip() if place < len(titles) else ""
    return found or ("score" if place == 1 else f"column_{place + 1}")
