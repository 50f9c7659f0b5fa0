"""The report of a generation as Markdown: what came of it, what was rejected and why, how to repeat it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaltrail.config.secrets import public_url
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.document import Document
from evaltrail.core.generation import Generation, GenerationPlan, Thresholds
from evaltrail.core.question import QUESTION_TYPES
from evaltrail.core.request import RequestLimits
from evaltrail.destinations.mlflow.tracking_uri import public_uri
from evaltrail.service.generating.generation_bundle import About
from evaltrail.service.generating.order import GenerationOrder


def write_report(order: GenerationOrder, generation: Generation, documents: Sequence[Document], about: About) -> str:
    """The report, ready to be read on its own.

    Args:
        order: what was asked for.
        generation: what came of it.
        documents: that it was made of.
        about: its id, its times, its data set.
    """
    lines = [f"# Questions by {order.model_name}", ""]
    lines += [f"Generation `{about.id}`, started {about.started_at:%Y-%m-%d %H:%M:%S} UTC,"]
    lines += [f"took {(about.ended_at - about.started_at).total_seconds():.1f} s.", ""]
    lines += [f"**{count_line(generation)}**", ""]
    if about.dataset is not None:
        lines += [f"Data set `dataset:{about.dataset.dataset_id}`, version {about.dataset.version}.", ""]
    lines += _types(order.plan, generation)
    lines += _reasons("Rejected", generation.rejected_by_reason)
    lines += _reasons("Missing", generation.shortfall)
    lines += _documents(generation, documents)
    lines += _cost(generation)
    lines += [
        "## How to repeat it",
        "",
        "```sh",
        shlex.join(order.command or repeat_words(order, documents)),
        "```",
        "",
    ]
    if about.dataset is not None:
        lines += ["## How to evaluate on it", "", "```sh", next_words(about.dataset.dataset_id), "```", ""]
    return "\n".join(lines)


def count_line(generation: Generation) -> str:
    """What came of a generation: ``118 of 120 questions accepted, 14 rejected``."""
    return (
        f"{generation.accepted:,} of {generation.requested:,} questions accepted, {len(generation.rejected):,} rejected"
    )


def reason_words(reasons: dict[str, int]) -> str:
    """Reasons with their counts, the most frequent first: ``9 duplicate, 3 evidence``."""
    ranked = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ranked)


def notes_on(document: Document) -> Iterator[str]:
    """What of a document was not read, or not as it is: ``manual.pdf: page 3: it has no text``."""
    for item in document.skipped:
        yield f"{'' if document.name in item.what else f'{document.name}: '}{item.what}: {item.why}"


def next_words(dataset_id: str) -> str:
    """The command that evaluates a model on a data set."""
    return f"evaltrail run dataset:{dataset_id} --model MODEL --url URL"


def edits_words(out: Path) -> str:
    """The command that takes edited questions in."""
    return f"evaltrail generate --edits {shlex.quote(str(out))}"


def repeat_words(order: GenerationOrder, documents: Sequence[Document]) -> tuple[str, ...]:
    """The words of the command line that asks for the same again; header values are left out."""
    named = map(_shown, order.documents) if order.documents else (each.name for each in documents)
    return ("evaltrail", "generate", *named, "--out", _shown(order.out or Path("questions.csv")), *_flags(order))


def resume_command(order: GenerationOrder) -> str:
    """The command line that goes on with a generation; ``***`` stands for the value of a header.

    For its owner alone: it tells this machine's folders, in which paths and a ``.env`` are found.
    """
    words = ["evaltrail", "generate", *map(str, order.documents)]
    words += ["--out", str(order.out)] if order.out is not None else []
    words += [f"--header={name}=***" for name in (() if order.target is None else order.target.headers)]
    command = shlex.join(order.command or (*words, *_flags(order), *_landing(order.delivery)))
    try:
        return f"cd {shlex.quote(str(Path.cwd()))} && {command}"
    except FileNotFoundError:  # it was removed: what is found from there is found from anywhere
        return command


def _landing(delivery: DeliveryOptions | None) -> list[str]:
    """The flags that say where it lands."""
    if delivery is None:
        return ["--no-deliver"]
    given = {
        "--experiment": delivery.experiment,
        "--run-name": delivery.run_name,
        "--tracking-uri": public_uri(delivery.tracking_uri),
    }
    words = [f"{flag}={value}" for flag, value in given.items() if value]
    return words + [f"--tag={name}={value}" for name, value in delivery.tags.items()]


def _flags(order: GenerationOrder) -> tuple[str, ...]:
    """The flags that say what is made, and by whom."""
    plan, usual = order.plan, GenerationPlan()
    words: list[str] = []
    flags: dict[str, object] = {
        "--window-size": plan.window_size,
        "--window-step": plan.window_step,
        "--window-scope": plan.window_scope if plan.window_scope != usual.window_scope else None,
        "--seed": plan.seed or None,
        "--budget-tokens": plan.budget_tokens,
        "--price-prompt": plan.price_prompt,
        "--price-completion": plan.price_completion,
        **_asking(order),
    }
    if not plan.types:
        flags["--questions-per-window"] = plan.questions_per_window
    for flag, value in flags.items():
        words += [flag, str(value)] if value is not None else []
    if plan.types:
        words += ["--types", *(f"{name}={count}" for name, count in plan.types.items())]
    words += _gates(plan.thresholds)
    return tuple(words)


def _shown(path: Path) -> str:
    """A path as others may read it: of one that tells this machine's folders the name alone."""
    return path.name if path.is_absolute() else str(path)


