"""Launch: the jobs of a run configuration are put down and started; those on this machine are followed to the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.progress import ProgressSink
from evaltrail.models.presence import check_presence
from evaltrail.service.launching.following import Launched, follow_jobs
from evaltrail.service.launching.job_scaffold import child_environ, make_folders, write_down
from evaltrail.service.launching.launch_plan import LaunchPlan


def launch(
    plan: LaunchPlan,
    settings: Settings,
    *,
    progress: ProgressSink = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
    asks_endpoint: bool = True,
) -> Launched:
    """What became of the jobs of a plan: on this machine at their ends, through Slurm once they are submitted.

    Args:
        plan: what to start.
        settings: of this process.
        progress: told a few times a second how far each job is.
        notice: told, in one sentence, what a person watching wants to know.
        asks_endpoint: whether to find out first that somebody answers at the endpoints.

    Raises:
        InputError: nobody answers at an endpoint, the output folder cannot be written, Slurm refuses; nothing runs.
        StorageError: the disk refuses.
    """
    if asks_endpoint:
        for url in dict.fromkeys(spec.url for spec in plan.jobs if not spec.model.startswith("baseline:")):
            check_presence(url, settings.environ)
    jobs = make_folders(plan)
    folder = jobs[0][1].parent
    if plan.config.executor == "slurm":
        from evaltrail.executors.slurm import submit  # noqa: PLC0415  most jobs run here

        try:
            ids = submit([place for _, place in jobs], mode=plan.config.mode, environ=child_environ(settings))
        except EvaltrailError:
            shutil.rmtree(folder, ignore_errors=True)  # nothing of it runs, and nothing knows it
            raise
        write_down(jobs, settings.environ, ids)
        return Launched(invocation_id=plan.invocation_id, folder=folder, jobs=jobs, followed=None)
    write_down(jobs, settings.environ)
    count = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs, {plan.config.mode}"
    notice(f"invocation {plan.invocation_id}: {count}, in {folder}")
    followed = follow_jobs(jobs, settings, progress=progress)
    return Launched(invocation_id=plan.invocation_id, folder=folder, jobs=jobs, followed=followed)
