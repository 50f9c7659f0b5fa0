"""The metrics that can be named, and their making from a task file's ``metrics:`` list."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import msgspec

from evaltrail.core.decoding import converted
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ids import alike, did_you_mean, nearest, nearest_word
from evaltrail.core.plugins import Registry
from evaltrail.core.values import Json
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.type_words import wanted_words

METRICS = Registry(
    "evaltrail.metrics",
    {
        "exact_match": "evaltrail.scoring.exact:ExactMatch",
        "contains": "evaltrail.scoring.exact:Contains",
        "regex": "evaltrail.scoring.exact:Regex",
        "numeric": "evaltrail.scoring.exact:Numeric",
        "multiple_choice": "evaltrail.scoring.choice:MultipleChoice",
        "token_f1": "evaltrail.scoring.overlap:TokenF1",
        "rouge1": "evaltrail.scoring.overlap:rouge1",
        "rouge2": "evaltrail.scoring.overlap:rouge2",
        "rougeL": "evaltrail.scoring.overlap:rouge_l",
        "rougeLsum": "evaltrail.scoring.overlap:rouge_lsum",
        "bleu": "evaltrail.scoring.bleu:Bleu",
        "chrf": "evaltrail.scoring.bleu:Chrf",
        "levenshtein": "evaltrail.scoring.levenshtein:Levenshtein",
        "json_valid": "evaltrail.scoring.json_form:JsonValid",
        "json_schema": "evaltrail.scoring.json_schema:JsonSchema",
        "ndcg": "evaltrail.scoring.retrieval:ndcg",
        "recall": "evaltrail.scoring.retrieval:recall",
        "precision": "evaltrail.scoring.retrieval:precision",
        "map": "evaltrail.scoring.retrieval:average_precision",
        "mrr": "evaltrail.scoring.retrieval:reciprocal_rank",
        "toxicity": "evaltrail.scoring.toxicity:toxicity",
        "token_count": "evaltrail.scoring.token_count:TokenCount",
        "flesch_kincaid": "evaltrail.scoring.readability:FleschKincaid",
        "ari": "evaltrail.scoring.readability:Ari",
        "latency": "evaltrail.scoring.speed:Latency",
        "tokens": "evaltrail.scoring.speed:Tokens",
        "cost": "evaltrail.scoring.speed:Cost",
        "answer_correctness": "evaltrail.scoring.judging.builtin:answer_correctness",
        "answer_similarity": "evaltrail.scoring.judging.builtin:answer_similarity",
        "answer_relevance": "evaltrail.scoring.judging.builtin:answer_relevance",
        "faithfulness": "evaltrail.scoring.judging.builtin:faithfulness",
        "groundedness": "evaltrail.scoring.judging.builtin:groundedness",
        "relevance": "evaltrail.scoring.judging.builtin:relevance",
        "safety": "evaltrail.scoring.judging.builtin:safety",
        "toxicity_judge": "evaltrail.scoring.judging.builtin:toxicity_judge",
        "guidelines": "evaltrail.scoring.judging.builtin:guidelines",
        "pairwise_preference": "evaltrail.scoring.judging.pairwise:PairwiseJudge",
        "ragas.faithfulness": "evaltrail.scoring.judging.rag:Faithfulness",
        "ragas.answer_relevancy": "evaltrail.scoring.judging.rag:AnswerRelevancy",
        "ragas.context_precision": "evaltrail.scoring.judging.rag:ContextPrecision",
        "ragas.context_recall": "evaltrail.scoring.judging.rag:ContextRecall",
        "mlflow.correctness": "evaltrail.compat.mlflow_builtin:correctness",
        "mlflow.relevance_to_query": "evaltrail.compat.mlflow_builtin:relevance_to_query",
        "mlflow.safety": "evaltrail.compat.mlflow_builtin:safety",
        "mlflow.equivalence": "evaltrail.compat.mlflow_builtin:equivalence",
        "mlflow.completeness": "evaltrail.compat.mlflow_builtin:completeness",
        "mlflow.fluency": "evaltrail.compat.mlflow_builtin:fluency",
        "mlflow.summarization": "evaltrail.compat.mlflow_builtin:summarization",
        "mlflow.guidelines": "evaltrail.compat.mlflow_builtin:guidelines",
        "mlflow.expectations_guidelines": "evaltrail.compat.mlflow_builtin:expectations_guidelines",
        "mlflow.retrieval_groundedness": "evaltrail.compat.mlflow_builtin:retrieval_groundedness",
        "mlflow.retrieval_relevance": "evaltrail.compat.mlflow_builtin:retrieval_relevance",
        "mlflow.retrieval_sufficiency": "evaltrail.compat.mlflow_builtin:retrieval_sufficiency",
        "mlflow.regex_match": "evaltrail.compat.mlflow_builtin:regex_match",
        "mlflow.pii_detection": "evaltrail.compat.mlflow_builtin:pii_detection",
        "mlflow.response_length": "evaltrail.compat.mlflow_builtin:response_length",
    },
)
"""A metric's plugin is a factory: a class or function whose keyword arguments are its options; a judge's too."""

_FOLDER = "folder"
_RUBRIC = frozenset({"definition", "grading_prompt"})
"""Options that make an unknown name a judge."""
_LISTED = "`evaltrail ls metrics` lists them"
_WORDS = "; YAML reads yes, no, on and off as true and false unless they stand in quotes"
_KEYWORD = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def make_metrics(specs: Sequence[Json], *, where: str = "metrics", folder: Path = Path()) -> tuple[Scorer, ...]:
    """The metrics of a task, in the order they are named.

    Args:
        specs: each a name, or ``{name: {option: value}}``.
        where: the place to name in errors; the position is added: ``metrics[0]``.
        folder: where the relative paths in options begin; a factory that has a parameter ``folder`` is told it.

    Raises:
        InputError: an unknown metric or option, an option of the wrong type, a metric named twice, or a broken plugin.
    """
    made: dict[str, Scorer] = {}
    for position, spec in enumerate(specs):
        place = f"{where}[{position}]"
        try:
            metric = _make(*_read(spec), folder)
            _refuse_twice(metric.name, made)
            made[metric.name] = metric
        except InputError as error:
            error.where = error.where or place
            raise
    return tuple(made.values())


def required_options(name: str) -> tuple[str, ...]:
    """The options without which a metric cannot be made.

    Raises:
        InputError: there is no such metric, or its plugin is broken.
    """
    return _required(inspect.signature(_factory(name, {}), eval_str=True).parameters)


def _refuse_twice(name: str, earlier: Collection[str]) -> None:
    if name in earlier:
        raise InputError(f"metric {name!r} is named twice", code="duplicate_metric", hint="remove one of them")


def _read(spec: Json) -> tuple[str, Mapping[str, Json]]:
    """Name and options of one entry."""
    entry = {spec: None} if isinstance(spec, str) else spec
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, options),) = entry.items()
        if isinstance(name, str) and (options is None or isinstance(options, Mapping)):
            return name, options or {}
    raise InputError(
        f"{spec!r} is no metric", code="bad_metric", hint="write a name, or {name: {option: value}} with one name"
    )


def _make(name: str, options: Mapping[str, Json], folder: Path) -> Scorer:
    name, options = _with_cut(name, options)
    factory = _factory(name, options)
    try:
        known = inspect.signature(factory, eval_str=True).parameters
        checked = {option: _check(name, option, value, known) for option, value in options.items()}
        _refuse_missing(name, checked, known)
        if _FOLDER in known:
            checked[_FOLDER] = folder
        return factory(**checked)
    except EvaltrailError:
        raise
    except Exception as error:
        raise InputError(
            f"metric {name!r} cannot be made: {type(error).__name__}: {error}",
            code="broken_metric",
            hint="check its options, or reinstall the package that offers it",
        ) from error


def _factory(name: str, options: Mapping[str, Json]) -> Callable[..., Scorer]:
    """The factory of a name; a name that nobody offers is a judge's where its options hold a rubric."""
    try:
        return cast("Callable[..., Scorer]", METRICS.load(name))
    except InputError as error:
        if error.code != "unknown_metric":
            raise
        if _RUBRIC.isdisjoint(options):
            raise _unknown(name, options) from None
    from evaltrail.scoring.judging.builtin import custom_judge  # noqa: PLC0415  only tasks with a rubric need it

    made: Callable[..., Scorer] = partial(custom_judge, name)
    return made


