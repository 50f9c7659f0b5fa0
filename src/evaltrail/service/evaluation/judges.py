"""Which model grades for a judge, found before anything is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from evaltrail.bundle.answer_log import AnswerLog
from evaltrail.config.secrets import find_key, public_url, same_host
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits, Wording
from evaltrail.models.address import parse_address
from evaltrail.models.remembered import Remembered
from evaltrail.models.target import open_model
from evaltrail.scoring.apply import Bench, Scorer
from evaltrail.scoring.judging.judge_model import JudgeModel
from evaltrail.scoring.judging.port import Judge

OWN_MODEL = "own:"
"""How a judge's target begins that asks a model by itself: its name comes behind it, or nothing where code scores."""
SELF_JUDGED = ("ragas",)
"""Providers whose tasks the model under test may judge where no other judge is named."""
_OPENAI = "https://api.openai.com/v1"
_WORDING = Wording(
    url="EVALTRAIL_JUDGE or the metric's `model`",
    api_key_env="EVALTRAIL_JUDGE_API_KEY_ENV=NAME",
    resume="the same again",
)
_HOW = (
    "name it by --judge SPEC (run, score), judge=SPEC (Python), the metric's `model`, or EVALTRAIL_JUDGE;"
    " SPEC is openai:/NAME or http://host/v1#NAME"
)
_NAME = re.compile(r"[\w./@:-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """A judge and the model that it will ask."""

    judge: Judge
    target: ModelTarget
    key: str = field(repr=False, default="")

    @property
    def place(self) -> tuple[object, ...]:
        """What judges have to share to share one model."""
        target = self.target
        return (target.id, target.url, tuple(sorted(target.headers.items())), self.most_in_flight)

    @property
    def most_in_flight(self) -> int | None:
        """Requests at a time that the judge itself wants at most."""
        workers = getattr(self.judge, "max_workers", None)
        return workers if isinstance(workers, int) and workers > 0 else None


def find_gradings(
    scorers: Iterable[Scorer], settings: Settings, *, default: str = "", tested: ModelTarget, may_be_tested: bool
) -> tuple[Grading, ...]:
    """The judges among some scorers, each with its model.

    Args:
        scorers: of one task.
        settings: of this process.
        default: the judge that the request names.
        tested: the model under test.
        may_be_tested: whether that one grades where no other is named.

    Raises:
        InputError: a judge has no model, or its name cannot be read.
    """
    made: list[Grading] = []
    for judge in scorers:
        if not isinstance(judge, Judge):
            continue
        named = judge.target or default or settings.judge
        if not named and may_be_tested and tested.is_asked:
            target = tested
        elif not named:
            raise InputError(
                f"the metric {judge.name!r} needs a model that judges",
                code="missing_judge",
                hint=_HOW,
            )
        else:
            target = _target(named, settings, tested)
        target = replace(target, headers={**target.headers, **judge.headers})
        key = find_key(target, settings.openai_base_url, settings.environ)
        if not key and not target.headers and same_host(target.url, _OPENAI):
            raise InputError(
                f"the metric {judge.name!r} is to be judged at OpenAI's own endpoint, and OPENAI_API_KEY is not set",
                code="missing_key",
                hint="export OPENAI_API_KEY=..., or OPENAI_BASE_URL where the judge is served elsewhere",
            )
        made.append(Grading(judge=judge, target=target, key=key))
    return tuple(made)


def named_judge(request: EvaluationRequest) -> str:
    """The judge that the request's parameters name; empty where they name none.

    Raises:
        InputError: its URL has a query, where keys sometimes stand, and parameters are logged.
    """
    named = str(request.params.get("judge") or "")
    if "?" in named:
        raise InputError(
            "the URL of the judge holds a query, and parameters are logged",
            code="bad_judge",
            where="judge",
            hint="set EVALTRAIL_JUDGE to it instead, which is not logged",
        )
    return named


def public_judge(named: str) -> str:
    """A judge's name as it may be shown and logged: its URL without user, password and query."""
    url, sign, model = named.partition("#")
    return f"{public_url(url)}{sign}{model}" if "://" in url else named


async def open_benches(
    gradings: Sequence[Grading],
    stack: AsyncExitStack,
    *,
    limits: RequestLimits,
    environ: Mapping[str, str],
    log: AnswerLog,
) -> tuple[Bench, ...]:
    """Each judge with its model, open until the stack is closed; judges of one target share one model."""
    models: dict[tuple[object, ...], JudgeModel] = {}
    benches: list[Bench] = []
    for grading in gradings:
        if grading.place not in models:
            target, key = grading.target, grading.key
            own = replace(limits, concurrency=min(limits.concurrency, grading.most_in_flight or limits.concurrency))
            plain = open_model(target, generation={}, limits=own, api_key=key, environ=environ, wording=_WORDING)
            opened = await stack.enter_async_context(Remembered(plain, log.find, log.keep))
            models[grading.place] = JudgeModel(opened, id=target.id)
        benches.append(Bench(grading.judge, models[grading.place]))
    return tuple(benches)


def _target(named: str, settings: Settings, tested: ModelTarget) -> ModelTarget:
    """The target that a name of a judge means.

    Raises:
        InputError: it cannot be read.
    """
    if named.startswith(OWN_MODEL):
        return ModelTarget(id=named.removeprefix(OWN_MODEL), is_asked=False)
    if named.startswith("baseline:"):
        return ModelTarget(id=named)
    if named.startswith("openai:/"):
        url, model = settings.openai_base_url or _OPENAI, named.removeprefix("openai:/").lstrip("/")
    else:
        url, _, model = named.partition("#")
    if not model or "://" not in url:
        message = f"the judge {public_judge(named)!r} names no model and endpoint"
        raise InputError(message, code="bad_judge", hint=_correction(named))
    parse_address(url)
    variable = settings.judge_api_key_env
    if not variable and same_host(url, tested.url):
        variable = tested.api_key_env
    return ModelTarget(id=model, url=url, api_key_env=variable)


def _correction(named: str) -> str:
    """What a name without model or endpoint may have been meant to be."""
    if "://" in named:
        return f"write {public_url(named)}#NAME"
    name = named.removeprefix("openai:").strip("/#")
    name = name if _NAME.fullmatch(name) else "NAME"
    return f"write openai:/{name}, or http://host/v1#{name}"
