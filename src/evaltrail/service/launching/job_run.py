"""One job from its folder to its end: stages written, task run, result delivered, outcome put down.

The same for every executor: ``run.sh`` and ``run.sub`` call it. A job that is told to end says so; one that is killed
lets go of its lock, from which everybody can see it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from evaltrail.bundle.folders import add_owner, hold_lock
from evaltrail.config.composition.env_values import resolve_values
from evaltrail.config.logs import RunLog
from evaltrail.config.settings import Settings, with_variables
from evaltrail.core.errors import EvaltrailError, InputError, InterruptError
from evaltrail.core.job import JobSpec
from evaltrail.core.progress import Progress
from evaltrail.core.result import ResultBundle
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.record import error_object, result_parts
from evaltrail.store.execution_lines import append_jobs, job_data
from evaltrail.store.executions import database_file, read_executions
from evaltrail.store.job_files import OUTCOME, PROGRESS, JobDelivery, JobOutcome, read_spec, write_outcome
from evaltrail.store.job_folders import RUNNING, is_called_off
from evaltrail.store.stages import clear_stages, mark_interrupted, unmark_interrupted, write_stage

TIMED_OUT = 124
"""The exit code of a job that took longer than it may; as ``timeout`` has it."""
_TERMINATED = 143
"""The exit code of a job that was told to end; as the launcher has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How the task of a job ended."""

    code: int
    errors: tuple[EvaltrailError, ...] = ()
    bundle: ResultBundle | None = None
    """Of a native task."""


def run_job(folder: Path, settings: Settings, watch: Watch) -> JobOutcome:
    """What the job of a folder came to.

    Args:
        folder: holds ``job.json``.
        settings: of this process; the job's own variables are laid over them.
        watch: who is told what.

    Raises:
        InputError: the folder is none of a job of ours.
        BusyError: the job is running in another process.
        StorageError: the disk refuses.
    """
    spec = read_spec(folder)
    _register(spec, folder, settings)
    with hold_lock(folder / RUNNING, f"job {spec.id} is running in process {{pid}}") as lock:
        return _Run(spec, folder, settings, watch, lock).to_end()


def _register(spec: JobSpec, folder: Path, settings: Settings) -> None:
    """Make sure that the execution database knows a job of Slurm's: its launcher may have died after submitting it."""
    slurm_id = settings.environ.get("SLURM_JOB_ID", "") if spec.executor == "slurm" else ""
    file = database_file(settings.environ)
    if slurm_id and not any(job.id == spec.id and job.slurm_id for job in read_executions(file).jobs):
        append_jobs(file, [(spec, job_data(folder, slurm_id))])


