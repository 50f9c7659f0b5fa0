"""Which evaluation a JSON document comes from: by its shape, and by the words about it where several have one shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from evaltrail.core.values import Json
from evaltrail.readers.leaves import leaves, number
from evaltrail.readers.nemo_service.names import UNKNOWN, Words

Shape = Literal["lm_eval", "similarity", "bigcode", "perhaps_bigcode", "scores", "nested", "flat", "other"]
"""What a document looks like; ``flat``, ``nested`` and ``other`` say little by themselves."""

AT_ANY_DEPTH = ("content_safety", "garak")
"""Evaluations whose JSON has no fixed shape: every number counts, wherever it stands."""

_FITTING: Mapping[Shape, tuple[str, ...]] = {
    "lm_eval": ("lm_harness",),
    "similarity": ("similarity_metrics",),
    "bigcode": ("bigcode_latest",),
    "perhaps_bigcode": ("bigcode_latest", *AT_ANY_DEPTH),
    "scores": ("bigbench", "multilingual", *AT_ANY_DEPTH),
    "nested": ("custom_eval", *AT_ANY_DEPTH),
    "flat": ("beir", *AT_ANY_DEPTH),
    "other": AT_ANY_DEPTH,
}
_LOOK: Mapping[Shape, str] = {
    "lm_eval": "results by task, as lm-evaluation-harness writes them",
    "similarity": 'scores below "metrics"',
    "bigcode": 'tasks beside "config"',
    "perhaps_bigcode": "numbers by task",
    "scores": 'keys "task_name" and "scores"',
    "nested": "numbers by model and scorer",
    "flat": "metrics and their numbers",
    "other": "JSON",
}
_WEAK: frozenset[Shape] = frozenset({"perhaps_bigcode", "nested", "flat", "other"})
_LM_MARKS = frozenset({"versions", "n-shot", "configs", "higher_is_better", "n-samples", "group_subtasks"})
_RESULTS_NAME = re.compile(r"(?:.*[-_])?aggregate_scores|results|content[_-]safety")
_MOST_LOOKED_AT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The evaluation a document comes from."""

    evaluation: str
    """One of ours, or ``unknown``."""
    confidence: float
    """0 = it can be read so when somebody asks for that, but nothing says that it is meant."""
    why: str
    fitting: tuple[str, ...] = ()
    """The evaluations that content leaves open, where nothing decides between them."""


def judge(value: Json, name: str, words: Words) -> Verdict:
    """The evaluation that a document comes from, and how sure that is.

    Args:
        value: the whole document or its beginning.
        name: of its file.
        words: what its path and the user say.
    """
    shape = shape_of(value)
    verdict = _judge_shape(shape, name.casefold(), words)
    if _has_number(value):
        return verdict
    is_meant = shape not in _WEAK or bool(words.by_name) or words.has_results_name
    return replace(verdict, confidence=min(verdict.confidence, 0.3 if is_meant else 0.0))


def shape_of(value: Json) -> Shape:
    """What a document looks like."""
    if isinstance(value, list):
        return _shape_of_list(value)
    if not isinstance(value, Mapping) or not value:
        return "other"
    return next((shape for shape, is_so in _TESTS if is_so(value)), "other")


def _shape_of_list(value: list[Json]) -> Shape:
    items = [item for item in value[:_MOST_LOOKED_AT] if isinstance(item, Mapping)]
    if any(map(_is_scores, items)):
        return "scores"
    bigcode = [item for item in items if _is_bigcode(item)]
    if any(_has_pass_at(inner) or key == "config" for item in bigcode for key, inner in item.items()):
        return "bigcode"
    return "perhaps_bigcode" if bigcode else "other"


def _judge_shape(shape: Shape, name: str, words: Words) -> Verdict:
    place = words.by_name or words.by_folder
    if place in AT_ANY_DEPTH and shape not in {"lm_eval", "bigcode"}:
        return _judge_place(shape, name, words)
    if shape == "lm_eval":
        return _judge_lm_eval(name, words)
    fitting = _FITTING[shape]
    if shape in {"similarity", "bigcode"}:
        is_named = words.first(fitting)
        return Verdict(evaluation=fitting[0], confidence=0.95 if is_named else 0.75, why=_LOOK[shape])
    word = words.first(fitting)
    if shape == "scores":
        if word:
            return Verdict(evaluation=word, confidence=0.95, why=f"{_LOOK[shape]}, called {word}")
        return Verdict(evaluation=UNKNOWN, confidence=0.7, why=_LOOK[shape], fitting=fitting[:2])
    return _judge_weak(shape, word, words)


