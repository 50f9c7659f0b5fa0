"""What people see of a generation: counts, reasons, where the files are, what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evaltrail.bundle import layout
from evaltrail.cli.show import print_text, skipped_lines, table
from evaltrail.core.delivery import Receipt
from evaltrail.core.errors import InputError
from evaltrail.core.generation import Estimate, Generation
from evaltrail.core.result import ResultBundle
from evaltrail.providers.questions.lineage import DATASET_TAG, VERSION_TAG
from evaltrail.service.generating.order import GenerationOrder, GenerationResult
from evaltrail.service.generating.report import edits_words, next_words
from evaltrail.store.dataset_store import DatasetStore

_MOST_WINDOWS = 12


def show_generation(result: GenerationResult) -> None:
    """The table, and where everything lies, for people."""
    generation = result.generation
    rows = [["asked for", f"{generation.requested:,}"], ["accepted", f"{generation.accepted:,}"]]
    rows += _ranked("rejected", generation.rejected_by_reason)
    rows += _ranked("missing", generation.shortfall)
    print_text(table(["questions", "n"], rows, numbers=(1,)))
    print_text(f"\n{_spent(generation)}")
    if result.out is not None:
        print_text(f"questions: {result.out}")
    if result.rejects is not None:
        print_text(f"rejected:  {result.rejects}")
    print_text(f"generation {result.evaluation_id}, {result.state}, in {result.folder}")
    for receipt in result.receipts:
        for line in landed_lines(receipt):
            print_text(f"  {line}")
    if result.dataset_id:
        print_text(f"data set {result.dataset_id}, version {result.dataset_version}")


def show_next(result: GenerationResult) -> None:
    """What to type next, for people."""
    if result.dataset_id:
        print_text("\nNext:")
        if result.out is not None:
            print_text(f"  {edits_words(result.out)}   # once you have edited it")
        print_text(f"  {next_words(result.dataset_id)}")


def show_kept(bundle: ResultBundle, folder: Path, store: DatasetStore) -> None:
    """Where the questions of a finished generation lie, and how they are used, for people."""
    print_text(f"generation {bundle.id} has questions, and no samples")
    for name, file in (("questions:", layout.QUESTIONS), ("rejected: ", layout.REJECTS)):
        if (folder / file).is_file():
            print_text(f"{name} {folder / file}")
    dataset_id, version = bundle.tags.get(DATASET_TAG, ""), bundle.tags.get(VERSION_TAG, "")
    if not dataset_id:
        return
    try:
        place = f"in {store.folder(dataset_id, int(version))}"
    except InputError:  # of a bundle that was brought from elsewhere
        place = "which is not here"
    print_text(f"data set:  {dataset_id}, version {version}, {place}")
    print_text(f"  {next_words(f'{dataset_id}@{version}')}")


def show_preview(generation: Generation, expected: Estimate, order: GenerationOrder) -> None:
    """What a generation would ask and cost, for people."""
    shown = ", ".join(f"{first}-{last}" for first, last in generation.windows[:_MOST_WINDOWS])
    more = ", ..." if len(generation.windows) > _MOST_WINDOWS else ""
    print_text(_windows(generation) + (f": {shown}{more}" if shown else ""))
    print_text(f"{generation.requested:,} questions by {order.model_name}")
    if not expected.calls:
        print_text("no calls, no cost")
        return
    tokens = expected.prompt_tokens + expected.completion_tokens
    print_text(
        f"about {expected.calls:,} calls, {tokens:,} tokens "
        f"({expected.prompt_tokens:,} of prompts, {expected.completion_tokens:,} of answers)"
    )
    print_text("cost: " + ("no prices are known" if expected.cost is None else f"about {expected.cost:,.4g}"))
    if expected.seconds is not None:
        print_text(f"time: about {expected.seconds:,.0f} s at {order.limits.concurrency} calls in flight, 1 s each")


def _ranked(title: str, reasons: Mapping[str, int]) -> list[list[str]]:
    ranked = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    return [[f"{title}: {reason}", f"{count:,}"] for reason, count in ranked]


def _windows(generation: Generation) -> str:
    return f"{len(generation.windows):,} window" + ("" if len(generation.windows) == 1 else "s")


def _spent(generation: Generation) -> str:
    tokens = generation.prompt_tokens + generation.completion_tokens
    cost = "" if generation.cost is None else f", cost {generation.cost:,.4g}"
    spent = f"{generation.calls:,} calls, {tokens:,} tokens{cost}" if generation.calls else "no calls"
    return f"{_windows(generation)}, {spent}, {generation.seconds:,.1f} s"


def landed_lines(receipt: Receipt) -> list[str]:
    """Where something landed and what of it did not, for people."""
    place = receipt.run_url or f"run {receipt.run_id}"
    was_there = ", was there already" if receipt.is_existing else ""
    of = f": {receipt.task}" if receipt.task else ""
    return [f"MLflow: {place} ({receipt.experiment_name}{of}){was_there}", *skipped_lines(receipt.skipped)]
