"""`evaltrail samples`: inputs, outputs and scores of an evaluation, in the terminal or as CSV; a generation's files."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from evaltrail.bundle import layout
from evaltrail.bundle.folders import storage_error
from evaltrail.bundle.read import read_bundle
from evaltrail.cli import values
from evaltrail.cli.generate_shown import show_kept
from evaltrail.cli.show import print_json, print_notice, print_text
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.result import ResultBundle
from evaltrail.core.sample import Sample, Score
from evaltrail.service.evaluation.judge_facts import has_judge
from evaltrail.service.history.evaluations import find_bundle
from evaltrail.store.dataset_store import DatasetStore

EXAMPLE = "evaltrail samples 3f9a --failed --metric exact_match"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = ("task", "id", "repeat", "input", "reference", "output", "error")
_SAID_CHARACTERS = 400
_SAYINGS = ("reason", "rationale", "raw")
"""What a judge's score has beside its value, one column each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "id", metavar="ID_OR_FOLDER", help="evaluation or generation, its id's beginning, or a bundle folder"
    )
    parser.add_argument(
        "--failed", action="store_true", help="only those whose request failed or that a metric grades below 1"
    )
    parser.add_argument("--unscored", action="store_true", help="only those without a score")
    parser.add_argument("--metric", metavar="M", help="only this metric decides and is shown")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a table instead")
    parser.add_argument(
        "--limit", type=values.positive, default=None, metavar="N", help="first N (default 20 in the terminal)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Show the chosen samples."""
    settings = load_settings()
    folder = find_bundle(settings.home, arguments.id)
    bundle = read_bundle(folder)
    if bundle.kind == "generation" and not arguments.json:
        if arguments.csv:
            hint = f"its questions are in {folder / layout.QUESTIONS}"
            raise InputError(f"generation {bundle.id} has no samples", code="no_samples", hint=hint)
        show_kept(bundle, folder, DatasetStore(settings.question_sets_folder))
        return 0
    _check_metric(bundle, arguments.metric)
    chosen = _chosen(bundle, arguments)
    if arguments.json:
        shown = [{"task": task, **msgspec.to_builtins(sample)} for task, sample in _first(chosen, arguments.limit)]
        print_json({"ok": True, "exit_code": 0, "evaluation_id": bundle.id, "samples": shown})
    elif arguments.csv:
        count = _write_csv(arguments.csv, bundle, _first(chosen, arguments.limit))
        print_notice(f"{count:,} samples are in {arguments.csv}")
    else:
        limit = 20 if arguments.limit is None else arguments.limit
        count = 0
        for task, sample in _first(chosen, limit):
            print_text(_shown(task, sample, arguments.metric))
            count += 1
        total = sum(task.counts.total for task in bundle.tasks)
        print_text(f"{count:,} shown of {total:,} samples (--limit N shows more, --csv FILE writes all)")
    return 0


def _check_metric(bundle: ResultBundle, metric: str | None) -> None:
    known = {value.name for task in bundle.tasks for value in task.metrics}
    if metric is not None and metric not in known:
        raise InputError(f"no task has the metric {metric!r}", code="unknown_metric", hint=nearest(metric, known))


def _chosen(bundle: ResultBundle, arguments: argparse.Namespace) -> Iterator[tuple[str, Sample]]:
    for task in bundle.tasks:
        observed = {metric.name for metric in task.metrics if not metric.is_grade}
        for sample in task.samples or ():
            if arguments.metric is None:
                scores = [score for name, score in sample.scores.items() if name not in observed]
            else:
                scores = [sample.scores[arguments.metric]] if arguments.metric in sample.scores else []
            if arguments.unscored and not any(score.reason for score in scores):
                continue
            if arguments.failed and not (sample.error or any(_is_below_one(score) for score in scores)):
                continue
            yield task.name, sample


def _is_below_one(score: Score) -> bool:
    return isinstance(score.value, bool | float | int) and score.value < 1


def _first(chosen: Iterator[tuple[str, Sample]], limit: int | None) -> Iterator[tuple[str, Sample]]:
    for number, pair in enumerate(chosen):
        if number == limit:
            return
        yield pair


def _shown(task: str, sample: Sample, metric: str | None) -> str:
    asked = sample.input if isinstance(sample.input, str) else "\n".join(turn["content"] for turn in sample.input)
    lines = [f"== {task} / {sample.id}" + (f", repeat {sample.repeat}" if sample.repeat else "")]
    lines += [f"asked:    {_indented(asked)}", f"expected: {' | '.join(sample.reference)}"]
    lines.append(f"answered: {_indented(sample.output)}" if sample.output is not None else f"failed:   {sample.error}")
    if sample.detail:
        lines.append(f"detail:   {sample.detail}")
    if sample.extracted is not None:
        lines.append(f"scored:   {_indented(sample.extracted)}")
    scores = {name: score for name, score in sample.scores.items() if metric in (None, name)}
    told = [f"{name} {_score(score)}" for name, score in scores.items() if not _said(score)]
    said = [f"{name} {_score(score)}: {_said(score)}" for name, score in scores.items() if _said(score)]
    lines.append("scores:   " + "\n          ".join([", ".join(told), *said] if told else said))
    return "\n".join(lines) + "\n"


def _said(score: Score) -> str:
    """What was said of a score: the reason for it, or the words that could not be read; on one line, cut."""
    text = " ".join((score.rationale or score.raw).split())
    shown = text if len(text) <= _SAID_CHARACTERS else f"{text[:_SAID_CHARACTERS]}..."
    return shown if score.rationale or not shown else f'"{shown}"'


def _score(score: Score) -> str:
    if score.value is None:
        return f"unscored ({score.reason})"
    return f"{score.value:.3f}" if isinstance(score.value, float) else str(score.value)


def _indented(text: str) -> str:
    return text.strip().replace("\n", "\n          ")


def _write_csv(file: Path, bundle: ResultBundle, chosen: Iterator[tuple[str, Sample]]) -> int:
    firsts = [(task, sample) for task in bundle.tasks for sample in islice(task.samples or (), 1)]
    metrics = list(dict.fromkeys(name for _, sample in firsts for name in sample.scores))
    judges = list(
        dict.fromkeys(
            name
            for task, sample in firsts
            for name, score in sample.scores.items()
            if score.usage is not None or _said(score) or has_judge(task.config, name)
        )
    )
    count = 0
    try:
        with file.open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out)
            rows.writerow([*_COLUMNS, *metrics, *_headings(judges)])
            for task, sample in chosen:
                asked = sample.input if isinstance(sample.input, str) else sample.input[-1]["content"]
                texts = [task, sample.id, str(sample.repeat), asked, " | ".join(sample.reference)]
                texts += [sample.output or "", sample.error]
                cells = [_cell(sample.scores.get(name)) for name in metrics]
                sayings = [_defused(text) for name in judges for text in _sayings(sample.scores.get(name))]
                rows.writerow([*map(_defused, texts), *cells, *sayings])
                count += 1
    except OSError as error:
        raise storage_error(error, file) from error
    return count


def _headings(judges: Sequence[str]) -> list[str]:
    return [f"{name}.{saying}" for name in judges for saying in _SAYINGS]


def _sayings(score: Score | None) -> list[str]:
    return ["" if score is None else str(getattr(score, saying)) for saying in _SAYINGS]


def _cell(score: Score | None) -> str | float:
    if score is None:
        return ""
    if score.value is None:
        return f"unscored ({score.reason})"
    return _defused(score.value) if isinstance(score.value, str) else score.value


def _defused(text: str) -> str:
    """The text so that a spreadsheet does not run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
