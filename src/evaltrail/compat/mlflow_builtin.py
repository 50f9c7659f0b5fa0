"""The scorers that come with ``mlflow.genai``, by name: ``metrics: [mlflow.correctness]`` in a task file.

Source: ``mlflow.genai.scorers`` of MLflow 3.17. mlflow takes seconds to load, so it comes with the first scorer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.scoring.judging.port import Judge

_OPENAI = "openai:/"
Settings = dict[str, str | int | float | bool | None]


def _made(kind: str, name: str, **options: Any) -> Judge:
    """The scorer of a class; options that are None are left to it."""
    from evaltrail.compat.mlflow_scorers import MlflowScorer, builtin_scorer  # noqa: PLC0415  loads mlflow

    given = {option: value for option, value in options.items() if value is not None}
    return MlflowScorer(builtin_scorer(kind, given), name=f"mlflow.{name}")


def _judging(kind: str, name: str) -> Callable[..., Judge]:
    def make(*, model: str = "", inference_params: Settings | None = None) -> Judge:
        """The scorer, judging with a model.

        Args:
            model: as MLflow names it, ``openai:/NAME``; empty = EVALTRAIL_JUDGE, else MLflow's own default.
            inference_params: request settings.

        Raises:
            InputError: EVALTRAIL_JUDGE is one that MLflow cannot name.
        """
        return _made(kind, name, model=_model(model), inference_params=inference_params)

    return make


correctness = _judging("Correctness", "correctness")
relevance_to_query = _judging("RelevanceToQuery", "relevance_to_query")
safety = _judging("Safety", "safety")
equivalence = _judging("Equivalence", "equivalence")
completeness = _judging("Completeness", "completeness")
fluency = _judging("Fluency", "fluency")
summarization = _judging("Summarization", "summarization")
expectations_guidelines = _judging("ExpectationsGuidelines", "expectations_guidelines")
retrieval_groundedness = _judging("RetrievalGroundedness", "retrieval_groundedness")
retrieval_relevance = _judging("RetrievalRelevance", "retrieval_relevance")
retrieval_sufficiency = _judging("RetrievalSufficiency", "retrieval_sufficiency")


def guidelines(*, guidelines: str | list[str], model: str = "", inference_params: Settings | None = None) -> Judge:
    """Whether the output keeps some guidelines.

    Args:
        guidelines: one or several sentences.
        model: as MLflow names it.
        inference_params: request settings.

    Raises:
        InputError: EVALTRAIL_JUDGE is one that MLflow cannot name.
    """
    return _made(
        "Guidelines", "guidelines", guidelines=guidelines, model=_model(model), inference_params=inference_params
    )


def regex_match(
    *, pattern: str, match_type: Literal["search", "fullmatch"] = "search", case_insensitive: bool = False
) -> Judge:
    """Whether the output matches a regular expression."""
    return _made("RegexMatch", "regex_match", pattern=pattern, match_type=match_type, case_insensitive=case_insensitive)


def pii_detection(*, pii_types: list[str] | None = None) -> Judge:
    """Whether the output is free of personal data, by patterns."""
    return _made("PIIDetection", "pii_detection", pii_types=pii_types)


def response_length(
    *, min_length: int | None = None, max_length: int | None = None, unit: Literal["chars", "words"] = "chars"
) -> Judge:
    """Whether the output is as long as it may be."""
    return _made("ResponseLength", "response_length", min_length=min_length, max_length=max_length, unit=unit)


def _model(given: str) -> str | None:
    """The model that MLflow is to ask; None = its own default.

    Raises:
        InputError: the run's judge is an address, which MLflow takes from OPENAI_API_BASE alone.
    """
    named = given or load_settings().judge
    if not given and named and not named.startswith(_OPENAI):
        raise InputError(
            "MLflow's scorers ask their model by themselves, and cannot be told EVALTRAIL_JUDGE's address",
            code="bad_judge",
            hint="name the scorer's `model`: openai:/NAME, and set OPENAI_API_BASE",
        )
    return named or None
