"""One job whose task a NeMo harness offers: nemo-evaluator as a child, its log, and the documents that it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from evaltrail.core.errors import StorageError
from evaltrail.core.job import JobSpec
from evaltrail.providers.nemo.command import child_environ, command_line, write_request
from evaltrail.providers.nemo.harnesses import evaluator_type, find_harnesses, find_task, search_paths
from evaltrail.providers.process import Ended, run_process

LOG_FILE = "client_stdout.log"


def run_harness(
    spec: JobSpec,
    folder: Path,
    *,
    environ: Mapping[str, str],
    secrets: Iterable[str] = (),
    pass_fds: Sequence[int] = (),
    on_start: Callable[[int], None] = lambda _: None,
) -> Ended:
    """How the evaluation ended; what it printed is in ``logs/client_stdout.log``, its results in ``artifacts``.

    One that is told to end leaves ``artifacts/.nemo_evaluator_interrupted``, and its code may be 0 all the same.

    Args:
        spec: the job; its ``place`` is ``harness.task``, its ``walltime_s`` ends it.
        folder: the job's own.
        environ: all variables that the harness is to see.
        secrets: values that the log must not hold.
        pass_fds: descriptors that the child inherits.
        on_start: told the child's pid.

    Raises:
        InputError: nemo-evaluator or the harness is not installed, or a setting is not one it can be given.
        StorageError: the folder cannot be written.
        KeyboardInterrupt: it came while the evaluation ran, which has ended.
    """
    paths = search_paths(environ)
    harnesses = find_harnesses(paths)
    task = find_task(spec.place, harnesses)
    artifacts, log = folder.absolute() / "artifacts", folder.absolute() / "logs" / LOG_FILE
    request = write_request(spec, task, artifacts, evaluator_type=evaluator_type(task, harnesses))
    command = command_line(request, paths)
    problems = [f"{harness.file}: {harness.problem}\n" for harness in harnesses if harness.problem]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as lines:  # nemo-evaluator reads every harness, and trips over these
            lines.writelines(problems)
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror or error}", where=str(log)) from error
    return run_process(
        command,
        cwd=folder,
        environ=child_environ(environ),
        log=log,
        timeout_s=spec.walltime_s,
        pass_fds=pass_fds,
        on_start=on_start,
        secrets=secrets,
    )
