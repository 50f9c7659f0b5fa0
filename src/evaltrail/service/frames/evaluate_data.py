"""`evaltrail.evaluate`: data in hand, a model or its outputs, and metrics, from Python."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Unpack, cast

import yaml

from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ids import nearest
from evaltrail.core.metric import MetricValue
from evaltrail.core.request import EvaluationRequest, RequestLimits, Wording
from evaltrail.core.sample import Score
from evaltrail.core.values import Json, Scalar
from evaltrail.destinations.mlflow.active import land_in_session
from evaltrail.destinations.mlflow.naming import legal_name
from evaltrail.scoring.apply import Scorer
from evaltrail.service.evaluation.evaluate import carry_out
from evaltrail.service.evaluation.options import VerbOptions, check_options, chosen
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.prepare import prepare
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.frames.asked_model import AskedModel, read_model
from evaltrail.service.frames.evaluation_result import EvaluationResult
from evaltrail.service.frames.frame import Frame, read_frame
from evaltrail.service.frames.frame_task import FrameTask, check_name
from evaltrail.service.frames.instruments import listed, make_instruments
from evaltrail.service.frames.outcome import outcome_of
from evaltrail.service.frames.roles import Named, Roles, find_roles

_LOG = logging.getLogger("evaltrail")
_NAME = "evaluation"
_WORDING = Wording(url="url=", api_key_env="api_key_env=", resume="the same call")
_MODEL_TYPES = Path(__file__).with_name("model_types.yaml")
_CONFIG = ("col_mapping", "metric_prefix")


class EvaluateOptions(VerbOptions, total=False):
    """What may be said about an evaluation besides model, data and metrics; see VerbOptions too."""

    inputs: str
    """Column that the model is asked; default ``inputs``, another usual name, else all columns left."""
    contexts: str
    """Column of passages; default ``contexts`` or ``context``."""
    batch: bool | None
    """Whether a function takes all rows (True) or one (False); default: found out."""
    url: str
    """Endpoint of a model that is given by name; default OPENAI_BASE_URL."""
    api_key_env: str
    """Name of the variable that holds the endpoint's key."""
    headers: Mapping[str, str]
    """Extra request headers; their values are kept out of everything that is stored."""
    generation: Mapping[str, Json]
    """Settings of each request: temperature, max_tokens..."""
    seed: int
    """Sent with every request."""
    repeats: int
    """Times each row is asked of an endpoint."""
    concurrency: int
    """Rows and requests in flight at a time, judges' too; default 32."""
    name: str
    """Of the evaluation, as runs and tables show it."""
    prefix: str
    """Stands before the names of the metrics, with a ``/``; default nothing."""
    model_type: str
    """A kind of model that MLflow's ``evaluate`` knows, such as ``question-answering``: adds its metrics."""
    evaluator_config: Mapping[str, Any]
    """MLflow's: ``col_mapping`` (name to column) and ``metric_prefix``."""
    params: Mapping[str, Scalar]
    """Logged with the run."""
    reuse_answers: bool
    """Let stored answers of earlier evaluations, the judges' too, serve this one."""


