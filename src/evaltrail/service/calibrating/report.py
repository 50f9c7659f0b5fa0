"""A calibration for programs, as one JSON object, and for people, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from evaltrail.config.secrets import public_url
from evaltrail.core.values import Json
from evaltrail.scoring.judging.rubric_judge import RubricJudge
from evaltrail.service.calibrating.measure import Corrected
from evaltrail.service.calibrating.outcome import Calibrated
from evaltrail.service.record import error_object
from evaltrail.stats.agreement import Kappa
from evaltrail.stats.estimate import Estimate

_RAW_CHARACTERS = 400
_MOST_LISTED = 20
_WORDS = (
    "Kappa is agreement beyond chance: 1 = the judge always says what people say, 0 = no more often than by chance. "
    "Bias is the mean of judge minus people."
)


def calibration_object(done: Calibrated) -> dict[str, Any]:
    """The JSON object of a calibration."""
    measured = done.measured
    return {
        "ok": done.exit_code == 0,
        "exit_code": done.exit_code,
        "evaluation_id": done.result.evaluation_id,
        **_kappa_parts("kappa", measured.kappa),
        **({} if measured.weighted is None else _kappa_parts("weighted_kappa", measured.weighted)),
        **_estimate_parts("agreement", measured.agreement),
        **_estimate_parts("bias", measured.bias),
        "confusion": measured.confusion,
        "n": measured.n,
        "n_unscored": sum(measured.unscored.values()),
        "unscored": dict(measured.unscored),
        "n_unlabelled": measured.n_unlabelled,
        "n_unlabelled_unscored": sum(row.human is None for row in done.unreadable),
        **_corrected_parts(done),
        "judge": _identity(done),
        "cost": _cost(done),
        "unreadable": [
            {"row": row.id, "reason": row.reason, "raw": row.raw[:_RAW_CHARACTERS]} for row in done.unreadable
        ],
        "errors": [error_object(error) for error in done.errors],
    }


def calibration_report(done: Calibrated) -> str:
    """The report, ready to be read on its own."""
    identity, cost, measured = _identity(done), _cost(done), done.measured
    lines = [f"# Calibration of {done.judge.name}", ""]
    lines += [
        f"Judge `{identity['source']}`, model {identity['model']}, parameters {_json(identity['parameters'])}.",
        "",
    ]
    lines += ["| figure | value | 95 % interval |", "|---|---|---|", *_figures(done), ""]
    missing = ", ".join(f"{count} {reason}" for reason, count in measured.unscored.items())
    lines += [f"{measured.n} labelled rows were scored, {sum(measured.unscored.values())} not"]
    lines[-1] += f" ({missing})." if missing else "."
    lines += [_WORDS, ""]
    if measured.confusion:
        lines += ["## What people said, and what the judge said", "", *_confusion(measured.confusion), ""]
    if done.unreadable:
        lines += ["## Rows without a score", "", *_unreadable(done), ""]
    tokens = f"{cost['tokens_in']:,} tokens in, {cost['tokens_out']:,} out"
    lines += [
        f"Cost: {cost['requests']:,} requests, {tokens}. Rows: `evaltrail samples {done.result.evaluation_id}`.",
        "",
    ]
    return "\n".join(lines)


def _figures(done: Calibrated) -> Iterator[str]:
    measured = done.measured
    yield _row("kappa (Cohen)", measured.kappa.value, measured.kappa.low, measured.kappa.high, measured.kappa.reason)
    if (weighted := measured.weighted) is not None:
        yield _row("kappa, quadratic weights", weighted.value, weighted.low, weighted.high, weighted.reason)
    for name, estimate in (("agreement", measured.agreement), ("bias", measured.bias)):
        if estimate is not None:
            yield _row(name, estimate.value, estimate.low, estimate.high)
    for word, corrected in measured.corrected.items():
        low, high = _within(done, corrected)
        of = f" of {word}" if word else ""
        labels, judge = f"labels alone {corrected.of_labels:.3f}", f"judge alone {corrected.of_judge:.3f}"
        about = f"{measured.n} labelled, {corrected.estimate.n_unlabelled} not; {labels}, {judge}"
        yield _row(f"corrected {_subject(done)}{of} ({about})", corrected.estimate.value, low, high)


def _row(name: str, value: float | None, low: float | None, high: float | None, reason: str = "") -> str:
    shown = "none" if value is None else f"{value:.3f}"
    why = f" ({reason})" if reason else ""
    interval = "" if low is None or high is None else f"{low:.3f} .. {high:.3f}"
    return f"| {name} | {shown}{why} | {interval} |"


def _confusion(confusion: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    said = sorted({judge for row in confusion.values() for judge in row})
    yield "| people / judge | " + " | ".join(map(_cell, said)) + " |"
    yield "|---|" + "---|" * len(said)
    for human, row in confusion.items():
        yield f"| {_cell(human)} | " + " | ".join(str(row.get(judge, 0)) for judge in said) + " |"


def _unreadable(done: Calibrated) -> Iterator[str]:
    rows = done.unreadable
    for row in rows[:_MOST_LISTED]:
        raw = " ".join(row.raw.split())[:_RAW_CHARACTERS]
        yield f"- {row.id}: {row.reason}" + (f": {raw}" if raw else "")
    if len(rows) > _MOST_LISTED:
        yield f"- and {len(rows) - _MOST_LISTED} more"


def _identity(done: Calibrated) -> dict[str, Any]:
    judge = done.judge
    parameters: Mapping[str, Json] = judge.rubric.parameters if isinstance(judge, RubricJudge) else {}
    return {
        "name": judge.name,
        "model": done.target.id,
        "url": public_url(done.target.url),
        "source": judge.source,
        "rubric": judge.rubric.digest() if isinstance(judge, RubricJudge) else judge.source.rpartition("@")[2],
        "parameters": dict(parameters),
        "votes": getattr(judge, "votes", 1),
        "scale": done.reader.told,
    }


def _cost(done: Calibrated) -> dict[str, int]:
    usage = done.result.bundle.tasks[0].usage
    return {name: int(usage.get(f"judge_{name}", 0)) for name in ("requests", "tokens_in", "tokens_out")}


def _kappa_parts(name: str, kappa: Kappa) -> dict[str, Any]:
    return {
        name: kappa.value,
        f"{name}_stderr": kappa.stderr,
        f"{name}_ci_low": kappa.low,
        f"{name}_ci_high": kappa.high,
        f"{name}_reason": kappa.reason,
    }


def _estimate_parts(name: str, estimate: Estimate | None) -> dict[str, Any]:
    return {
        name: None if estimate is None else estimate.value,
        f"{name}_stderr": None if estimate is None else estimate.stderr,
        f"{name}_ci_low": None if estimate is None else estimate.low,
        f"{name}_ci_high": None if estimate is None else estimate.high,
    }


def _corrected_parts(done: Calibrated) -> dict[str, Any]:
    """``corrected`` of numbers, ``corrected_shares`` of words; None without unlabelled rows."""
    told = {}
    for word, corrected in done.measured.corrected.items():
        low, high = _within(done, corrected)
        estimate = corrected.estimate
        told[word] = {
            "value": estimate.value,
            "stderr": estimate.stderr,
            "ci_low": low,
            "ci_high": high,
            "lambda": estimate.weight,
            "n": estimate.n,
            "n_unlabelled": estimate.n_unlabelled,
            "labels_alone": corrected.of_labels,
            "judge_alone": corrected.of_judge,
        }
    if "" in told:
        return {"corrected": told[""]}
    return {"corrected": None, "corrected_shares": told} if told else {"corrected": None}


def _within(done: Calibrated, corrected: Corrected) -> tuple[float, float]:
    """The ends of the interval, no further than any mean could lie."""
    lowest, highest = done.reader.bounds
    return max(lowest, corrected.estimate.low), min(highest, corrected.estimate.high)


def _subject(done: Calibrated) -> str:
    return "mean" if done.reader.is_graded else "share"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
