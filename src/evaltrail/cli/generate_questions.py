"""`evaltrail generate DOC...`: what the flags order is made, landed and shown."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path

from evaltrail.cli import generate_edits, values
from evaltrail.cli.generate import EXAMPLE, add_arguments
from evaltrail.cli.generate_shown import show_generation, show_next, show_preview
from evaltrail.cli.run_tasks import limits_of
from evaltrail.cli.show import ProgressLine, print_error, print_json, print_notice
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.generation import GenerationPlan, Thresholds
from evaltrail.core.question import QUESTION_TYPES
from evaltrail.core.request import ModelTarget
from evaltrail.generation.sieve.thresholds import parse_thresholds
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.generating.carry_out import carry_out_generation
from evaltrail.service.generating.order import GenerationOrder
from evaltrail.service.generating.prepare import PreparedGeneration, prepare_generation
from evaltrail.service.generating.report import notes_on
from evaltrail.service.generating.result_object import generation_object, preview_object
from evaltrail.service.generating.type_words import read_types

_GATES = Thresholds.__dataclass_fields__


def execute(arguments: argparse.Namespace) -> int:
    """Generate, land, and show what came of it."""
    if arguments.edits is not None:
        return generate_edits.execute(arguments, _wanted_delivery(arguments), add_arguments)
    _refuse_words_of_edits(arguments)
    settings = load_settings()
    order = _order(arguments, settings)
    if arguments.dry_run:
        return _preview(order, settings, as_json=arguments.json)
    if order.out is None:
        raise InputError("--out FILE is missing", code="usage", hint="name a file: --out questions.csv")
    if order.target is None and not arguments.generator:
        print_notice("no --model: questions are made by cloze, which blanks out words of sentences and asks nobody")
    prepared = prepare_generation(order, settings)
    _show_notes(prepared)
    with ProgressLine() as progress:
        result = carry_out_generation(prepared, settings, Watch(progress=progress, notice=print_notice))
    if arguments.json:
        print_json(generation_object(result))
    else:
        show_generation(result)
        show_next(result)
    for error in result.errors:
        print_error(error)
    return result.exit_code


def _show_notes(prepared: PreparedGeneration) -> None:
    if prepared.windows.warning:
        print_notice(f"note: {prepared.windows.warning}")
    for brought in prepared.brought:
        for words in notes_on(brought.document):
            print_notice(f"note: {words}")


def _refuse_words_of_edits(arguments: argparse.Namespace) -> None:
    for flag, given in (("--dataset", arguments.dataset), ("--run-id", arguments.run_id)):
        if given:
            raise InputError(f"{flag} is given without --edits", code="usage", hint="add --edits FILE")


def _preview(order: GenerationOrder, settings: Settings, *, as_json: bool) -> int:
    prepared = prepare_generation(order, settings, is_preview=True)
    generation, expected = prepared.unasked(), prepared.estimate()
    _show_notes(prepared)
    if as_json:
        print_json(preview_object(generation, order.model_name, expected))
    else:
        show_preview(generation, expected, order)
    return 0


def _order(arguments: argparse.Namespace, settings: Settings) -> GenerationOrder:
    types, more = _pairs(arguments.types, QUESTION_TYPES)
    gates, yet_more = _pairs(arguments.gates, _GATES)
    for flag, words, names in (("--types", more, QUESTION_TYPES), ("--gates", yet_more, _GATES)):
        for word in words:
            if word.replace("-", "_") in names and not Path(word).exists():
                raise InputError(f"{flag}: {word!r} has no value", code="usage", hint=f"write {word}=VALUE")
    documents = [*arguments.document, *more, *yet_more]
    if not documents:
        raise InputError("DOC is missing", code="usage", hint=f"name files, such as: {EXAMPLE}")
    target = _target(arguments, settings)
    if types and arguments.questions_per_window is not None:
        hint = "--types says how many there are in all; leave out --questions-per-window"
        raise InputError("two counts of questions are given", code="usage", hint=hint)
    usual = GenerationPlan()
    plan = GenerationPlan(
        generator=arguments.generator or ("cloze" if target is None else "llm"),
        window_size=arguments.window_size,
        window_step=arguments.window_step,
        window_scope=arguments.window_scope,
        questions_per_window=arguments.questions_per_window or usual.questions_per_window,
        types=read_types(types),
        thresholds=parse_thresholds(gates),
        seed=arguments.seed,
        budget_tokens=arguments.budget_tokens,
        price_prompt=arguments.price_prompt,
        price_completion=arguments.price_completion,
    )
    return GenerationOrder(
        documents=tuple(Path(document) for document in documents),
        plan=plan,
        target=target,
        limits=limits_of(arguments),
        delivery=_wanted_delivery(arguments),
        out=arguments.out,
        fresh=arguments.fresh,
    )


def _target(arguments: argparse.Namespace, settings: Settings) -> ModelTarget | None:
    if not arguments.model:
        for flag, given in (("--url", arguments.url), ("--api-key-env", arguments.api_key_env)):
            if given:
                raise InputError(f"{flag} is given without --model", code="usage", hint="add --model ID")
        return None
    headers = {name: str(value) for name, value in values.read_pairs(arguments.header, "--header").items()}
    url = arguments.url or settings.openai_base_url
    if not (url or arguments.dry_run or arguments.model.startswith("baseline:")):
        raise InputError(
            "no endpoint is given", code="missing_url", hint="add --url http://host/v1, or set OPENAI_BASE_URL"
        )
    return ModelTarget(id=arguments.model, url=url, api_key_env=arguments.api_key_env, headers=headers)


def _wanted_delivery(arguments: argparse.Namespace) -> DeliveryOptions | None:
    if arguments.no_deliver:
        return None
    tags = {name: str(value) for name, value in values.read_pairs(arguments.tag, "--tag").items()}
    return DeliveryOptions(
        tracking_uri=arguments.tracking_uri, experiment=arguments.experiment, run_name=arguments.run_name, tags=tags
    )


def _pairs(words: Sequence[str], names: Collection[str]) -> tuple[list[str], list[str]]:
    """The words that are pairs, and those that are not: documents, which a flag with several values swallows."""
    pairs = [word for word in words if _is_pair(word, names)]
    return pairs, [word for word in words if word not in pairs]


def _is_pair(word: str, names: Collection[str]) -> bool:
    """Whether two of three say so, as documents may be called ``a=b.txt``: a known name, a value, no such file."""
    if "=" not in word:
        return False
    parts = [part.partition("=") for part in word.split(",") if part.strip()]
    has_name = any(sign and name.strip().lower().replace("-", "_") in names for name, sign, _ in parts)
    has_values = all(_is_value(value.strip()) for _, _, value in parts)
    return [has_name, has_values, not _is_there(word)].count(True) > 1


def _is_value(text: str) -> bool:
    """Whether it may be the value of a pair: a number, or a gate that is left out."""
    try:
        float(text)
    except ValueError:
        return text.casefold() == "off"
    return True


def _is_there(document: str) -> bool:
    try:
        return Path(document).exists()
    except OSError:  # a name that no file can have
        return False
