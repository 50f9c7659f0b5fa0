"""The log of an evaluation, and of one benchmark: the last lines, bounded, without secrets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evaltrail.bundle.layout import LEFT, LOG
from evaltrail.config.secrets import redact
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.service.answering.account import BenchmarkAccount, EvaluationAccount
from evaltrail.service.answering.bundles import bundle_folder
from evaltrail.service.answering.named import find_benchmark
from evaltrail.service.evaluation.elsewhere import PROGRAM_LOG
from evaltrail.service.history.log_lines import read_lines
from evaltrail.service.working.places import jobs_folder

_TAILS = range(1, 10_001)
_MOST_CHARACTERS = 2_000_000
_WORK_LOG = "run.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogText:
    """The last lines of a log."""

    evaluation_id: str
    benchmark: int | None = None
    """None = of the whole evaluation."""
    text: str = ""
    """Each line with its end; empty where nothing was written yet."""
    lines: int = 0
    is_cut: bool = False
    """Whether lines before these were left out."""


def read_log(settings: Settings, account: EvaluationAccount, *, benchmark: str, tail: int) -> LogText:
    """The last lines of a log; see Answers.logs.

    Raises:
        InputError: no benchmark is called so, the tail is out of bounds, or the log cannot be read.
    """
    if tail not in _TAILS:
        raise InputError(f"a tail of {tail}", where="tail", hint=f"{_TAILS.start} to {_TAILS.stop - 1:,} lines")
    if not benchmark:
        return _text(account.id, None, _lines(_log(settings, account), tail + 1), tail)
    found = find_benchmark(account.benchmarks, benchmark)
    program = _program_log(settings, account, found.index)
    if program is not None:
        return _text(account.id, found.index, _lines(program, tail + 1), tail)
    own = (line for line in _lines(_log(settings, account), None) if _is_about(line, found))
    return _text(account.id, found.index, iter(deque(own, maxlen=tail + 1)), tail)


def _log(settings: Settings, account: EvaluationAccount) -> Path:
    """The log that is still written, else the one in the bundle: a retry goes on with the first."""
    work = jobs_folder(settings.home) / account.id / _WORK_LOG
    return work if work.is_file() else bundle_folder(settings.home, account.id) / LOG


def _program_log(settings: Settings, account: EvaluationAccount, number: int) -> Path | None:
    """What the program printed that ran a benchmark; None where none did, or it has printed nothing."""
    work = jobs_folder(settings.home) / account.id / str(number) / PROGRAM_LOG
    kept = bundle_folder(settings.home, account.id) / LEFT / str(number) / PROGRAM_LOG
    return next((file for file in (work, kept) if file.is_file() and file.stat().st_size), None)


def _is_about(line: str, benchmark: BenchmarkAccount) -> bool:
    """Whether a line of the run's log, ``TIME NAME: ...``, is about a benchmark."""
    name = line.partition(" ")[2].partition(": ")[0]
    return name in {benchmark.id, f"{benchmark.provider_id}/{benchmark.id}"}


def _lines(file: Path, tail: int | None) -> Iterator[str]:
    try:
        yield from read_lines(file, tail=tail)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"the log cannot be read: {error.strerror or error}", code="unreadable_log") from error


def _text(evaluation_id: str, number: int | None, lines: Iterator[str], tail: int) -> LogText:
    found = [redact(line) for line in lines]
    kept: deque[str] = deque()
    size = 0
    for line in reversed(found[-tail:]):
        size += len(line) + 1
        if size > _MOST_CHARACTERS and kept:
            break
        kept.appendleft(line)
    return LogText(
        evaluation_id=evaluation_id,
        benchmark=number,
        text="".join(f"{line}\n" for line in kept),
        lines=len(kept),
        is_cut=len(kept) < len(found),
    )
