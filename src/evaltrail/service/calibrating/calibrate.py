"""Calibrate: a judge scores rows that people labelled; how far they agree is told, and remembered with the judge."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import storage_error, write_whole
from evaltrail.bundle.write import check_out
from evaltrail.config.secrets import public_url
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, slug
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.core.sample import Sample
from evaltrail.providers.native import NativeTask
from evaltrail.providers.tasks import TaskFile
from evaltrail.scoring.judging.port import Judge
from evaltrail.scoring.judging.scale import Value
from evaltrail.service.calibrating.judge_file import read_judge
from evaltrail.service.calibrating.label_reader import LabelReader, label_reader
from evaltrail.service.calibrating.labels import LabelledRow, read_labels
from evaltrail.service.calibrating.measure import Judged, measure
from evaltrail.service.calibrating.outcome import Calibrated
from evaltrail.service.calibrating.report import calibration_object, calibration_report
from evaltrail.service.evaluation.evaluate import carry_out
from evaltrail.service.evaluation.judges import Grading
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.prepare import prepare
from evaltrail.service.evaluation.watch import UNWATCHED, Watch
from evaltrail.store.calibrations import Calibration, Calibrations

_JSON, _REPORT = "calibration.json", "calibration.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOrder:
    """What is to be measured against what."""

    labels: Path
    """Table with ``input``, ``output``, ``label``, perhaps ``reference`` and ``contexts``."""
    judge: Path
    """YAML file of the judge."""
    model: str = ""
    """Which model judges: a name at ``url``, ``openai:/NAME``, ``URL#name`` or a baseline; empty = as the file says."""
    url: str = ""
    """OpenAI-compatible base URL of the model; empty = OPENAI_BASE_URL."""
    api_key_env: str = ""
    limits: RequestLimits = field(default_factory=RequestLimits)
    votes: int | None = None
    unlabelled: Path | None = None
    """Further rows, which nobody labelled."""
    out: Path | None = None
    """Folder for ``calibration.json`` and ``calibration.md``."""
    allow_unscored: float = 0.0
    """Share of rows that the judge may leave unscored before it counts as an error, in [0, 1]."""


def calibrate(order: CalibrationOrder, settings: Settings, watch: Watch = UNWATCHED) -> Calibrated:
    """How a judge did on rows that people labelled.

    The rows are scored as an evaluation is: with its concurrency, its resuming, its log of verdicts.

    Raises:
        InputError: judge, model, table or a label cannot be used; nothing was asked.
        EndpointError: the judge's model refuses or is gone; what was judged is kept, the same order goes on.
        StorageError: the disk refuses.
        InterruptError: interrupted; the same order goes on.
    """
    judge = read_judge(order.judge, target=_target(order, settings), votes=order.votes)
    reader = label_reader(judge)
    rows = read_labels(order.labels, reader, unlabelled=order.unlabelled)
    if order.out is not None:
        _check_out(order.out)
    own = replace(settings, judge_api_key_env=order.api_key_env or settings.judge_api_key_env)
    with tempfile.TemporaryDirectory(prefix="evaltrail-") as folder:
        task = _task(rows, judge, Path(folder), order)
        evaluation = _evaluation(task, order)
        prepared = prepare(evaluation, own)
        ((grading,),) = prepared.gradings
        result = carry_out(prepared, own, watch)
    judged = _judged(rows, judge, result)
    reader = reader.fitted([row.judge for row in judged if row.judge is not None])
    judged = [replace(row, human=_read(row, reader)) for row in judged]
    measured = measure(judged, name_of=reader.name, is_number=reader.is_number, is_graded=reader.is_graded)
    done = Calibrated(
        judge=judge, target=grading.target, reader=reader, measured=measured, rows=tuple(judged), result=result
    )
    _remember(done, grading, settings, watch)
    if order.out is not None:
        _write(done, order.out)
    return done


def _target(order: CalibrationOrder, settings: Settings) -> str:
    """The judge's model in one word; empty where the file, or EVALTRAIL_JUDGE, names it.

    Raises:
        InputError: a URL without a model, or a model without a URL.
    """
    model = order.model
    if not model:
        if order.url:
            raise InputError("--url is given without --model", code="usage", hint="add --model NAME")
        return ""
    if model.startswith(("baseline:", "openai:/")) or "#" in model:
        return model
    url = order.url or settings.openai_base_url
    if not url:
        hint = "add --url http://host/v1, or set OPENAI_BASE_URL"
        raise InputError("no endpoint is given for the judge", code="missing_url", hint=hint)
    return f"{url}#{model}"


