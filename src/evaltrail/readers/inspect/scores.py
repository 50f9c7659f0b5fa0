"""Scores of an Inspect log: ``results`` as metrics and settings, ``stats`` as usage.

Source: ``EvalResults``, ``EvalScore``, ``EvalMetric`` and ``ModelUsage`` of Inspect's log format 2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from evaltrail.core.metric import MetricValue
from evaltrail.core.values import Json
from evaltrail.readers.heads import count_of, mapping, word
from evaltrail.readers.leaves import leaves, number, why_no_number
from evaltrail.readers.notes import Notes

_ERROR = "stderr"
_MEANS = ("accuracy", "mean")
"""Metrics that a ``stderr`` of the same scorer is the error of: the first one there."""
_COUNTS = frozenset({"total_samples", "completed_samples"})
_NO_MEASURES = frozenset({"name", "scorer", "reducer", "metrics", "params", "scored_samples", "unscored_samples"})
_OURS = {"tokens_in": "input_tokens", "tokens_out": "output_tokens"}


def metrics_of(results: Mapping[str, Json], notes: Notes) -> Iterator[MetricValue]:
    """Every number of the results but settings and counts of samples; what should be one and is none is noted.

    A scorer's metrics stand below its name, and below its reducer's where several have that name.
    """
    scores = _scores(results)
    for place, (group, score) in enumerate(zip(_groups(scores), scores, strict=True)):
        yield from _score(score, group, notes, where=f"results.scores.{place}")
    yield from _others(_without(results, _COUNTS), ())


def settings_of(results: Mapping[str, Json]) -> Mapping[str, Json]:
    """What the results say besides: counts of samples, what scorers and metrics were given, and texts."""
    scores = _scores(results)
    told: dict[str, Json] = {}
    for group, score in zip(_groups(scores), scores, strict=True):
        given = {key: mapping(metric).get("params") for key, metric in mapping(score.get("metrics")).items()}
        own: dict[str, Json] = {key: value for key, value in score.items() if key not in {"name", "scorer", "metrics"}}
        told["/".join(group)] = {**own, "metrics": {key: value for key, value in given.items() if value}}
    return {**_without(results, ()), **({"scores": told} if told else {})}


def usage_of(stats: Mapping[str, Json], notes: Notes) -> dict[str, float]:
    """Tokens and costs, of all models together under our names and of each under Inspect's."""
    found: dict[str, float] = {}
    totals: dict[str, float] = {}
    for section in ("model_usage", "role_usage"):
        for path, value in leaves(mapping(stats.get(section))):
            amount = number(value)
            if amount is None:
                notes.skip(".".join(("stats", section, *path)), why_no_number(value))
                continue
            found["/".join((section, *path))] = amount
            if section == "model_usage":
                totals[path[-1]] = totals.get(path[-1], 0.0) + amount
    return {**{name: totals[key] for name, key in _OURS.items() if key in totals}, **found}


def _scores(results: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """The list of scores; format 1 has one scorer and its metrics beside it, those that it holds itself come after."""
    listed = results.get("scores")
    if isinstance(listed, list):
        return [score if isinstance(score, Mapping) else {"value": score} for score in listed]
    if "scores" in results or not isinstance(results.get("metrics"), Mapping):
        return []
    given = results.get("scorer")
    scorer = given if isinstance(given, Mapping) else {"name": given}
    return [{**scorer, "metrics": results["metrics"]}, *([scorer] if "metrics" in scorer else [])]


def _without(results: Mapping[str, Json], leave_out: Collection[str]) -> Mapping[str, Json]:
    """The results but their scores and what else is left out."""
    scores = {"scores"} if isinstance(results.get("scores"), list) else {"scorer", "metrics"}
    read = {*leave_out, *(scores if _scores(results) else ())}
    return {key: value for key, value in results.items() if key not in read}


def _groups(scores: list[Mapping[str, Json]]) -> list[tuple[str, ...]]:
    """What stands above each score's metrics; no two alike."""
    names = [
        tuple(dict.fromkeys(each for key in ("scorer", "name") if (each := word(score.get(key))))) or ("scorer",)
        for score in scores
    ]
    found: list[tuple[str, ...]] = []
    for name, score in zip(names, scores, strict=True):
        reducer = word(score.get("reducer")) if names.count(name) > 1 else ""
        group = (*name, reducer) if reducer else name
        found.append((*group, str(found.count(group) + 1)) if group in found else group)
    return found


def _score(score: Mapping[str, Json], group: tuple[str, ...], notes: Notes, *, where: str) -> Iterator[MetricValue]:
    given = score.get("metrics")
    values = {
        key: metric.get("value") if isinstance(metric, Mapping) else metric for key, metric in mapping(given).items()
    }
    owner = next((key for key in _MEANS if number(values.get(key)) is not None), None)
    for key, value in values.items():
        found = number(value)
        if found is not None and (key != _ERROR or owner is None):
            yield MetricValue(
                name=key,
                value=found,
                better="higher" if key in _MEANS else "neither",
                n=count_of(score.get("scored_samples")),
                unscored={"unscored": unscored} if (unscored := count_of(score.get("unscored_samples"))) else {},
                stderr=number(values.get(_ERROR)) if key == owner else None,
                group=group,
            )
        elif found is None and not isinstance(value, Mapping | list):
            notes.skip(f"{where}.metrics.{key}", why_no_number(value))
    rest: dict[str, Json] = {key: value for key, value in score.items() if key not in _NO_MEASURES}
    yield from _others({**rest, **_besides(given)}, group)


def _besides(metrics: Json) -> Mapping[str, Json]:
    """What metrics hold besides a value that is one number."""
    if not isinstance(metrics, Mapping):
        return {"metrics": metrics}
    found: dict[str, Json] = {}
    for key, metric in metrics.items():
        if isinstance(metric, Mapping):
            read = (
                {"name", "params"} if isinstance(metric.get("value"), Mapping | list) else {"name", "params", "value"}
            )
            found[key] = {part: value for part, value in metric.items() if part not in read}
        elif isinstance(metric, list):
            found[key] = metric
    return found


def _others(value: Json, group: tuple[str, ...]) -> Iterator[MetricValue]:
    """Numbers that are no metric of a scorer, by their paths; settings are none of them."""
    for path, leaf in leaves(value):
        found = None if isinstance(leaf, str) else number(leaf)
        if found is not None and "params" not in path:
            yield MetricValue(name=".".join(path), value=found, better="neither", is_grade=False, group=group)
