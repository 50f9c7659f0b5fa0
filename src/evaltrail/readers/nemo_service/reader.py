"""Reader `nemo_service`: results downloaded from the NeMo Evaluator Microservice, one result a file.

Source: seed 000. A run is called ``<evaluation>_<file name>``, as its integration script called it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaltrail.config.redaction import without_secrets
from evaltrail.core.artifact import Artifact
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.result import Origin, ResultBundle
from evaltrail.core.source import HEAD_BYTES, Evidence, Source
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.heads import artifact_of, content_id, head_text, modified_at
from evaltrail.readers.nemo_service.companions import read_companions
from evaltrail.readers.nemo_service.drafts import Draft
from evaltrail.readers.nemo_service.formats import (
    PER_QUERY,
    parse_beir,
    parse_custom,
    parse_lm_harness,
    parse_similarity,
)
from evaltrail.readers.nemo_service.garak import is_garak, parse_any_depth, parse_garak
from evaltrail.readers.nemo_service.json_head import beginning
from evaltrail.readers.nemo_service.lists import parse_bigcode, parse_mtbench, parse_scores
from evaltrail.readers.nemo_service.names import UNKNOWN, Words, group_folder, words_about
from evaltrail.readers.nemo_service.shapes import Verdict, judge, shape_of
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import read_json, unreadable

_PRODUCER = "nemo-evaluator-microservice"
_GARAK, _MTBENCH = "garak", "mtbench"
_GARAK_ENDINGS = (".report.jsonl", ".hitlog.jsonl")
_OTHERS_NAMES = re.compile(r"bundle\.json|eval_factory_metrics\.json|eval-.*\.json")
_OTHERS_ENDINGS = (".jsonl", ".yaml", ".yml")
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_MEDIA_TYPES = {".csv": "text/csv", ".jsonl": "application/x-ndjson"}


class NemoServiceReader:
    """Reads a downloaded results file of any of the microservice's evaluations."""

    def sniff(self, source: Source) -> Evidence | None:
        """Why a file is a result of the microservice: by its content, its name, and the folders above it."""
        verdict = None if source.is_folder else _verdict(source)
        if verdict is None or not verdict.confidence:
            return None
        group = group_folder(source.path)
        return Evidence(
            confidence=verdict.confidence,
            why=f"{verdict.evaluation}: {verdict.why}",
            group=str(group),
            group_name=group.name,
        )

    def read(self, source: Source) -> ResultBundle:
        """The result in one file, with the settings that lie beside its folder.

        Raises:
            InputError: it cannot be read, or holds no metrics.
        """
        return _Result(source).bundle()


def _verdict(source: Source) -> Verdict | None:
    """What the first bytes and the path say; None where it is certainly none of ours."""
    name, words = source.name.casefold(), words_about(source.path, source.evaluation)
    if _OTHERS_NAMES.fullmatch(name) or source.head.startswith(_ARCHIVES):
        return None
    if name.endswith(".csv"):
        return _verdict_of_csv(source.head, words)
    if is_garak(source.head):
        return Verdict(evaluation=_GARAK, confidence=0.95, why="lines of a report or hit log")
    if name.endswith(_GARAK_ENDINGS) and (name.startswith(_GARAK) or words.by_folder == _GARAK):
        return Verdict(evaluation=_GARAK, confidence=0.2, why="called like a report or hit log")
    if name.endswith(_OTHERS_ENDINGS):
        return None
    return _verdict_of_json(source, ".json" in name or "." not in name, words)


def _verdict_of_csv(head: bytes, words: Words) -> Verdict | None:
    if not words.first((_MTBENCH,)):
        return None
    has_total = "total" in head_text(head).casefold()
    return Verdict(evaluation=_MTBENCH, confidence=0.9 if has_total else 0.3, why="rows of names and values")


def _verdict_of_json(source: Source, is_json_name: bool, words: Words) -> Verdict | None:
    if not is_json_name and source.head.lstrip()[:1] not in {b"{", b"["}:
        return None
    try:
        return judge(beginning(source.head), source.name, words)
    except ValueError:
        if not is_json_name or not (words.by_name or words.has_results_name):
            return None
        evaluation = words.by_name or words.by_folder or UNKNOWN
        return Verdict(evaluation=evaluation, confidence=0.2, why="called like its results, but broken")


