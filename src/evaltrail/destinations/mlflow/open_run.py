"""Landing in a run that goes on: what it holds stays, and a later result stands apart from an earlier one."""

from __future__ import annotations

from dataclasses import replace

from evaltrail.core.delivery import DeliveryOptions, Skipped
from evaltrail.destinations.mlflow.run_plan import RunPlan

_OURS = "evaltrail."
_MLFLOWS = "mlflow."


def beside_others(plan: RunPlan, options: DeliveryOptions) -> RunPlan:
    """The plan for a run that goes on.

    Params that the run has already with another value are left out, and so are metrics that it has already; both are
    told. A result with a name of its own (a ``part``) has it before its params and behind our tags; its metrics' names
    are its task's to tell apart.

    Args:
        plan: for the run.
        options: which say what is there.
    """
    part = options.part
    before = f"{part}." if part else ""
    params = {before + name: value for name, value in plan.params.items()}
    others = {name: kept for name, kept in options.taken_params.items() if params.get(name, kept) != kept}
    told = [
        Skipped(what=f"param {name}", why=f"the run says {kept!r:.80}, not {params[name]!r:.80}")
        for name, kept in sorted(others.items())
    ]
    told += [
        Skipped(what=f"metric {point.name}", why="the run has a metric of this name already")
        for point in plan.metrics
        if point.name in options.taken_metrics
    ]
    return replace(
        plan,
        stays_open=True,
        key_tag=f"{plan.key_tag}.{part}" if part else plan.key_tag,
        params={name: value for name, value in params.items() if name not in others},
        metrics=tuple(point for point in plan.metrics if point.name not in options.taken_metrics),
        tags=_tags(plan, part),
        skipped=(*plan.skipped, *told),
    )


def in_part(plan: RunPlan, part: str) -> RunPlan:
    """The plan with its files in a folder of the part's name; without a part as it is."""
    if not part:
        return plan
    return replace(plan, artifacts=tuple(replace(item, path=f"{part}/{item.path}") for item in plan.artifacts))


def _tags(plan: RunPlan, part: str) -> dict[str, str]:
    if not part:
        return dict(plan.tags)
    return {
        f"{name}.{part}" if name.startswith(_OURS) else name: value
        for name, value in plan.tags.items()
        if not name.startswith(_MLFLOWS)
    }
