"""`evaltrail.generate`: documents in, verified questions out, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.generation import GenerationPlan, GeneratorName, WindowScope
from evaltrail.core.progress import ProgressSink
from evaltrail.core.request import ModelTarget, RequestLimits, Wording
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.active import join_session
from evaltrail.generation.sieve.thresholds import parse_thresholds
from evaltrail.service.evaluation.options import check_options, chosen, named_paths
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.generating.carry_out import generate_questions
from evaltrail.service.generating.order import GenerationOrder, GenerationResult
from evaltrail.service.generating.type_words import read_types

_WORDING = Wording(url="url=", api_key_env="api_key_env=", resume="the same call")


class GenerateOptions(TypedDict, total=False):
    """What may be said about a generation besides documents, file and model."""

    url: str
    """OpenAI-compatible base URL or full URL; default OPENAI_BASE_URL."""
    api_key_env: str
    """Name of the variable that holds the key."""
    headers: Mapping[str, str]
    """Extra request headers; their values are kept out of everything that is stored."""
    generation: Mapping[str, Json]
    """Settings that go into every request as they are."""
    limits: RequestLimits
    """Concurrency, rates, time-out in seconds, retries."""
    generator: GeneratorName
    """``llm`` asks the model; ``cloze`` asks nobody, and is what is used without one."""
    questions_per_window: int
    """So many simple ones, where no types are named; default 3."""
    types: Mapping[str, int]
    """How many of each type in all: simple, reasoning, numeric, multi_hop, unanswerable."""
    window_size: int
    """Chunks that are read together; default 4."""
    window_step: int
    """Chunks from one window to the next; default 2."""
    window_scope: WindowScope
    """``upload`` (over all documents in order) or ``document`` (within each)."""
    gates: Mapping[str, float]
    """Thresholds in [0, 1]: self_contained, evidence, answerable, closed_book, round_trip, duplicate."""
    rounds: int
    """How often windows are asked for what is still missing; default 3."""
    personas: Sequence[str]
    """Who asks, in turn."""
    seed: int
    """Of everything that is chosen by chance."""
    budget_tokens: int
    """Of all calls, at most."""
    price_prompt: float
    """Of a million tokens of prompts."""
    price_completion: float
    """Of a million tokens of answers."""
    tracking_uri: str
    """MLflow; default the caller's session, MLFLOW_TRACKING_URI, else its own default store."""
    experiment: str
    """Default MLFLOW_EXPERIMENT_NAME, else ``data_generation``, and ``data_upload_api`` for the documents."""
    run_name: str
    """Of the generation's run."""
    description: str
    """What MLflow shows as the run's note."""
    tags: Mapping[str, str]
    """Tags of the run."""
    deliver: bool
    """False writes files and data set only."""
    fresh: bool
    """Start over, even where the same was answered before."""
    progress: ProgressSink
    """Told a few times a second."""


def generate(
    documents: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    model: str = "",
    **options: Unpack[GenerateOptions],
) -> GenerationResult:
    """Verified questions on some documents, kept as a data set and landed in MLflow.

    The same call again goes on where it was cut short, and asks nothing that was answered before.

    Args:
        documents: one file or several: JSON chunks, pdf, docx, html, markdown, text, csv.
        out: file for the questions, ``.csv``, ``.jsonl`` or ``.parquet``; what was rejected lies beside it.
        model: that writes and checks the questions; empty = ``cloze``, which asks nobody.
        options: see GenerateOptions.

    Returns:
        ``questions``, ``rejected`` (each with its reason), ``dataset_id`` (for ``evaltrail.run("dataset:ID")``),
        ``receipts``, and ``errors``: what did not go as it should, such as questions that are missing.

    Raises:
        InputError: a document or an option is wrong; nothing was asked.
        EndpointError: the endpoint refuses every request or is gone; answers are kept.
        StorageError: the disk refuses.
    """
    checked = check_options(options, GenerateOptions, "generate")
    files = named_paths(documents, "document")
    settings = load_settings()
    target = _target(model, checked, settings)
    order = GenerationOrder(
        documents=tuple(Path(file) for file in files),
        plan=_plan(checked, target),
        target=target,
        limits=checked.get("limits", RequestLimits()),
        delivery=join_session(DeliveryOptions(**chosen(checked, DeliveryOptions)))
        if checked.get("deliver", True)
        else None,
        out=None if out is None else Path(out),
        fresh=checked.get("fresh", False),
        wording=_WORDING,
    )
    progress = checked.get("progress")
    return generate_questions(order, settings, Watch(progress=progress) if progress else Watch())


def _plan(options: Mapping[str, Any], target: ModelTarget | None) -> GenerationPlan:
    types, gates = options.get("types", {}), options.get("gates", {})
    given = {
        name: value for name, value in chosen(options, GenerationPlan).items() if name not in {"types", "personas"}
    }
    given.setdefault("generator", "cloze" if target is None else "llm")
    plan = GenerationPlan(
        **given,
        types=read_types([f"{name}={count}" for name, count in types.items()]),
        thresholds=parse_thresholds([f"{name}={value}" for name, value in gates.items()]),
        personas=tuple(options.get("personas", ())),
    )
    checks = {
        "questions_per_window is not 1 or more": plan.questions_per_window >= 1,
        "rounds is not 1 or more": plan.rounds >= 1,
        "budget_tokens is not 1 or more": plan.budget_tokens is None or plan.budget_tokens >= 1,
        "a price is below 0": min(plan.price_prompt or 0, plan.price_completion or 0) >= 0,
    }
    for complaint, is_good in checks.items():
        if not is_good:
            raise InputError(complaint, code="bad_option")
    return plan


def _target(model: str, options: Mapping[str, Any], settings: Settings) -> ModelTarget | None:
    url = options.get("url") or settings.openai_base_url
    if not model:
        if options.get("url"):
            raise InputError("url= is given without model=", code="usage", hint="pass model=")
        return None
    if not url and not model.startswith("baseline:"):
        raise InputError("no endpoint is given", code="missing_url", hint="pass url=, or set OPENAI_BASE_URL")
    return ModelTarget(
        id=model, url=url, api_key_env=options.get("api_key_env", ""), headers=options.get("headers", {})
    )