def _task(rows: Sequence[LabelledRow], judge: Judge, folder: Path, order: CalibrationOrder) -> NativeTask:
    """The rows as a task that brings its own outputs."""
    data = folder / f"{slug(order.labels.stem)}.jsonl"
    lines = (msgspec.json.encode({**row.record, "id": row.id}, enc_hook=str) for row in rows)
    try:
        data.write_bytes(b"\n".join(lines))
    except OSError as error:
        raise storage_error(error, data) from error
    task = TaskFile(
        file=folder / "calibration.yaml",
        name=slug(f"calibration-{judge.name}"),
        dataset=data.name,
        metrics=(),
        prompt="{{ input }}",
        output="{{ output }}",
        target="{{ reference }}",
        context="{{ contexts }}",
        id="{{ id }}",
        digest=digest(["calibration", judge.source]),
    )
    request = EvaluationRequest(tasks=(), target=ModelTarget(id="", is_asked=False))
    return NativeTask(task, request, None, metrics=(judge,))


def _evaluation(task: NativeTask, order: CalibrationOrder) -> Order:
    command = ["evaltrail", "judge", "calibrate", str(order.labels), "--judge", str(order.judge)]
    if order.model:
        url, sign, name = order.model.rpartition("#")
        command += ["--model", f"{public_url(url)}{sign}{name}" if sign else order.model]
    command += ["--url", public_url(order.url)] if order.url else []
    return Order(
        request=EvaluationRequest(
            tasks=(task.name,),
            target=ModelTarget(id=f"labels of {order.labels.name}", is_asked=False),
            limits=order.limits,
        ),
        delivery=None,
        allow_unscored=order.allow_unscored,
        tasks=(task,),
        command=tuple(command),
    )


def _judged(rows: Sequence[LabelledRow], judge: Judge, result: Result) -> list[Judged]:
    (samples,) = result.samples.values()
    found: dict[str, Sample] = {sample.id: sample for sample in samples}
    judged = []
    for row in rows:
        score = found[row.id].scores[judge.name]
        judged.append(
            Judged(id=row.id, human=row.label, judge=score.value, reason=score.reason, raw=score.raw or score.rationale)
        )
    return judged


def _read(row: Judged, reader: LabelReader) -> Value | None:
    """A row's label, which may have been taken as a word until the judge told what it says.

    Raises:
        InputError: it is nothing that the judge could say.
    """
    if not isinstance(row.human, str):
        return row.human
    try:
        return reader.read(row.human)
    except InputError as error:
        error.where = row.id
        raise


def _remember(done: Calibrated, grading: Grading, settings: Settings, watch: Watch) -> None:
    measured = done.measured
    if not measured.n:
        return
    known = Calibrations(settings.home)
    earlier = known.find(grading.judge.source, grading.target.id)
    if earlier is not None:
        watch.notice(f"replaces what was measured {earlier.measured_at:%Y-%m-%d %H:%M} UTC: {earlier.told()}")
    watch.notice(f"results of this judge will say what it came to; it is kept in {settings.home / 'calibrations'}")
    known.keep(
        Calibration(
            source=grading.judge.source,
            model=grading.target.id,
            kappa=measured.kappa.value,
            kappa_low=measured.kappa.low,
            kappa_high=measured.kappa.high,
            weighted_kappa=None if measured.weighted is None else measured.weighted.value,
            n=measured.n,
            measured_at=datetime.now(UTC),
            evaluation_id=done.result.evaluation_id,
        )
    )


def _check_out(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier calibration.

    Raises:
        InputError: it does, or it cannot be written.
    """
    if not folder.is_dir() or not all((folder / name).is_file() for name in (_JSON, _REPORT)):
        check_out(folder)


def _write(done: Calibrated, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    write_whole(folder / _JSON, msgspec.json.format(msgspec.json.encode(calibration_object(done)), indent=1))
    write_whole(folder / _REPORT, calibration_report(done).encode("utf-8", "replace"))
