"""The report of an evaluation as Markdown: the table, the counts, how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from evaltrail.config.secrets import public_url
from evaltrail.core.metric import MetricValue
from evaltrail.core.request import EvaluationRequest, RequestLimits
from evaltrail.core.result import Counts, ResultBundle, TaskResult
from evaltrail.service.evaluation.judge_facts import judge_lines
from evaltrail.service.evaluation.judges import public_judge


def write_report(bundle: ResultBundle, request: EvaluationRequest, command: Sequence[str] = ()) -> str:
    """The report, ready to be read on its own.

    Args:
        bundle: the result.
        request: what was asked for.
        command: how to repeat it; empty = ``evaltrail run``, as the request says.
    """
    lines = [f"# {bundle.model}: {', '.join(task.name for task in bundle.tasks)}", ""]
    lines += [f"Evaluation `{bundle.id}`, {bundle.status}, started {bundle.started_at:%Y-%m-%d %H:%M:%S} UTC,"]
    lines += [f"took {(bundle.ended_at - bundle.started_at).total_seconds():.1f} s.", ""]
    lines += ["| task | metric | value | 95 % interval | n | unscored |", "|---|---|---|---|---|---|"]
    for task in bundle.tasks:
        lines += (_row(task, metric) for metric in task.metrics)
    for task in bundle.tasks:
        lines += _about(task)
    lines += ["", "## How to repeat it", "", "```sh", shlex.join(command or repeat_words(request)), "```", ""]
    return "\n".join(lines)


def repeat_words(request: EvaluationRequest) -> tuple[str, ...]:
    """The words of the command line that asks for the same again; header values are left out."""
    target, limits = request.target, request.limits
    words = ["evaltrail", "run", *request.tasks, "--model", target.id]
    flags: dict[str, str | float | None] = {
        "--url": public_url(target.url),
        "--api-key-env": target.api_key_env,
        "--limit": request.limit,
        "--samples": ",".join(request.sample_ids),
        "--seed": request.seed,
        "--repeats": request.repeats,
    }
    if not target.is_baseline:
        usual = RequestLimits()
        flags |= {
            "--concurrency": limits.concurrency,
            "--rpm": limits.rpm,
            "--tpm": limits.tpm,
            "--timeout": limits.timeout_s if limits.timeout_s != usual.timeout_s else None,
            "--max-retries": limits.max_retries if limits.max_retries != usual.max_retries else None,
        }
    for flag, value in flags.items():
        if value not in (None, ""):
            words += [flag, str(value)]
    for name in target.headers:
        words += ["--header", f"{name}=..."]
    for key, value in request.params.items():
        words += ["--judge", public_judge(str(value))] if key == "judge" else ["--param", f"{key}={value}"]
    return tuple(words)


def count_line(counts: Counts) -> str:
    """What became of the samples, in words: ``1,996 of 2,000 scored; unscored: 3 garbage, 1 timeout``."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.unscored.items())
    return f"{counts.scored:,} of {counts.total:,} scored" + (f"; unscored: {reasons}" if reasons else "")


def _row(task: TaskResult, metric: MetricValue) -> str:
    interval = "" if metric.ci_low is None else f"{metric.ci_low:.4g} .. {metric.ci_high:.4g}"
    value = "none" if metric.value is None else f"{metric.value:.4g}"
    unscored = ", ".join(f"{count} {reason}" for reason, count in metric.unscored.items()) or "0"
    return f"| {task.name} | {metric.name} | {value} | {interval} | {metric.n} | {unscored} |"


def _about(task: TaskResult) -> Iterator[str]:
    yield from ("", f"## {task.name}", "", f"- {count_line(task.counts)}")
    if task.dataset is not None:
        yield f"- data set {task.dataset.name} ({task.dataset.source}), digest `{task.dataset.digest}`"
    for metric in task.metrics:
        if metric.floor is not None:
            yield f"- {metric.name} would be {metric.floor:.4g} if every unscored sample were wrong"
    yield from (f"- {line}" for line in judge_lines(task.config))
    yield from (f"- {name}: {value:g}" for name, value in task.usage.items())
    if task.error:
        yield f"- **failed**: {task.error}"