@dataclass(slots=True)
class _Result:
    """One file on its way to be a bundle."""

    source: Source
    notes: Notes = field(default_factory=Notes)
    secrets: set[str] = field(default_factory=set)

    def bundle(self) -> ResultBundle:
        """Everything in the file, and what the files beside its folder say."""
        file = self.source.path
        draft = self._parsed()
        params, tasks = draft.params(), draft.results()
        if not any(task.metrics or task.samples is not None for task in tasks):
            raise self._empty()
        beside = read_companions(file, self.source.root, self.notes)
        name = f"{draft.evaluation}_{file.name}"
        ended_at = draft.ended_at or draft.started_at or modified_at(file)
        has_settings = bool(params) or any(task.config for task in tasks)
        return ResultBundle(
            id=digest({"name": name, "content": content_id([file, *beside.files])}),
            name=name,
            origin=Origin(producer=_PRODUCER, folder=file.parent.name),
            model=draft.model or beside.model,
            tasks=tasks,
            params=_merged(beside.params, params),
            tags={"evaluation": draft.evaluation, "source_file": file.name},
            artifacts=tuple(_artifacts(file, beside.files, may_hold_secrets=has_settings)),
            status=draft.status,
            started_at=min(draft.started_at or ended_at, ended_at),
            ended_at=ended_at,
            skipped=self.notes.skipped,
            secrets=frozenset(self.secrets) | beside.secrets,
        )

    def _parsed(self) -> Draft:
        file, name = self.source.path, self.source.name.casefold()
        if name.endswith(".csv"):
            draft = self._draft(_MTBENCH)
            parse_mtbench(draft)
        elif name.endswith(_GARAK_ENDINGS) or is_garak(self.source.head or _first_bytes(file)):
            draft = self._draft(_GARAK)
            parse_garak(draft, self.secrets)
        else:
            draft = self._parsed_json(file)
        return draft

    def _parsed_json(self, file: Path) -> Draft:
        value = read_json(file, self.notes)
        verdict = judge(value, file.name, words_about(file, self.source.evaluation))
        if verdict.fitting:
            why = f"it may be that of {' or '.join(verdict.fitting)}; say which with --evaluation NAME"
            self.notes.skip(f"{file.name}: the name of the evaluation", why)
        draft = self._draft(verdict.evaluation)
        _parse(self._cleaned(value, verdict.evaluation), draft)
        return draft

    def _draft(self, evaluation: str) -> Draft:
        return Draft(evaluation=evaluation, file=self.source.path, notes=self.notes)

    def _cleaned(self, value: Json, evaluation: str) -> Json:
        """The document without secrets; the queries of a Beir result are too many to be looked at for some."""
        queries: dict[str, Json] = {}
        if evaluation == "beir" and isinstance(value, Mapping) and PER_QUERY in value:
            queries = {PER_QUERY: value[PER_QUERY]}
            value = {key: inner for key, inner in value.items() if key != PER_QUERY}
        cleaned, met = without_secrets(value)
        self.secrets |= met
        return {**cleaned, **queries} if isinstance(cleaned, Mapping) else cleaned

    def _empty(self) -> InputError:
        first = next((f": {skipped.what}: {skipped.why}" for skipped in self.notes.skipped), "")
        return InputError(
            f"it holds no metrics{first}",
            code="no_metrics",
            where=str(self.source.path),
            hint="nothing of it can land; the other files are read all the same",
        )


def _parse(value: Json, draft: Draft) -> None:
    in_objects, in_lists = _OF_OBJECTS.get(draft.evaluation), _OF_LISTS.get(draft.evaluation)
    if in_objects is not None and isinstance(value, Mapping):
        in_objects(value, draft)
    elif in_lists is not None:
        in_lists(value, draft)
    elif draft.evaluation == UNKNOWN and shape_of(value) == "scores":
        parse_scores(value, draft)
    else:
        parse_any_depth(value, draft)


def _first_bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as data:
            return data.read(HEAD_BYTES)
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from error


def _artifacts(file: Path, beside: tuple[Path, ...], *, may_hold_secrets: bool) -> Iterator[Artifact]:
    media_type = _MEDIA_TYPES.get(file.suffix.lower(), "application/json")
    yield artifact_of(file, "required", media_type, may_hold_secrets=may_hold_secrets)
    for companion in beside:
        yield artifact_of(companion, "extra", "application/yaml", may_hold_secrets=True)


def _merged(first: Mapping[str, Scalar], second: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Both; a name that stands in both with different values gets a number in the second."""
    merged = dict(first)
    for name, value in second.items():
        found, count = name, 2
        while found in merged and repr(merged[found]) != repr(value):
            found, count = f"{name}_{count}", count + 1
        merged[found] = value
    return merged


_OF_OBJECTS: Mapping[str, Callable[[Mapping[str, Json], Draft], None]] = {
    "beir": parse_beir,
    "custom_eval": parse_custom,
    "lm_harness": parse_lm_harness,
    "similarity_metrics": parse_similarity,
}
_OF_LISTS: Mapping[str, Callable[[Json, Draft], None]] = {
    "bigbench": parse_scores,
    "multilingual": parse_scores,
    "bigcode_latest": parse_bigcode,
}