def _unknown(name: str, options: Mapping[str, Json]) -> InputError:
    """The error for a name that nobody offers: a judge whose rubric is misspelt, or the nearest metrics."""
    for option in options:
        meant = nearest_word(option, _RUBRIC)
        if meant:
            message = f"{name!r} is no metric; a judge of your own needs {meant!r} (it has {option!r})"
            return InputError(message, code="unknown_metric", hint=f"did you mean {meant!r}?")
    if "," in name:
        names = ", ".join(part.strip() for part in name.split(","))
        return InputError(f"unknown metric {name!r}", code="unknown_metric", hint=f"write a list: [{names}]")
    hint = did_you_mean(alike(name, METRICS.names())) or _LISTED
    return InputError(f"unknown metric {name!r}", code="unknown_metric", hint=hint)


def _with_cut(name: str, options: Mapping[str, Json]) -> tuple[str, Mapping[str, Json]]:
    """``ndcg@10`` as the metric ndcg with the option k."""
    plain, _, cut = name.partition("@")
    if plain in METRICS.builtin and cut.isascii() and cut.isdecimal() and len(cut) < 10:
        if "k" in options:
            raise InputError(f"metric {name!r} has k already", code="bad_option", hint="remove the option 'k'")
        return plain, {**options, "k": int(cut)}
    return name, options


def _refuse_missing(name: str, given: Collection[str], known: Mapping[str, inspect.Parameter]) -> None:
    for option in _required(known):
        if option not in given:
            hint = f"write {{{name}: {{{option}: ...}}}}"
            raise InputError(f"metric {name!r} needs the option {option!r}", code="missing_option", hint=hint)


def _required(known: Mapping[str, inspect.Parameter]) -> tuple[str, ...]:
    empty = inspect.Parameter.empty
    return tuple(
        word for word, each in known.items() if each.kind in _KEYWORD and each.default is empty and word != _FOLDER
    )


def _check(name: str, option: str, value: Json, known: Mapping[str, inspect.Parameter]) -> object:
    """The value in the type that the factory asks for."""
    takes = {word: parameter for word, parameter in known.items() if parameter.kind in _KEYWORD and word != _FOLDER}
    if option not in takes:
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values()):
            return value
        hint = nearest(option, takes) or (f"it has {', '.join(takes)}" if takes else "it has no options")
        raise InputError(f"metric {name!r} has no option {option!r}", code="unknown_option", hint=hint)
    wanted = takes[option].annotation
    if wanted is inspect.Parameter.empty:
        return value
    try:
        return cast("object", converted(value, wanted))
    except msgspec.ValidationError as error:
        raise InputError(
            f"option {option!r} of metric {name!r} cannot be {value!r}",
            code="bad_option",
            hint=wanted_words(str(error)) + (_WORDS if "got `bool`" in str(error) else ""),
        ) from error
