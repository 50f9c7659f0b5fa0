"""The command tree: names and one-line helps as text; a command's module is imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Protocol, cast

from evaltrail.cli.parser import Parser
from evaltrail.core.errors import EvaltrailError, InputError, InterruptError, PartialError
from evaltrail.core.ids import nearest
from evaltrail.core.version import VERSION

COMMANDS = {
    "demo": "make questions of shipped documents, evaluate baseline models on them, offline, into MLflow",
    "run": "run task files, or a run configuration, against an endpoint; results land in MLflow",
    "generate": "make verified questions of documents, to evaluate models on",
    "ingest": "land result folders of any supported harness in MLflow",
    "export": "land finished invocations, the NeMo Evaluator Launcher's or ours, in MLflow or files",
    "ls": "list what ran and what runs, the tasks and metrics that can be named, and data sets",
    "status": "how far evaluations, generations and invocations are",
    "info": "what an evaluation, a generation or an invocation came to; copies its files",
    "logs": "what an evaluation, a generation or jobs print; -f follows",
    "kill": "end jobs that run or wait",
    "resume": "go on with jobs that were cut short",
    "score": "score stored answers by other metrics, without asking the model again",
    "judge": "measure a judge against people's labels",
    "samples": "read inputs, outputs and scores in the terminal",
    "up": "keep service, workers and MLflow standing on this machine",
    "submit": "have the service evaluate a model; --wait follows it",
    "serve": "answer as the evaluation service: a REST interface",
    "worker": "do what is queued",
    "jobs": "list and show queued evaluations and generations, cancel them, have them tried again",
    "keys": "make, list and end the keys that the service asks for",
    "sync": "send what waits in the outbox, list it, or give one up",
    "gc": "remove what nothing refers to any more",
    "doctor": "check endpoint, key, MLflow, disk and versions",
    "ui": "open MLflow's own pages over the current store",
}
UNLISTED = {"job": "run the job of a folder; for the scripts that a launch writes"}
"""Commands that programs call, left out of the list that people read."""


class Command(Protocol):
    """What a command's module offers."""

    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags."""
        ...

    def execute(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code as product documentation tells it."""
    words = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, interrupt)
    as_json = "--json" in words
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except EvaltrailError as error:
        return _fail(error, as_json=as_json)
    except KeyboardInterrupt:
        return _fail(InterruptError("interrupted"), as_json=as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def interrupt(number: int, frame: FrameType | None) -> None:
    """Take a signal for Ctrl-C, which an event loop ends itself for; an error raised in its callbacks it would log."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script
        signal.default_int_handler(number, frame)
    signal.raise_signal(signal.SIGINT)


def _dispatch(words: list[str]) -> int:
    name = next((word for word in words if not word.startswith("-")), "")
    top = Parser(prog="evaltrail", description="Run LLM evaluations; every result lands in MLflow.")
    top.add_argument("--version", action="version", version=f"evaltrail {VERSION}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    known = {**COMMANDS, **(UNLISTED if name in UNLISTED else {})}
    if name and name not in known:
        raise InputError(
            f"unknown command {name!r}", code="usage", hint=nearest(name, COMMANDS) or "`evaltrail --help` lists them"
        )
    chosen: Command | None = None
    parser: argparse.ArgumentParser | None = None
    for command, line in known.items():
        if command == name:
            chosen = cast("Command", importlib.import_module(f"evaltrail.cli.{command}"))
            parser = commands.add_parser(
                command,
                allow_abbrev=False,
                help=line,
                description=f"{line[0].upper()}{line[1:]}.",
                epilog=f"example: {chosen.EXAMPLE}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            chosen.add_arguments(parser)
            parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        else:
            commands.add_parser(command, help=line)
    arguments, strange = top.parse_known_args(words)
    if strange and parser is not None:
        flags = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001  argparse has no other way to ask
        hint = nearest(strange[0].partition("=")[0], flags) or f"`evaltrail {name} --help` shows the flags"
        raise InputError(f"unknown argument {strange[0]!r}", code="usage", hint=hint)
    return 0 if chosen is None else chosen.execute(arguments)


def _fail(error: EvaltrailError, *, as_json: bool) -> int:
    from evaltrail.cli.show import print_error, print_json  # noqa: PLC0415  only when something failed
    from evaltrail.service.record import failure_object  # noqa: PLC0415  the same

    for each in error.errors if isinstance(error, PartialError) else (error,):
        print_error(each)
    if as_json:
        print_json(failure_object(error))
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
