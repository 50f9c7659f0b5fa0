"""One parser for each of the microservice's JSON documents that are objects; what is only odd in them is kept too.

Source: results as the Evaluator microservice hands them out (seed 000): Beir, Custom Evals, Lm_harness and similarity
metrics, the newer ``results.json`` with ``tasks`` and ``groups``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.heads import mapping, moment, word
from evaltrail.readers.leaves import number
from evaltrail.readers.nemo_service.drafts import Draft, TaskDraft, whole_step
from evaltrail.readers.notes import Notes
from evaltrail.readers.rows import attribute_of, score_of, text_of
from evaltrail.readers.tables import read_json

PER_QUERY = "per_query"

_QUERY_KEYS = ("query_id", "qid", "_id", "id", "query")
_LM_PER_TASK = ("n-shot", "versions", "n-samples", "higher_is_better")
_LM_LAST = ("group_subtasks", "configs", "task_hashes")
_MODEL_KEYS = ("pretrained", "model", "model_name")


def parse_beir(value: Mapping[str, Json], draft: Draft) -> None:
    """Beir: metrics by name, and the scores of each query as a sample."""
    task = draft.task(draft.evaluation)
    for name, score in value.items():
        if name == PER_QUERY and isinstance(score, Mapping | list):
            task.samples = BeirQueries(file=draft.file) if score else None
        else:
            task.measure(name, score, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeirQueries:
    """The queries of a Beir result with their scores; the file is read anew each time."""

    file: Path

    def __iter__(self) -> Iterator[Sample]:
        """One sample a query.

        Raises:
            InputError: the file cannot be read any more.
        """
        queries = mapping(read_json(self.file, Notes())).get(PER_QUERY)
        if isinstance(queries, Mapping):
            for index, (name, scores) in enumerate(queries.items()):
                yield _query(name, index, scores)
        elif isinstance(queries, list):
            for index, scores in enumerate(queries):
                key = next((key for key in _QUERY_KEYS if word(mapping(scores).get(key))), "")
                yield _query(word(mapping(scores).get(key)) or str(index), index, scores, named_by=key)


def _query(name: str, index: int, row: Json, *, named_by: str = "") -> Sample:
    fields: Mapping[str, Json] = row if isinstance(row, Mapping) else {"score": row}
    scores: dict[str, Score] = {}
    attributes: dict[str, Scalar] = {}
    for key, value in fields.items():
        score = None if isinstance(value, str) else score_of(value)
        if named_by and key == named_by:
            continue
        if score is None:
            attributes[text_of(key)] = attribute_of(value)
        else:
            scores[text_of(key)] = score
    return Sample(id=text_of(name), index=index, scores=scores, attributes=attributes)


def parse_custom(value: Mapping[str, Json], draft: Draft) -> None:
    """Custom Evals: metrics by model and scorer; a task a model, the scorer as the metrics' group."""
    for llm, scorers in value.items():
        if not isinstance(scorers, Mapping):
            draft.rest(scorers, llm)
            continue
        task = draft.task(llm)
        for scorer, metrics in scorers.items():
            if not isinstance(metrics, Mapping):
                task.measure(scorer, metrics, llm, scorer)
                continue
            for metric, score in metrics.items():
                task.measure(metric, score, llm, scorer, metric, group=(scorer,))


def parse_similarity(value: Mapping[str, Json], draft: Draft) -> None:
    """Similarity metrics: ``<metric>_<score>`` of tasks and groups; an entry that stands in both is said once."""
    draft.started_at = moment(value.get("created_at"))
    draft.ended_at = moment(value.get("updated_at"))
    for section in ("tasks", "groups"):
        for name, entry in mapping(value.get(section)).items():
            _parse_entry(entry, draft, draft.task(name), (section, name), group=())
    for key, inner in value.items():
        if key not in {"tasks", "groups"} or not isinstance(inner, Mapping):
            draft.rest(inner, key)


def _parse_entry(entry: Json, draft: Draft, task: TaskDraft, path: tuple[str, ...], *, group: tuple[str, ...]) -> None:
    if not isinstance(entry, Mapping):
        task.measure("value", entry, *path, group=group)
        return
    metrics = entry.get("metrics")
    for metric, found in mapping(metrics).items():
        scores = mapping(found).get("scores")
        here = (*path, "metrics", metric)
        for score, details in mapping(scores).items():
            _parse_score(f"{metric}_{score}", details, task, (*here, "scores", score), group=group)
        _take_others(task, metric, found, here, group=group, read=("scores",) if isinstance(scores, Mapping) else ())
    inner = entry.get("groups")
    for name, nested in mapping(inner).items():
        _parse_entry(nested, draft, task, (*path, "groups", name), group=(*group, name))
    read = [key for key in ("metrics", "groups") if isinstance(entry.get(key), Mapping) or entry.get(key) is None]
    _take_others(task, "", entry, path, group=group, read=tuple(read))