def _asking(order: GenerationOrder) -> dict[str, object]:
    """The flags that say who is asked, and how fast."""
    target, limits, usual = order.target, order.limits, RequestLimits()
    if target is None:
        return {"--generator": order.plan.generator}
    return {
        "--model": target.id,
        "--url": public_url(target.url) or None,
        "--api-key-env": target.api_key_env or None,
        "--concurrency": limits.concurrency,
        "--rpm": limits.rpm,
        "--tpm": limits.tpm,
        "--timeout": limits.timeout_s if limits.timeout_s != usual.timeout_s else None,
        "--max-retries": limits.max_retries if limits.max_retries != usual.max_retries else None,
    }


def _gates(thresholds: Thresholds) -> list[str]:
    """The flag that names the gates whose threshold is not the usual one."""
    usual = Thresholds()
    names = Thresholds.__dataclass_fields__
    other = [
        f"{name}={getattr(thresholds, name):g}" for name in names if getattr(thresholds, name) != getattr(usual, name)
    ]
    return ["--gates", *other] if other else []


def _types(plan: GenerationPlan, generation: Generation) -> Iterator[str]:
    found = Counter(question.type for question in generation.questions)
    yield from ("| type | asked for | accepted |", "|---|---|---|")
    for kind in QUESTION_TYPES:
        asked = plan.types.get(kind, 0) if plan.types else (generation.requested if kind == "simple" else 0)
        if asked or found[kind]:
            yield f"| {kind} | {asked:,} | {found[kind]:,} |"
    yield ""


def _reasons(title: str, reasons: object) -> Iterator[str]:
    known = dict(reasons) if isinstance(reasons, dict) else {}
    if known:
        yield from (f"## {title}", "", "| reason | questions |", "|---|---|")
        yield from (f"| {reason} | {count:,} |" for reason, count in sorted(known.items(), key=lambda each: -each[1]))
        yield ""


def _documents(generation: Generation, documents: Sequence[Document]) -> Iterator[str]:
    yield from (
        "## Documents",
        "",
        "| document | format | chunks | pages | bytes | digest |",
        "|---|---|---|---|---|---|",
    )
    for each in documents:
        pages = "" if each.pages is None else f"{each.pages:,}"
        name = each.name.replace("|", "\\|")
        yield f"| {name} | {each.format} | {len(each.chunks):,} | {pages} | {each.size_bytes:,} | `{each.digest}` |"
    unused = f"; {len(generation.unused_chunks):,} chunks lie in no window" if generation.unused_chunks else ""
    count = len(generation.windows)
    yield from ("", f"{count:,} window{'' if count == 1 else 's'}{unused}.", "")
    for each in documents:
        yield from (f"- {words}" for words in notes_on(each))


def _cost(generation: Generation) -> Iterator[str]:
    if generation.calls:
        cost = "" if generation.cost is None else f", cost {generation.cost:.4g}"
        yield (
            f"{generation.calls:,} calls, {generation.prompt_tokens:,} prompt tokens, "
            f"{generation.completion_tokens:,} answer tokens{cost}."
        )
        yield ""
