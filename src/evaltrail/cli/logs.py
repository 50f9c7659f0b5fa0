"""`evaltrail logs`: what an evaluation, a generation or jobs print."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.errors import InputError, InterruptError
from evaltrail.service.history.evaluations import find_known, log_of
from evaltrail.service.history.job_logs import logs_of
from evaltrail.service.history.log_following import LogLine, evaluation_writer, follow_logs, job_writers
from evaltrail.service.history.log_lines import read_lines
from evaltrail.store.executions import Job
from evaltrail.store.ledger import Entry

EXAMPLE = "evaltrail logs 3f9a; evaltrail logs -f 3f9a"
_FOLLOWED_TAIL = 15
_LINES_AT_ONCE = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", metavar="ID", help=values.RUN_ID)
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on with new lines until all the jobs have ended"
    )
    parser.add_argument(
        "--tail", type=values.count, metavar="N", help=f"only the last N lines of each log (with -f: {_FOLLOWED_TAIL})"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Print the logs; an interrupted ``-f`` is told by its exit code alone."""
    settings = load_settings()
    known = find_known(settings, arguments.id)
    if not arguments.follow:
        return _print(known, arguments.tail, as_json=arguments.json)
    tail = _FOLLOWED_TAIL if arguments.tail is None else arguments.tail
    try:
        return _follow(known, settings, tail, as_json=arguments.json)
    except KeyboardInterrupt:
        return InterruptError.exit_code


def _print(known: Entry | Sequence[Job], tail: int | None, *, as_json: bool) -> int:
    logs = {known.id: (log_of(known),)} if isinstance(known, Entry) else logs_of(known)
    whole = known.id if isinstance(known, Entry) else known[0].id if len(known) == 1 else known[0].invocation_id
    if as_json:
        _write_json(whole, logs, tail)
        return 0
    for job_id, files in logs.items():
        lead = f"{job_id}: " if len(logs) > 1 else ""
        for file in files:
            if len(files) > 1 and not lead:
                print_text(f"==> {file.parent.name}/{file.name} <==")
            for lines in _batches(_lines(file, tail)):
                print_text("\n".join(lead + line for line in lines))
    return 0


def _write_json(whole: str, logs: Mapping[str, Sequence[Path]], tail: int | None) -> None:
    """One object, written as it is read: of one job its lines, of several the lines of each."""
    out = sys.stdout.write
    out(f'{{"ok":true,"exit_code":0,"evaluation_id":{_text(whole)},')
    if len(logs) == 1:
        _write_lines(out, next(iter(logs.values())), tail)
    else:
        out('"jobs":[')
        for number, (job_id, files) in enumerate(logs.items()):
            out(f'{"," if number else ""}{{"job_id":{_text(job_id)},')
            _write_lines(out, files, tail)
            out("}")
        out("]")
    out("}\n")


def _write_lines(out: Callable[[str], object], files: Sequence[Path], tail: int | None) -> None:
    out('"lines":[')
    comma = ""
    for file in files:
        for lines in _batches(_lines(file, tail)):
            out(comma + ",".join(map(_text, lines)))
            comma = ","
    out("]")


def _follow(known: Entry | Sequence[Job], settings: Settings, tail: int, *, as_json: bool) -> int:
    writers = (evaluation_writer(known, settings),) if isinstance(known, Entry) else job_writers(known, settings)
    has_lines = False
    if isinstance(known, Entry) and not any(writer.files() for writer in writers):
        print_notice(f"{known.noun} {known.id} has no log yet; waiting for a worker to begin it")
    for line in follow_logs(writers, tail=tail):
        if line is None:
            sys.stdout.flush()
            continue
        has_lines = True
        _print_line(line, leads=len(writers) > 1, as_json=as_json)
    if not has_lines and not isinstance(known, Entry):
        logs_of(known)
    return 0


def _print_line(line: LogLine, *, leads: bool, as_json: bool) -> None:
    if as_json:
        print_json({"job_id": line.job_id, "line": line.text})
    else:
        print_text(f"{line.job_id}: {line.text}" if leads else line.text)


def _lines(file: Path, tail: int | None) -> Iterator[str]:
    try:
        yield from read_lines(file, tail=tail)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", code="unreadable", where=str(file)) from error


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    source = iter(lines)
    while batch := list(islice(source, _LINES_AT_ONCE)):
        yield batch


def _text(text: str) -> str:
    return msgspec.json.encode(text).decode()
