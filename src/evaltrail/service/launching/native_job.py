"""A native task as a job: asked where it was cut short, its bundle put beside the launcher's documents."""

from __future__ import annotations

import shutil
from pathlib import Path

from evaltrail.bundle.journal import forget_failed
from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.config.logs import RunLog
from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.job import JobSpec
from evaltrail.core.result import ResultBundle
from evaltrail.service.evaluation.asking import Asking
from evaltrail.service.evaluation.prepare import prepare
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.launching.job_documents import write_documents
from evaltrail.service.launching.native_order import BUNDLE, native_order
from evaltrail.store.work import claim_work


def run_native(spec: JobSpec, folder: Path, settings: Settings, watch: Watch, log: RunLog) -> ResultBundle:
    """The result of a native job, whose folder holds bundle and documents now; goes on where it was cut short.

    Args:
        spec: what to do.
        folder: the job's; its journals lie in ``work``.
        settings: with the job's variables.
        watch: who is told what.
        log: of the job.

    Raises:
        InputError: the task, its data or a setting is wrong; nothing was asked.
        EndpointError: the endpoint refuses or is gone; answers are kept.
        StorageError: the disk refuses.
    """
    place = folder / BUNDLE
    if _is_open(folder):
        prepared = prepare(native_order(spec), settings)
        with claim_work(folder, prepared.resume_key, prepared.total) as work:
            if work.is_resumed:
                watch.notice("going on where it was cut short")
            if (place / MANIFEST).is_file():  # all was asked, and some requests failed: those are asked again
                forget_failed(work.journal(0))
                (place / MANIFEST).unlink()
            Asking(prepared, settings, watch, work, log).into(place)
            for other in (folder / "work").iterdir():
                if other != work.folder:  # of data that is another by now
                    shutil.rmtree(other, ignore_errors=True)
            if not read_bundle(place).tasks[0].counts.failed:
                work.remove()
    bundle = read_bundle(place)
    write_documents(spec, folder / "artifacts", bundle)
    return bundle


def _is_open(folder: Path) -> bool:
    """Whether a job has something to ask: it has no bundle yet, or kept its journal for requests that failed."""
    is_kept = any((folder / "work").glob("*/*.jsonl"))
    return is_kept or not (folder / BUNDLE / MANIFEST).is_file()


def failed_task(bundle: ResultBundle) -> EvaltrailError | None:
    """Why the task of a job failed as a whole; None when it did not."""
    task = bundle.tasks[0]
    return EvaltrailError(task.error, code="task_failed", where=task.name) if task.status == "failed" else None