def _judge_place(shape: Shape, name: str, words: Words) -> Verdict:
    """Content that anything may stand in: the place and the name decide."""
    place = words.by_name or words.by_folder
    if _RESULTS_NAME.match(name):
        return Verdict(evaluation=place, confidence=0.85, why=f"{_LOOK[shape]}, called {place}")
    confidence = 0.5 if words.lies_in_results else 0.0
    return Verdict(evaluation=place, confidence=confidence, why=f"{_LOOK[shape]} in the results of {place}")


def _judge_lm_eval(name: str, words: Words) -> Verdict:
    """The harness's own output folders are another reader's; ours are those the microservice named."""
    ours = Verdict(evaluation="lm_harness", confidence=0.97, why=_LOOK["lm_eval"])
    if name.startswith("results_"):
        return replace(ours, confidence=0.0)
    if words.first(("lm_harness",)):
        return ours
    return replace(ours, confidence=0.4 if words.has_results_name or words.by_name else 0.0)


def _judge_weak(shape: Shape, word: str, words: Words) -> Verdict:
    """Shapes that many files have: a name has to speak for them."""
    if shape == "nested" and words.by_name == "beir":
        word = "beir"
    if word:
        confidence = {words.by_folder: 0.6, words.by_name: 0.9}.get(word, 0.4)
        return Verdict(evaluation=word, confidence=confidence, why=f"{_LOOK[shape]}, called {word}")
    if words.has_results_name and shape == "nested":
        return Verdict(evaluation="custom_eval", confidence=0.6, why=f"{_LOOK[shape]} in aggregate_scores")
    called = words.by_folder or words.by_user or UNKNOWN
    if named := words.by_name or (called if words.has_results_name else ""):
        fitting = () if named != UNKNOWN else ("beir", "custom_eval", *AT_ANY_DEPTH)
        return Verdict(evaluation=named, confidence=0.3, why=f"called {named}", fitting=fitting)
    return Verdict(evaluation=called, confidence=0.0, why=_LOOK[shape])


def _is_lm_eval(value: Mapping[str, Json]) -> bool:
    results = value.get("results")
    if not isinstance(results, Mapping):
        return False
    tasks = [task for task in results.values() if isinstance(task, Mapping)]
    return bool(tasks) and (
        bool(_LM_MARKS & value.keys()) or any("," in metric for task in tasks[:_MOST_LOOKED_AT] for metric in task)
    )


def _is_similarity(value: Mapping[str, Json]) -> bool:
    sections = [value.get("tasks"), value.get("groups")]
    entries = [entry for section in sections if isinstance(section, Mapping) for entry in section.values()]
    metrics = [
        metric
        for entry in entries[:_MOST_LOOKED_AT]
        if isinstance(entry, Mapping) and isinstance(found := entry.get("metrics"), Mapping)
        for metric in found.values()
    ]
    return any(isinstance(metric, Mapping) and isinstance(metric.get("scores"), Mapping) for metric in metrics)


def _is_scores(value: Mapping[str, Json]) -> bool:
    return "task_name" in value and isinstance(value.get("scores"), list | Mapping)


def _is_bigcode(item: Mapping[str, Json]) -> bool:
    """Tasks with nothing but plain values below them, perhaps with the settings beside them."""
    tasks = [inner for key, inner in item.items() if key != "config"]
    return bool(tasks) and all(
        isinstance(task, Mapping)
        and bool(task)
        and not any(isinstance(score, Mapping | list) for score in task.values())
        for task in tasks
    )


def _has_pass_at(task: Json) -> bool:
    return isinstance(task, Mapping) and any(metric.startswith("pass@") for metric in task)


def _is_nest(scorers: Json) -> bool:
    """Whether metrics stand below scorers; one without a number is no reason against it."""
    return isinstance(scorers, Mapping) and any(
        isinstance(metrics, Mapping) and any(not isinstance(score, Mapping | list) for score in metrics.values())
        for metrics in scorers.values()
    )


def _has_number(value: Json) -> bool:
    return any(number(leaf) is not None for _, leaf in leaves(value))


def _is_flat(value: Mapping[str, Json]) -> bool:
    return not any(isinstance(inner, Mapping | list) for key, inner in value.items() if key != "per_query")


def _is_nested(value: Mapping[str, Json]) -> bool:
    return all(_is_nest(inner) for inner in value.values())


_TESTS: tuple[tuple[Shape, Callable[[Mapping[str, Json]], bool]], ...] = (
    ("lm_eval", _is_lm_eval),
    ("similarity", _is_similarity),
    ("scores", _is_scores),
    ("bigcode", lambda value: _is_bigcode(value) and any(map(_has_pass_at, value.values()))),
    ("flat", _is_flat),
    ("nested", _is_nested),
    ("perhaps_bigcode", _is_bigcode),
)