def evaluate(
    model: Any = None,
    data: Any = None,
    *,
    targets: str | Sequence[Any] | None = None,
    predictions: str | None = None,
    metrics: Any = (),
    extra_metrics: Any = (),
    **options: Unpack[EvaluateOptions],
) -> EvaluationResult:
    """The metrics of a model's outputs over some data, landed in MLflow.

    Inside ``with mlflow.start_run():`` the active run gets them and stays open; else they get a run of their own. The
    same call after a cut-short one asks the judges only for what is missing.

    Args:
        model: a function of one row or of all (plain or async), ``openai:/NAME``, ``URL#NAME``, ``baseline:NAME``,
            ``models:/...`` or ``runs:/...`` (a logged MLflow model), an object with ``predict``; None = the data bring
            the outputs.
        data: dict of columns, list of dicts, DataFrame, path, or MLflow dataset.
        targets: column of accepted answers (a list in a cell = several), or the answers themselves.
        predictions: column of the outputs; with a model, the entry of its outputs that holds the text.
        metrics: names, ``{name: options}``, objects from ``evaltrail.metrics``, functions, MLflow's own metrics.
        extra_metrics: more of them.
        options: see EvaluateOptions and VerbOptions.

    Raises:
        InputError: model, data, a metric or an option cannot be used; no judge was asked.
        EndpointError: an endpoint refuses every request or is gone; answers are kept.
        StorageError: the disk refuses.
    """
    checked = _with_config(check_options(options, EvaluateOptions, "evaluate"))
    name = checked.get("name", _NAME)
    check_name(name)
    settings = load_settings()
    frame = _aliased(read_frame(data, mirror=settings.datasets_dir), checked.get("aliases", {}))
    named = Named(
        inputs=checked.get("inputs"),
        targets=targets,
        predictions=predictions if model is None else None,
        contexts=checked.get("contexts"),
    )
    frame, roles = find_roles(frame, named, has_model=model is not None)
    wanted = [*listed(metrics), *listed(extra_metrics), *_of_type(checked.get("model_type", ""))]
    asked = read_model(model, frame, roles, checked, settings, key=predictions or "")
    call = _Call(
        name=name,
        frame=frame,
        roles=roles,
        scorers=make_instruments(wanted, frame, roles),
        model=asked,
        options=checked,
    )
    return call.result(settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """An evaluation that was read."""

    name: str
    frame: Frame
    roles: Roles
    scorers: tuple[Scorer, ...]
    model: AskedModel
    options: Mapping[str, Any]

    def result(self, settings: Settings) -> EvaluationResult:
        """What it comes to: checked, asked, scored, delivered."""
        progress = self.options.get("progress")
        with tempfile.TemporaryDirectory(prefix="evaltrail-") as folder:
            order, task = self._order(Path(folder))
            prepared = prepare(order, settings)
            if self.model.function is not None:
                asked = self.roles.asked(self.frame)
                task.take(self.model.function.ask(asked, self._columns()))
            elif self.model.is_absent:
                task.take([outcome_of(value) for value in self.frame.columns[self.roles.outputs]])
            result = carry_out(prepared, settings, Watch(progress=progress) if progress else Watch())
        errors = (*result.errors, *self._scoreless(result))
        for error in errors:  # whoever only prints the metrics has to hear of it too
            _LOG.warning("%s", error)
        return EvaluationResult(result=replace(result, errors=errors), frame=self.frame, roles=self.roles)

    def _order(self, folder: Path) -> tuple[Order, FrameTask]:
        options = self.options
        request = self._request()
        delivery = None
        if options.get("deliver", True):
            given = DeliveryOptions(**chosen({**options, "params": {}}, DeliveryOptions))
            delivery = land_in_session(given, self.name)
            self._check_free(delivery)
        prefix = options.get("prefix", "")
        task = FrameTask(self.name, self.frame, self.roles, request, folder=folder, metrics=self.scorers, prefix=prefix)
        out = options.get("out")
        order = Order(
            request=request,
            delivery=delivery,
            out=None if out is None else Path(out),
            fresh=options.get("fresh", False),
            allow_unscored=options.get("allow_unscored", 0.0),
            wording=_WORDING,
            tasks=(task,),
        )
        return order, task

    def _request(self) -> EvaluationRequest:
        options = self.options
        limits = options.get("limits", RequestLimits())
        if "concurrency" in options:
            limits = replace(limits, concurrency=options["concurrency"])
        judge = {"judge": options["judge"]} if options.get("judge") else {}
        params = {**options.get("params", {}), **judge}
        plain = {name: options[name] for name in ("generation", "seed", "repeats", "reuse_answers") if name in options}
        return EvaluationRequest(tasks=(self.name,), target=self.model.target, limits=limits, params=params, **plain)

    def _check_free(self, delivery: DeliveryOptions) -> None:
        """Refuse metrics that the active run has already: MLflow would take the later for the only ones."""
        prefix = self.options.get("prefix", "")
        for scorer in self.scorers:
            name = legal_name(f"{prefix}/{scorer.name}" if prefix else scorer.name)
            if name in delivery.taken_metrics:
                raise InputError(
                    f"the active run has a metric {name!r} already",
                    code="metric_taken",
                    where="metrics",
                    hint="pass prefix=, which stands before the names of the metrics, or start another run",
                )

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        return {name: self.frame.columns[name] for name in self.roles.inputs}

    def _scoreless(self, result: Result) -> list[EvaltrailError]:
        """An error for each grade that no sample has."""
        if self.options.get("allow_unscored", 0.0) >= 1:
            return []
        values = (metric for task in result.bundle.tasks for metric in task.metrics)
        return [
            _nothing_scored(value, result)
            for value in values
            if value.value is None and value.is_grade and value.unscored
        ]


def _nothing_scored(value: MetricValue, result: Result) -> EvaltrailError:
    """What to say of a metric that has no score, with what the first sample says of it."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in value.unscored.items())
    samples = (sample for stream in result.samples.values() for sample in stream)
    first = next((sample for sample in samples if value.name in sample.scores), None)
    score = Score() if first is None else first.scores[value.name]
    told = score.rationale or score.raw or ("" if first is None else first.detail)
    return EvaltrailError(
        f"no sample could be scored: {reasons}" + (f", such as: {told:.200}" if told else ""),
        code="nothing_scored",
        where=value.name,
        hint="results.tables['eval_results_table'] shows every row",
    )


def _with_config(options: dict[str, Any]) -> dict[str, Any]:
    """The options with what MLflow's evaluator_config says under our names."""
    config = dict(options.pop("evaluator_config", {}))
    for key in config:
        if key not in _CONFIG:
            hint = nearest(key, _CONFIG) or f"known: {', '.join(_CONFIG)}"
            raise InputError(f"unknown key {key!r}", code="unknown_key", where="evaluator_config", hint=hint)
    mapping = config.get("col_mapping", {})
    if not isinstance(mapping, Mapping) or not all(isinstance(name, str) for name in mapping.values()):
        raise InputError("col_mapping maps names to columns", code="bad_option", where="evaluator_config")
    roles = {"inputs": "inputs", "input": "inputs", "context": "contexts", "contexts": "contexts"}
    told = {roles[name]: column for name, column in mapping.items() if name in roles}
    prefix = {"prefix": str(config["metric_prefix"]).rstrip("_/")} if config.get("metric_prefix") else {}
    return {**told, **prefix, **options, "aliases": {k: v for k, v in mapping.items() if k not in roles}}


def _aliased(frame: Frame, aliases: Mapping[str, str]) -> Frame:
    for name, column in aliases.items():
        if column not in frame.columns:
            hint = nearest(column, frame.columns)
            raise InputError(f"there is no column {column!r}", code="missing_column", where="col_mapping", hint=hint)
        frame = frame.with_column(name, frame.columns[column])
    return frame


def _of_type(model_type: str) -> list[str]:
    """The metrics of a model type.

    Raises:
        InputError: it is unknown.
    """
    if not model_type:
        return []
    known = _model_types()
    if model_type not in known:
        hint = nearest(model_type, known) or f"known: {', '.join(known)}; or name metrics"
        raise InputError(f"no metrics belong to {model_type!r}", code="bad_option", where="model_type", hint=hint)
    return list(known[model_type])


@cache
def _model_types() -> Mapping[str, Sequence[str]]:
    return cast("Mapping[str, Sequence[str]]", yaml.safe_load(_MODEL_TYPES.read_text(encoding="utf-8")))
