"""Tags, params and description of a run: strings that fit, under unique legal names, with what was cut said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evaltrail.core.delivery import DeliveryOptions, Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.core.values import Scalar
from evaltrail.destinations.mlflow.naming import clean_text, renamed, unique_names

PARAM_CHARACTERS = 6000
"""Longer param values are cut by MLflow without a word."""
TAG_CHARACTERS = 8000
"""Longer tag values are cut by MLflow without a word."""

_OURS = "evaltrail."
_IDENTITY = frozenset({"invocation_id", "job_id"})
"""Tags by which a producer's result is found again."""
_MLFLOWS = frozenset(
    {
        "mlflow.loggedArtifacts",
        "mlflow.parentRunId",
        "mlflow.runName",
        "mlflow.source.name",
        "mlflow.source.type",
        "mlflow.user",
    }
)
_METRICS_IN_DESCRIPTION = 8
_HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Names to strings as MLflow stores them, what was cut, and the names that changed."""

    values: Mapping[str, str]
    skipped: tuple[Skipped, ...]
    renamed: Mapping[str, str]


def run_params(bundle: ResultBundle, tasks: Iterable[TaskResult], options: DeliveryOptions) -> Labels:
    """The params of a run: model, task settings, datasets, the bundle's own, then the user's.

    Settings of a task bear its name only when the bundle has several. A later value never replaces an earlier one.
    Secrets of the bundle are hidden wherever they stand, but in what the result is known by.
    """
    several = len(bundle.tasks) > 1
    sources: list[tuple[str, Mapping[str, Scalar]]] = [("", {"model": bundle.model or None})]
    sources += [(f"{task.name}." if several and task.name else "", _settings(task)) for task in tasks]
    sources += [("", bundle.params), ("", options.params)]
    values: dict[str, str] = {}
    skipped: list[Skipped] = []
    for prefix, params in sources:
        for name, value in params.items():
            if value is None:
                continue
            is_label = name == "model" or bundle.tags.get(name) == value
            text = clean_text(str(value) if is_label else without(str(value), bundle.secrets))
            kept = values.setdefault(clean_text(prefix + name), text)
            if kept != text:
                why = f"the evaluation itself says {kept[:80]!r}, the value {text[:80]!r} is left out"
                skipped.append(Skipped(what=f"param {clean_text(prefix + name)}", why=why))
    return _fitting("param", values, PARAM_CHARACTERS, skipped)


def check_tag_names(names: Iterable[str]) -> None:
    """Find out before there is a result which tags could never be set.

    Raises:
        InputError: one of the names is ours, MLflow's, or identifies the result.
    """
    for name in names:
        if name.startswith(_OURS) or name in _IDENTITY or name in _MLFLOWS:
            raise _reserved(name)


def _reserved(name: str) -> InputError:
    return InputError(
        f"tag {name!r} identifies the result and cannot be set", code="bad_tag", hint="give it another name"
    )


def run_tags(ours: Mapping[str, str], bundle: ResultBundle, options: DeliveryOptions) -> Labels:
    """The tags of a run: the bundle's, the user's, then ours.

    Raises:
        InputError: a tag of the user would replace one of ours or one that identifies the result.
    """
    skipped = []
    for name, value in options.tags.items():
        kept = bundle.tags.get(name, value)
        if name.startswith(_OURS) or (name in _IDENTITY and kept != value) or name in _MLFLOWS:
            raise _reserved(name)
        if kept != value:
            why = f"the result itself says {kept[:80]!r}, the value {value[:80]!r} is left out"
            skipped.append(Skipped(what=f"tag {name}", why=why))
    given = {name: without(value, bundle.secrets) for name, value in options.tags.items()}
    values = {**given, **bundle.tags, **{name: value for name, value in ours.items() if value}}
    if options.description:
        values["mlflow.note.content"] = without(options.description, bundle.secrets)
    values.setdefault("mlflow.note.content", _description(bundle))
    cleaned = {clean_text(name): clean_text(str(value)) for name, value in values.items()}
    return _fitting("tag", cleaned, TAG_CHARACTERS, skipped)


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with ``***`` where one of the secrets stood."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def _settings(task: TaskResult) -> dict[str, Scalar]:
    settings = dict(task.config)
    if task.dataset is not None:
        settings.setdefault("dataset.name", task.dataset.name)
        settings.setdefault("dataset.digest", task.dataset.digest)
    return settings


def _fitting(kind: str, values: Mapping[str, str], most: int, skipped: list[Skipped]) -> Labels:
    names = unique_names(values)
    cut = [
        Skipped(what=f"{kind} {name}", why=f"{len(value)} characters, cut to the {most} that MLflow keeps")
        for name, value in values.items()
        if len(value) > most
    ]
    stored = {names[name]: value[:most] for name, value in values.items()}
    return Labels(values=stored, skipped=(*skipped, *cut), renamed=renamed(names))


def _description(bundle: ResultBundle) -> str:
    """One line a task: its first metrics with interval and n, and its counts."""
    lines = [f"{bundle.kind} of {bundle.model}" if bundle.model else bundle.kind]
    for task in bundle.tasks:
        shown = ", ".join(
            f"{metric.name} {metric.value:.4g}{_interval(metric.ci_low, metric.ci_high)}"
            for metric in task.metrics[:_METRICS_IN_DESCRIPTION]
            if metric.value is not None
        )
        counts = f" ({task.counts.scored} of {task.counts.total} scored)" if task.counts.total else ""
        lines.append(f"- {task.name or bundle.origin.producer}: {shown or 'no metrics'}{counts}")
    return "\n".join(lines)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" [{low:.4g}, {high:.4g}]"
