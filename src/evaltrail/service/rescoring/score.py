"""`evaltrail.score`: stored answers scored anew, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions, RunLayout
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.request import RequestLimits
from evaltrail.core.trace_choice import read_trace_choice
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.active import join_session
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.catalog import make_metrics
from evaltrail.service.evaluation.options import VerbOptions
from evaltrail.service.evaluation.order import Result
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.rescoring.rescore import RescoreOrder, rescore
from evaltrail.service.rescoring.specs import read_specs


class ScoreOptions(VerbOptions, total=False):
    """What may be said about re-scoring besides answers and metrics; see VerbOptions too."""

    layout: RunLayout
    """``per_bundle`` (one run) or ``nested`` (one more a task below it)."""


def score(
    source: str | Path, metrics: str | Sequence[str | Mapping[str, Json] | Scorer], **options: Unpack[ScoreOptions]
) -> Result:
    """The result of scoring stored answers by other metrics, landed in MLflow as a run of its own.

    Not one request goes to the model that gave the answers; judges ask only their own.

    Args:
        source: evaluation id or its beginning, or a file or folder of any format that can be ingested with samples.
        metrics: names, ``{name: {option: value}}``, or metrics and judges that were made already.
        options: see ScoreOptions and VerbOptions; ``limits`` are the judges'.

    Raises:
        InputError: there is no such result, it has no samples, or a metric or option cannot be used.
        EndpointError: a judge's endpoint refuses or is gone; the same call goes on.
        StorageError: the disk refuses.
    """
    for name in options:
        if name not in ScoreOptions.__annotations__:
            hint = nearest(name, ScoreOptions.__annotations__)
            raise InputError(f"score() has no option {name!r}", code="unknown_option", hint=hint)
    out = options.get("out")
    delivery = DeliveryOptions(
        tracking_uri=options.get("tracking_uri", ""),
        experiment=options.get("experiment", ""),
        run_name=options.get("run_name", ""),
        description=options.get("description", ""),
        tags=options.get("tags", {}),
        layout=options.get("layout", ""),
        traces=read_trace_choice(options["traces"]) if "traces" in options else None,
    )
    scorers = _scorers([metrics] if isinstance(metrics, str) else metrics)
    order = RescoreOrder(
        source=str(source),
        metrics=scorers,
        judge=options.get("judge", ""),
        limits=options.get("limits", RequestLimits()),
        delivery=join_session(delivery) if options.get("deliver", True) else None,
        out=None if out is None else Path(out),
        fresh=options.get("fresh", False),
        allow_unscored=options.get("allow_unscored", 0.0),
        command=("evaltrail", "score", str(source), "--metrics", *(metric.name for metric in scorers)),
    )
    progress = options.get("progress")
    return rescore(order, load_settings(), Watch(progress=progress) if progress else Watch())


def _scorers(metrics: Sequence[str | Mapping[str, Json] | Scorer]) -> tuple[Scorer, ...]:
    """Each metric as it was given, or made from its name."""
    made: list[Scorer] = []
    for place, metric in enumerate(metrics):
        if isinstance(metric, str):
            made += read_specs([metric])
        elif isinstance(metric, Mapping):
            made += make_metrics([metric], where=f"metrics[{place}]")
        else:
            made.append(metric)
    names = [metric.name for metric in made]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"metric {name!r} is named twice", code="duplicate_metric", hint="remove one of them")
    return tuple(made)