class _Run:
    """One job on its way."""

    def __init__(self, spec: JobSpec, folder: Path, settings: Settings, watch: Watch, lock: int) -> None:
        own = resolve_values(spec.env_vars, settings.environ)
        self._spec = spec
        self._folder = folder
        self._launcher_settings = settings
        self._settings = with_variables(settings, own.values)
        key = self._settings.environ.get(spec.api_key_env, "") if spec.api_key_env else ""
        self._secrets = own.secrets | ({key} if key else set())
        self._missing = own.missing
        self._watch = watch
        self._lock = lock
        self._log = RunLog(folder / "logs" / "client_stdout.log", self._secrets)

    def to_end(self) -> JobOutcome:
        """Run the task, deliver what is due, put everything down."""
        clear_stages(self._folder)
        (self._folder / OUTCOME).unlink(missing_ok=True)
        write_stage(self._folder, "pre-start")
        write_stage(self._folder, "running")
        self._log.write(f"job {self._spec.id}: {self._spec.task}")
        ended = self._attempt()
        for error in ended.errors:
            self._log.write(f"error: {error}")
        outcome = _outcome(ended)
        write_outcome(self._folder, outcome)  # before the end, so that whoever sees the end finds it
        write_stage(self._folder, "exit", ended.code)
        return outcome if ended.code == _TERMINATED else self._delivered(outcome)

    def _attempt(self) -> _Ended:
        try:
            self._check_start()
            if self._spec.provider == "nemo":
                return self._harness()
            with _within(self._spec.walltime_s):
                return self._native()
        except TimeoutError:
            limit = f"{self._spec.walltime_s:g} s"
            error = EvaltrailError(
                f"the job took longer than its walltime of {limit}",
                code="timed_out",
                where=self._spec.task,
                hint=f"raise execution.walltime; `evaltrail resume {self._spec.id}` goes on",
            )
            return _Ended(code=TIMED_OUT, errors=(error,))
        except KeyboardInterrupt:
            mark_interrupted(self._folder, "SIGTERM")
            hint = f"`evaltrail resume {self._spec.id}` goes on"
            return _Ended(code=_TERMINATED, errors=(InterruptError(f"job {self._spec.id} was told to end", hint=hint),))
        except EvaltrailError as error:
            return _Ended(code=1, errors=(error,))

    def _check_start(self) -> None:
        """Stop before anything is asked where the job was called off, or would lack what its launch insisted on."""
        if is_called_off(self._folder, self._spec.id):
            raise KeyboardInterrupt
        if self._missing:
            raise InputError(
                f"the variables {', '.join(self._missing)} are not set",
                code="missing_variable",
                where=self._spec.task,
                hint=f"export them, then `evaltrail resume {self._spec.id}`",
            )

    def _native(self) -> _Ended:
        from evaltrail.service.evaluation.evaluate import shortcomings  # noqa: PLC0415  a harness job needs nothing of this
        from evaltrail.service.launching.native_job import failed_task, run_native  # noqa: PLC0415  the same

        watch = Watch(progress=self._progress, notice=self._log.write)
        bundle = run_native(self._spec, self._folder, self._settings, watch, self._log)
        failure = failed_task(bundle)
        errors = shortcomings(bundle, self._spec.allow_unscored)
        return _Ended(code=1 if failure else 0, errors=tuple(errors), bundle=bundle)

    def _harness(self) -> _Ended:
        from evaltrail.providers.nemo.run import run_harness  # noqa: PLC0415  a native job needs nothing of this

        ended = run_harness(
            self._spec,
            self._folder,
            environ=self._settings.environ,
            secrets=self._secrets,
            pass_fds=[self._lock],
            on_start=lambda pid: add_owner(self._lock, pid),
        )
        if ended.is_timed_out:
            unmark_interrupted(self._folder)  # it was told to end, but by us, because it had failed
            raise TimeoutError
        if ended.code == 0:
            return _Ended(code=0)
        error = EvaltrailError(
            f"the harness ended with exit code {ended.code}",
            code="task_failed",
            where=self._spec.task,
            hint=f"`evaltrail logs {self._spec.id}` shows its log",
        )
        return _Ended(code=ended.code, errors=(error,))

    def _progress(self, progress: Progress) -> None:
        self._watch.progress(progress)
        with suppress(OSError):  # only for those who look on
            (self._folder / PROGRESS).write_text(str(progress.done))

    def _delivered(self, outcome: JobOutcome) -> JobOutcome:
        """The outcome, with what is due now delivered."""
        from evaltrail.service.launching.auto_export import auto_export  # noqa: PLC0415  needed once the work is done

        try:
            delivery = auto_export(self._spec, self._folder, self._launcher_settings)
        except KeyboardInterrupt:
            hint = f"`evaltrail resume {self._spec.id}` delivers it"
            error = InterruptError(f"job {self._spec.id}: interrupted while results were delivered", hint=hint)
            delivery = JobDelivery(jobs=(), exit_code=error.exit_code, errors=(error_object(error),))
            write_outcome(self._folder, replace(outcome, delivery=delivery))
        for told in delivery.errors if delivery else ():
            self._log.write(f"not delivered: {told['message']} ({told['hint']})")
        return replace(outcome, delivery=delivery)


def _outcome(ended: _Ended) -> JobOutcome:
    codes = (1 if isinstance(error, InputError) else error.exit_code for error in ended.errors)
    parts = result_parts(ended.bundle) if ended.bundle else {}
    return JobOutcome(
        task_code=max(codes, default=1 if ended.code else 0),
        task_errors=tuple(map(error_object, ended.errors)),
        metrics=parts.get("metrics", {}),
        counts=parts.get("counts", {}),
    )


@contextmanager
def _within(seconds: float | None) -> Iterator[None]:
    """Raise TimeoutError in the block when it takes longer; the main thread's clock."""
    if seconds is None:
        yield
        return
    is_over = False

    def ring(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_over
        is_over = True
        signal.raise_signal(signal.SIGINT)  # the event loop ends itself for this one

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except KeyboardInterrupt:
        if is_over:
            raise TimeoutError from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
