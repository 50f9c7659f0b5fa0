"""What became of an invocation, for people: metrics, jobs, where the results are, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaltrail.cli.show import print_error, print_json, print_text, receipt_line, table
from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError, InterruptError
from evaltrail.service.launching.following import Launched
from evaltrail.service.launching.launch_record import launch_object

_MOST_METRICS = 20
"""Of one job."""
_PARTS = ("_max", "_min", "_mean", "_sum", "_sum_squared", "_variance", "_stddev")
"""What a launcher's statistics are made of."""


def tell_launched(invocations: Sequence[Launched], settings: Settings, *, as_json: bool) -> int:
    """Tell it; the exit code.

    Args:
        invocations: what was launched, or went on.
        settings: of this process.
        as_json: as one object, of each or of all.
    """
    objects = [launch_object(launched, settings) for launched in invocations]
    if as_json:
        print_json(objects[0] if len(objects) == 1 else {"invocations": objects})
    for launched, found in zip(invocations, objects, strict=True):
        if not as_json:
            _show(launched, found, settings)
        for error in found["errors"]:
            print_error(EvaltrailError(error["message"], code=error["code"], hint=error["hint"], where=error["where"]))
        if launched.followed is not None and launched.followed.is_interrupted:
            hint = f"`evaltrail resume {launched.invocation_id[:8]}` goes on, and delivers"
            print_error(InterruptError("interrupted: what was done is kept", hint=hint))
    return max(int(found["exit_code"]) for found in objects)


def _show(launched: Launched, found: dict[str, Any], settings: Settings) -> None:
    if launched.followed is not None:
        _show_jobs(launched, found, settings)
        return
    first = launched.invocation_id[:8]
    print_text(f"invocation {launched.invocation_id}: {len(launched.jobs)} submitted, in {launched.folder}")
    print_text(f"  evaltrail status {first}     how far they are")
    print_text(f"  evaltrail logs -f {first}    what they print")


def _show_jobs(launched: Launched, found: dict[str, Any], settings: Settings) -> None:
    rows, left = [], 0
    for job in found["jobs"]:
        told = [(name, metric) for name, metric in job["metrics"].items() if _is_told(name)]
        left += len(job["metrics"]) - len(told[:_MOST_METRICS])
        rows += [[name, job["job_id"], _value(metric), _counted(metric)] for name, metric in told[:_MOST_METRICS]]
    if rows:
        print_text(table(["metric", "job", "value", "n"], rows, numbers=(3,)))
    if left:
        print_text(f"and {left} more: `evaltrail info {found['invocation_id'][:8]}`")
    print_text(f"\ninvocation {found['invocation_id']}, {found['state']}, in {found['out']}")
    for job in found["jobs"]:
        print_text(f"  {job['job_id']}: {job['state']}, {job['task']}")
        for line in job["judges"]:
            print_text(f"    {line}")
    for receipt in found["receipts"]:
        print_text(f"  {receipt_line(receipt)}")
    if not any(spec.destinations for spec, _ in launched.jobs):
        uri = "" if settings.tracking_uri else " -o export.mlflow.tracking_uri=URI"
        print_text(f"  `evaltrail export {found['invocation_id'][:8]} --dest mlflow{uri}` lands them in MLflow")


def _is_told(name: str) -> bool:
    """Whether a metric is a score, and not how long things took or what a statistic is made of."""
    return not name.startswith("runtime/") and not name.endswith(_PARTS)


def _value(metric: dict[str, Any]) -> str:
    """``0.900 [0.806, 0.991]``, or with its standard error where no interval is known."""
    value, stderr = metric["value"], metric["stderr"]
    if value is None:
        return "none"
    if metric["ci_low"] is not None:
        return f"{value:.3f} [{metric['ci_low']:.3f}, {metric['ci_high']:.3f}]"
    return f"{value:.3f}" + ("" if stderr is None else f" +- {stderr:.3f}")


def _counted(metric: dict[str, Any]) -> str:
    n, missing = metric.get("n"), metric.get("n_unscored")
    if n is None:
        return "-"
    return f"{n} of {n + missing}" if missing else str(n)
