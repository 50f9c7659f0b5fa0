"""Data tasks: one metric over a data set of the user's, which may bring the outputs that are scored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import InputError
from evaltrail.core.ids import did_you_mean, digest
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.values import Scalar
from evaltrail.providers.columns import Column, ColumnedSource, columns_of
from evaltrail.providers.datasets import SUFFIXES, Record, RecordSource, find_dataset
from evaltrail.providers.judge_columns import WantedColumns
from evaltrail.providers.native import Item, NativeTask
from evaltrail.providers.tasks import TaskFile
from evaltrail.scoring.apply import Scorer

DATASET_PATH = "dataset_path"
"""The parameter that names the data set."""
JUDGE = "judge"
"""The parameter that names the judging model; the service that opens judges reads it."""
_ALIKE = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class DataForm:
    """What the data sets of a provider hold, and what is asked where they bring no output."""

    provider: str
    columns: tuple[Column, ...]
    prompt: str
    """Template over the columns; it is shown as the input too where the data bring the output."""
    question: str
    """The column of the bare question."""
    output: str
    """The column that an output stands in."""
    target: str
    """The column of the references."""
    context: str
    """The column of the passages."""

    def column(self, name: str) -> Column:
        """The column of a name."""
        return next(column for column in self.columns if column.name == name)


class DataTask(NativeTask):
    """One metric over a data set.

    Args:
        name: of the task.
        form: what the data hold.
        source: the data, with the form's columns.
        request: what was asked for.
        metric: what scores.
        is_asked: whether the model is asked where a record brings no output; else the output is not looked at.
        facts: of the provider's, for the task's settings.

    Raises:
        InputError: the data cannot be read.
    """

    def __init__(
        self,
        name: str,
        form: DataForm,
        source: ColumnedSource,
        request: EvaluationRequest,
        metric: Scorer,
        *,
        is_asked: bool,
        facts: Mapping[str, Scalar],
    ) -> None:
        self._form = form
        self._is_asked = is_asked
        self._facts = facts
        super().__init__(
            _task_file(name, form, source), request, None, metrics=(metric,), provider=form.provider, source=source
        )

    def config(self) -> Mapping[str, Scalar]:
        """The settings that become params, flat."""
        return {**super().config(), **self._facts}

    def prompt(self, item: Item, repeat: int = 0) -> Prompt:
        """What the model is asked for one item.

        Raises:
            InputError: a template fails on this record.
        """
        question = item.record.fields[self._form.question]
        return replace(super().prompt(item, repeat), question=question if isinstance(question, str) else "")

    def _refuse_missing(self, wanted: WantedColumns) -> None:
        form = self._form
        roles = {"reference": form.target, "contexts": form.context}
        hints = {role: f"fill the column {' or '.join(form.column(name).names)}" for role, name in roles.items()}
        wanted.refuse_missing(data=self._source.source, where=lambda _: f"{form.provider}/{self.name}", hints=hints)

    def given(self, record: Record) -> Answer | None:
        """The answer that a record brings; None where the model is to be asked."""
        found = super().given(record)
        return Answer(text="", attempts=0) if found is None and not self._is_asked else found


def open_source(
    form: DataForm, name: str, request: EvaluationRequest, mirror: Path | None, *, needed: Sequence[str]
) -> tuple[ColumnedSource, bool]:
    """The data set that ``dataset_path`` names, and whether it has a column of outputs.

    Args:
        form: what it is to hold.
        name: of the task, for errors.
        request: its ``params`` name the data set.
        mirror: EVALTRAIL_DATASETS_DIR.
        needed: columns that the task cannot do without.

    Raises:
        InputError: no data set is named, it is not there or cannot be read, or a column is missing.
    """
    where = f"{form.provider}/{name}"
    path = request.params.get(DATASET_PATH)
    if not isinstance(path, str) or not path.strip():
        raise InputError(
            "no data set is named",
            code="missing_dataset",
            where=where,
            hint=f"add --param {DATASET_PATH}=FILE; {' '.join(SUFFIXES)} are read",
        )
    plain = find_dataset(path.strip(), Path(), mirror, f"{where}: {DATASET_PATH}")
    wanted = [form.column(each) for each in dict.fromkeys((*needed, form.output))]
    found, fields = columns_of(plain, wanted)
    _check_columns(form, where, plain, needed, found=found, fields=fields)
    source = ColumnedSource(
        name=plain.name, source=plain.source, files=plain.files, hub=plain.hub, columns=form.columns
    )
    return source, form.output in found


def check_params(where: str, params: Mapping[str, Scalar], known: Collection[str]) -> None:
    """Refuse a parameter whose name is nearly a known one, or its beginning; others are notes of the user's.

    Raises:
        InputError: there is one.
    """
    for name in params:
        begun = [each for each in known if each.startswith(f"{name}_") and each not in params]
        close = begun or get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if close and name not in known:
            message = f"the parameter {name!r} is not known"
            raise InputError(message, code="bad_param", where=where, hint=did_you_mean(close[:1]))


def check_asked(where: str, request: EvaluationRequest, form: DataForm) -> None:
    """Refuse data without outputs where there is nobody to ask for them.

    Raises:
        InputError: the target is not asked.
    """
    if not request.target.is_asked:
        raise InputError(
            f"the data bring no {form.output!r}, and no endpoint is given that could be asked",
            code="missing_url",
            where=where,
            hint=f"add --url http://host/v1, or a column {' or '.join(form.column(form.output).names)}",
        )


def _check_columns(
    form: DataForm,
    where: str,
    source: RecordSource,
    needed: Sequence[str],
    *,
    found: Collection[str],
    fields: Sequence[str],
) -> None:
    missing = [" or ".join(form.column(name).names) for name in needed if name not in found]
    if missing and fields:
        raise InputError(
            f"the data set has no column {', and none '.join(missing)}; it has {', '.join(fields)[:400]}",
            code="missing_column",
            where=f"{where}: {source.source}",
            hint="rename its columns, or name another data set",
        )


def _task_file(name: str, form: DataForm, source: RecordSource) -> TaskFile:
    """The task as a task file would say it."""
    target, context = f"{{{{ {form.target} }}}}", f"{{{{ {form.context} }}}}"
    # as a list, a blank output is none
    output = f"{{{{ [{form.output}] if {form.output} else [] }}}}"
    columns = [list(column.names) for column in form.columns]
    return TaskFile(
        file=source.files[0] if source.files else Path(source.source),
        name=name,
        dataset=source.source,
        metrics=(),
        prompt=form.prompt,
        target=target,
        context=context,
        output=output,
        id="{{ id }}",
        digest=digest([form.provider, name, form.prompt, target, context, output, columns]),
    )
