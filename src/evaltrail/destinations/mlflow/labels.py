"""Tags, params and description of a run: strings that fit, under unique legal names, with what was cut said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from evaltrail.core.delivery import DeliveryOptions, Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.core.values import Scalar
from evaltrail.destinations.mlflow.naming import clean_text, legal_name, renamed, unique_names
from evaltrail.destinations.mlflow.run_plan import NOTE_TAG

PARAM_CHARACTERS = 6000
"""Longer param values are cut by MLflow without a word."""
TAG_CHARACTERS = 8000
"""Longer tag values are cut by MLflow without a word."""
EXPERIMENT_TAG_CHARACTERS = 20_000
"""Longer tag values of an experiment are refused by MLflow (3.17)."""

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

    Settings of a task bear its name when the bundle has several, or the options want it. A later value never replaces
    an earlier one. Secrets of the bundle are hidden wherever they stand, but in what the result is known by.
    """
    is_by_task = options.params_by_task or len(bundle.tasks) > 1
    sources: list[tuple[str, Mapping[str, Scalar]]] = [("", {"model": bundle.model or None})]
    sources += [(f"{task.name}." if is_by_task and task.name else "", _settings(task)) for task in tasks]
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
        InputError: one of the names is ours, MLflow's, or identifies the result, as it is or as MLflow takes it.
    """
    for name in names:
        if _is_reserved(name) or legal_name(name) in _IDENTITY:
            raise _reserved(name)


def _is_reserved(name: str) -> bool:
    """Whether a tag says how a run came to be; ``/mlflow.runName`` would be stored under MLflow's own name."""
    stored = legal_name(name)
    return stored.startswith(_OURS) or stored in _MLFLOWS


def _reserved(name: str) -> InputError:
    return InputError(
        f"tag {name!r} identifies the result and cannot be set",
        code="bad_tag",
        hint="give it another name: evaltrail.*, job_id, invocation_id and names that MLflow knows a run by are taken",
    )


def run_tags(ours: Mapping[str, str], bundle: ResultBundle, options: DeliveryOptions) -> Labels:
    """The tags of a run: the experiment's, the user's, the bundle's, then ours; of one name the later one stays.

    Raises:
        InputError: a tag of the user would replace one of ours or one that identifies the result.
    """
    for name, value in (*options.experiment_tags.items(), *options.tags.items()):
        if _is_reserved(name) or (name in _IDENTITY and bundle.tags.get(name, value) != value):
            raise _reserved(name)
    given = {**options.experiment_tags, **options.tags}
    hidden = {name: without(value, bundle.secrets) for name, value in given.items()}
    values = {**hidden, **bundle.tags, **{name: value for name, value in ours.items() if value}}
    if options.description:
        values[NOTE_TAG] = without(options.description, bundle.secrets)
    values.setdefault(NOTE_TAG, _description(bundle))
    cleaned = {clean_text(name): clean_text(str(value)) for name, value in values.items()}
    said = {**options.tags, **bundle.tags}
    skipped = [
        *_left_out(options.tags, said, "the result itself says {kept}, the value {value} is left out"),
        *_left_out(options.experiment_tags, said, "the run says {kept}, the value {value} is the experiment's alone"),
    ]
    return _fitting("tag", cleaned, TAG_CHARACTERS, skipped)


def experiment_tags(bundle: ResultBundle, options: DeliveryOptions) -> Labels:
    """The tags of the experiment as the options have them, its description among them."""
    given = dict(options.experiment_tags)
    if options.experiment_description:
        given[NOTE_TAG] = options.experiment_description
    cleaned = {clean_text(name): clean_text(without(value, bundle.secrets)) for name, value in given.items()}
    return _fitting("experiment tag", cleaned, EXPERIMENT_TAG_CHARACTERS, [])


def _left_out(given: Mapping[str, str], said: Mapping[str, str], why: str) -> Iterator[Skipped]:
    """What was given otherwise than it is said by one who knows better."""
    for name, value in given.items():
        kept = said.get(name, value)
        if kept != value:
            yield Skipped(what=f"tag {name}", why=why.format(kept=repr(kept[:80]), value=repr(value[:80])))


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
    tie = "by" if bundle.kind == "generation" else "of"
    lines = [f"{bundle.kind} {tie} {bundle.model}" if bundle.model else bundle.kind]
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