def _parse_score(name: str, details: Json, task: TaskDraft, path: tuple[str, ...], *, group: tuple[str, ...]) -> None:
    if not isinstance(details, Mapping) or "value" not in details:
        task.measure(name, details, *path, group=group)
        return
    stats = mapping(details.get("stats"))
    task.measure(
        name,
        details["value"],
        *path,
        group=group,
        stderr=stats.get("stderr"),
        n=stats.get("count"),
        twin=f"{name}_group" if path[0] == "groups" else "",
    )
    _take_others(task, name, stats, (*path, "stats"), group=group, read=("stderr", "count"))
    read = ("value", "stats") if stats or details.get("stats") is None else ("value",)
    _take_others(task, name, details, path, group=group, read=read)


def _take_others(
    task: TaskDraft, name: str, found: Json, path: tuple[str, ...], *, group: tuple[str, ...], read: tuple[str, ...]
) -> None:
    """Keep the members of an object that have no place of their own in the format."""
    if not isinstance(found, Mapping):
        task.measure(name, found, *path, group=group)
        return
    for key, inner in found.items():
        if key not in read:
            twin = f"{name}_{key}_group" if path[0] == "groups" else ""
            full = "_".join(part for part in (name, key) if part)
            task.measure(full, inner, *path, key, group=group, twin=twin)


def parse_lm_harness(value: Mapping[str, Json], draft: Draft) -> None:
    """Lm_harness: every metric under the original's name ``<task>_<metric>``, standard errors among them."""
    if not any(isinstance(value.get(section), Mapping) for section in ("results", "groups")):
        draft.rest(value)
        return
    for section in ("results", "groups"):
        entries = value.get(section)
        for name, entry in mapping(entries).items():
            _parse_lm_task(value, section, name, entry, draft)
        if not isinstance(entries, Mapping) and entries is not None:
            draft.rest(entries, section)
    draft.model = word(value.get("model_name")) or _model_of(mapping(value.get("config")).get("model_args"))
    draft.started_at = moment(value.get("date"))
    seconds = number(value.get("total_evaluation_time_seconds"))
    if draft.started_at is not None and seconds is not None and 0 <= seconds < 1e9:
        draft.ended_at = draft.started_at + timedelta(seconds=seconds)
    read = {"results", "groups", *_LM_PER_TASK, *_LM_LAST}
    draft.set_all({key: inner for key, inner in value.items() if key not in read})
    done = {*mapping(value.get("results")), *mapping(value.get("groups"))}
    for section in _LM_PER_TASK:
        found = value.get(section)
        others = {key: inner for key, inner in mapping(found).items() if key not in done}
        if rest := others if isinstance(found, Mapping) else found:
            draft.set(section, rest)
    draft.set_all({key: value[key] for key in _LM_LAST if key in value})


def _parse_lm_task(whole: Mapping[str, Json], section: str, name: str, entry: Json, draft: Draft) -> None:
    task = draft.task(name, prefix="")
    told = {key: mapping(whole.get(key)).get(name) for key in _LM_PER_TASK}
    directions = mapping(told["higher_is_better"])
    effective = mapping(told["n-samples"]).get("effective")
    n = effective if whole_step(effective) is not None else None
    for metric, score in (entry if isinstance(entry, Mapping) else {"value": entry}).items():
        base = metric.partition(",")[0]
        if metric == "alias" and isinstance(score, str):
            task.settings.setdefault("alias", score.strip(" -"))
        elif score != " ":  # the harness writes one where a group has no metric of its own
            is_error = base.endswith("_stderr")
            task.measure(
                f"{name}_{metric}",
                score,
                section,
                name,
                metric,
                n=n if number(score) is not None and not is_error else None,
                better="neither" if is_error else _direction(directions.get(base)),
                twin=f"{name}_group_{metric}" if section == "groups" else "",
            )
    _keep_lm_settings(task, told)


def _keep_lm_settings(task: TaskDraft, told: Mapping[str, Json]) -> None:
    """Keep what is said of a task outside of its metrics, and is not said by them."""
    is_counted = any(metric.n is not None for metric in task.metrics)
    counts, directions = told["n-samples"], told["higher_is_better"]
    if is_counted and isinstance(counts, Mapping):
        counts = {key: count for key, count in counts.items() if key != "effective"}
    if isinstance(directions, Mapping):
        directions = {key: found for key, found in directions.items() if not isinstance(found, bool)}
    kept = (("n-shot", told["n-shot"]), ("version", told["versions"]), ("n-samples", counts), ("better", directions))
    task.settings |= {key: found for key, found in kept if found is not None and found != {}}


def _direction(is_higher_better: Json) -> Better:
    if not isinstance(is_higher_better, bool):
        return "neither"
    return "higher" if is_higher_better else "lower"


def _model_of(arguments: Json) -> str:
    """The model among the harness's arguments: an object, or ``model=...,base_url=...``."""
    if isinstance(arguments, str):
        pairs = (part.partition("=") for part in arguments.split(","))
        arguments = {key.strip(): value.strip() for key, _, value in pairs}
    return next((word(found) for key in _MODEL_KEYS if (found := mapping(arguments).get(key))), "")
