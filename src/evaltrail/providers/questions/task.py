"""The provider `dataset`: a stored data set of questions as a task, in one of four modes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, slug
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.values import Scalar
from evaltrail.providers.data_task import JUDGE, check_params
from evaltrail.providers.datasets import Record
from evaltrail.providers.judge_columns import WantedColumns
from evaltrail.providers.native import NativeTask
from evaltrail.providers.questions.lineage import DATASET_TAG, VERSION_TAG, lineage_of
from evaltrail.providers.questions.mode import MODE, Mode, check_baseline, prompt_of, read_mode
from evaltrail.providers.questions.passages import PASSAGES_FILE
from evaltrail.providers.questions.retrieval import RELEVANT
from evaltrail.providers.questions.scorers import QUERY, UNANSWERABLE, scorers_of
from evaltrail.providers.questions.source import QUESTIONS_FILE, QuestionSource, passages_of
from evaltrail.providers.slices import SliceValues
from evaltrail.providers.tasks import TaskFile
from evaltrail.store.dataset_store import DatasetStore, DatasetVersion

PROVIDER = "dataset"
DISTRACTORS = "distractors"
"""The parameter that says how many other passages stand beside a question's own, at most."""
_USUAL_DISTRACTORS = 4
_MOST_DISTRACTORS = 1000
_KEPT = (QUERY, "type", "difficulty", "source", "page", "window")
_NUMBER = re.compile(r"[1-9]\d{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """What of which data set is asked, and how."""

    version: DatasetVersion
    mode: Mode
    distractors: int
    name: str
    pool_of: str
    """Whose passages the distractors of ``noisy_context`` are: ``documents`` or ``questions``."""


class QuestionsTask(NativeTask):
    """The questions of one version of a data set.

    Args:
        choice: which, and how they are asked.
        source: the questions.
        request: what was asked for.
        is_judged: whether a model is named that judges.

    Raises:
        InputError: the questions cannot be read.
    """

    def __init__(self, choice: _Choice, source: QuestionSource, request: EvaluationRequest, *, is_judged: bool) -> None:
        self._choice = choice
        self._values = SliceValues()
        super().__init__(
            _task_file(choice, source),
            request,
            None,
            metrics=scorers_of(choice.mode, is_judged=is_judged),
            provider=PROVIDER,
            source=source,
        )
        self.takes_contexts = choice.mode == "rag_endpoint"
        self._content = self.dataset.digest
        self.dataset = replace(self.dataset, digest=choice.version.digest)  # what lineage finds the data set by
        self.slices, self.skipped = self._values.slices(), self._values.left_out()
        self.tags = lineage_of(choice.version)

    @property
    def identity(self) -> str:
        """Digest of everything that decides what is asked and how it is scored, except the model."""
        return digest([super().identity, self._content])

    def config(self) -> Mapping[str, Scalar]:
        """The settings that become params, flat."""
        version = self._choice.version
        own: dict[str, Scalar] = {
            MODE: self._choice.mode,
            "dataset.id": version.dataset_id,
            "dataset.version": version.version,
        }
        if self._choice.mode == "noisy_context":
            own |= {DISTRACTORS: self._choice.distractors, f"{DISTRACTORS}.of": self._choice.pool_of}
        return {**super().config(), **own}

    def attributes(self, record: Record) -> Mapping[str, Scalar]:
        """What is kept of a question beside its text: type, difficulty, source, page, window."""
        fields = record.fields
        kept: dict[str, Scalar] = {name: fields[name] for name in _KEPT if fields[name] is not None}
        if self.takes_contexts and fields["type"] != UNANSWERABLE:
            kept[RELEVANT] = msgspec.json.encode(fields["relevant_chunks"]).decode()
        return kept

    def _remember(self, record: Record) -> None:
        super()._remember(record)
        self._values.see(record.fields)

    def _refuse_missing(self, wanted: WantedColumns) -> None:
        if self._choice.mode == "rag_endpoint":  # the passages come with the answers
            return
        wanted.refuse_missing(
            data=f"the data set {self._choice.version.name!r}",
            where=lambda _: self._source.source,
            hints={
                "reference": "fill the column response, and upload the data set anew",
                "contexts": "fill the column relevant_chunks, or ask with --mode closed_book",
            },
        )


def questions_task(
    name: str, request: EvaluationRequest, *, datasets_dir: Path | None, environ: Mapping[str, str]
) -> QuestionsTask:
    """The task of a data set.

    Args:
        name: its id or the beginning of one; ``ID@3`` is its third version, else the newest is meant.
        request: its ``params`` may say the mode, how many distractors, and the judge.
        datasets_dir: a mirror of public data sets, where these are not.
        environ: says where data sets lie, and whether a judge is named.

    Raises:
        InputError: there is no such data set, version or mode, or the questions cannot be read.
    """
    del datasets_dir
    where = f"{PROVIDER}:{name}"
    check_params(where, request.params, (MODE, DISTRACTORS, JUDGE))
    mode, distractors = read_mode(request.params), _distractors(request.params, where)
    store = _store(environ)
    version = _found(name, where, store)
    folder = store.folder_of(version)
    check_baseline(request.target.id, mode)
    told_in = _told_in(store, version) if mode == "noisy_context" else None
    pool = passages_of(folder, told_in=told_in) if mode == "noisy_context" else ()
    if mode == "noisy_context" and len(pool) < 2:
        raise InputError(
            "the data set has no passages that could stand beside a question's own",
            code="no_distractors",
            where=where,
            hint="ask with --mode oracle_context",
        )
    choice = _Choice(
        version=version,
        mode=mode,
        distractors=distractors,
        name=_task_name(version, request),
        pool_of="questions" if told_in is None else "documents",
    )
    source = QuestionSource(
        name=version.name or version.dataset_id,
        source=f"{PROVIDER}:{version.dataset_id}@{version.version}",
        files=(folder / QUESTIONS_FILE,),
        mode=mode,
        pool=pool,
        distractors=distractors,
        seed=request.seed or 0,
    )
    return QuestionsTask(
        choice, source, request, is_judged=bool(request.params.get(JUDGE) or environ.get("EVALTRAIL_JUDGE"))
    )


def dataset_names(environ: Mapping[str, str]) -> list[str]:
    """The ids of the data sets that are stored, newest first.

    Args:
        environ: says where they lie.
    """
    return [dataset.id for dataset in _store(environ).list()]


def _store(environ: Mapping[str, str]) -> DatasetStore:
    return DatasetStore(load_settings(environ, dotenv=None).question_sets_folder)


def _told_in(store: DatasetStore, version: DatasetVersion) -> Path | None:
    """The file with all passages of the documents: its own, else that of what it was edited from; None without any."""
    each = _original(store, version)
    while not (file := store.folder_of(each) / PASSAGES_FILE).is_file():
        if each.parent_version is None:
            return None
        each = store.version(each.dataset_id, each.parent_version)
    return file


def _original(store: DatasetStore, version: DatasetVersion) -> DatasetVersion:
    """The version that this one is a copy of, if it is here; else this one."""
    tags = lineage_of(version)
    dataset_id, number = tags.get(DATASET_TAG, ""), tags.get(VERSION_TAG, "")
    try:
        found = store.version(dataset_id, int(number)) if _NUMBER.fullmatch(number) else version
    except InputError:  # it was made elsewhere, or somebody removed it meanwhile
        return version
    return found if found.dataset_id == dataset_id else version


def _found(name: str, where: str, store: DatasetStore) -> DatasetVersion:
    dataset_id, at, number = name.partition("@")
    if at and not _NUMBER.fullmatch(number):
        hint = f"write {PROVIDER}:{dataset_id}@2, or leave out @ for the newest"
        raise InputError(f"{number!r:.40} is no version", code="bad_version", where=where, hint=hint)
    return store.version(dataset_id, int(number) if number else None)


def _distractors(params: Mapping[str, Scalar], where: str) -> int:
    given = params.get(DISTRACTORS, _USUAL_DISTRACTORS)
    count = int(given) if isinstance(given, str) and _NUMBER.fullmatch(given) else given  # as a flag has it
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_DISTRACTORS:
        hint = f"give a number from 1 to {_MOST_DISTRACTORS:,}"
        raise InputError(f"{DISTRACTORS} cannot be {count!r:.40}", code="bad_param", where=where, hint=hint)
    return count


def _task_name(version: DatasetVersion, request: EvaluationRequest) -> str:
    """What the data set's metrics stand below; several data sets of one evaluation are told apart by their ids."""
    name = slug(version.name or f"{PROVIDER}-{version.dataset_id[:8]}")
    others = sum(task.startswith((f"{PROVIDER}:", f"{PROVIDER}/")) for task in request.tasks)
    return f"{name}.{version.dataset_id[:8]}.v{version.version}" if others > 1 else name


def _task_file(choice: _Choice, source: QuestionSource) -> TaskFile:
    """The task as a task file would say it."""
    prompt = prompt_of(choice.mode)
    return TaskFile(
        file=source.files[0],
        name=choice.name,
        dataset=source.source,
        metrics=(),
        prompt=prompt,
        target="{{ [response] if response else [] }}",
        context="{{ contexts }}",
        group="{{ group }}",
        id="{{ id }}",
        digest=digest([PROVIDER, choice.version.digest, choice.mode, prompt, source.distractors, source.seed]),
    )
