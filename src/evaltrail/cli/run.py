"""`evaltrail run`: task files against an endpoint, or a run configuration; the flags of both."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from evaltrail.cli import values
from evaltrail.core.request import RequestLimits

EXAMPLE = "evaltrail run capitals.yaml --model my-model --url http://localhost:8000/v1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("task", nargs="*", metavar="TASK", help="task file (.yaml), dataset:ID[@N], or provider/task")
    parser.add_argument("--model", action="append", type=values.text, metavar="ID", help="model name; may be repeated")
    parser.add_argument("--url", default="", help="OpenAI-compatible base URL; default OPENAI_BASE_URL")
    parser.add_argument("--api-key-env", default="", metavar="NAME", help="variable that holds the key")
    parser.add_argument("--header", action="append", default=[], metavar="K=V", help="extra request header")
    _add_choice_of_samples(parser)
    add_limits(parser)
    add_delivery(parser)
    parser.add_argument(
        "--show", type=values.count, metavar="N", help="print the first N prompts and the cost; ask nothing"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would land in MLflow; ask nothing")
    parser.add_argument("--detach", action="store_true", help="queue it for `evaltrail worker`; prints the job's id")
    _add_queue(parser)
    parser.add_argument("--fresh", action="store_true", help="start over, even where a run was cut short")
    parser.add_argument("--reuse-answers", action="store_true", help="let stored answers serve this evaluation")
    parser.add_argument(
        "--allow-unscored", type=values.share, default=0.0, metavar="SHARE", help="unscored samples accepted, 0 to 1"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="show the bundle here too")
    _add_configuration(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Evaluate task files, or launch a run configuration; each is imported only where it is meant."""
    if not _is_configuration(arguments):
        return int(importlib.import_module("evaltrail.cli.run_tasks").execute(arguments))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    usual = parser.parse_args([])
    return int(importlib.import_module("evaltrail.cli.run_config").execute(arguments, usual))


def _add_choice_of_samples(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=values.limit, metavar="N", help="first N records, or a share such as 0.1")
    parser.add_argument("--samples", default="", metavar="IDS", help="only these ids, with commas")
    parser.add_argument("--seed", type=values.whole, help="sent with every request, and for the random baseline")
    parser.add_argument("--repeats", type=values.positive, metavar="N", help="ask each sample N times: pass@k, maj@k")
    parser.add_argument(
        "--judge",
        default="",
        metavar="SPEC",
        help="model that judges: openai:/NAME or URL#NAME; default EVALTRAIL_JUDGE",
    )
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="parameter, logged with the run")
    parser.add_argument(
        "--mode",
        type=values.text,
        metavar="MODE",
        help="of dataset:ID: closed_book, oracle_context (default), noisy_context or rag_endpoint",
    )


def _add_queue(parser: argparse.ArgumentParser) -> None:
    """Declare how an order is queued."""
    parser.add_argument("--queue", type=values.text, metavar="NAME", help="with --detach: which queue; else `default`")
    parser.add_argument(
        "--priority", type=values.whole, metavar="N", help="with --detach: -100 to 100, higher goes first (default: 0)"
    )
    parser.add_argument(
        "--idempotency-key",
        type=values.text,
        metavar="KEY",
        help="with --detach: the same key and the same order are accepted once, and have one id",
    )


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Declare how hard an endpoint may be pressed."""
    usual = RequestLimits()
    parser.add_argument("--concurrency", type=values.positive, default=usual.concurrency, metavar="N", help="in flight")
    parser.add_argument("--rpm", type=values.positive, metavar="N", help="requests a minute at most")
    parser.add_argument("--tpm", type=values.positive, metavar="N", help="tokens a minute at most")
    parser.add_argument(
        "--timeout", type=values.seconds, default=usual.timeout_s, metavar="S", help="seconds an attempt"
    )
    parser.add_argument(
        "--max-retries", type=values.count, default=usual.max_retries, metavar="N", help="further attempts"
    )


def add_delivery(parser: argparse.ArgumentParser) -> None:
    """Declare how a result is to land."""
    parser.add_argument("--experiment", default="", metavar="NAME", help="MLflow experiment; default evaltrail")
    parser.add_argument("--run-name", default="", metavar="NAME", help="MLflow run name")
    parser.add_argument("--tag", action="append", default=[], metavar="K=V", help="tag of the run")
    parser.add_argument("--layout", choices=("per_bundle", "nested"), default="", help="one run, or one more a task")
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI")
    parser.add_argument(
        "--traces", type=values.traces, metavar="failures|N|all", help="samples to look into in MLflow; default none"
    )
    parser.add_argument("--no-deliver", action="store_true", help="write the bundle only")


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of a run configuration."""
    group = parser.add_argument_group("run configurations")
    group.add_argument("--config", type=Path, metavar="FILE", help="run configuration (YAML) instead of tasks")
    group.add_argument(
        "--config-dir", type=Path, action="append", default=[], metavar="DIR", help="where --config-name is looked for"
    )
    group.add_argument("--config-name", default="", metavar="NAME", help="name of a run configuration in --config-dir")
    group.add_argument(
        "-o", "--override", action="append", default=[], metavar="KEY=V", help="change it: a.b=c, +a.b=c, ~a.b"
    )
    group.add_argument("-t", "--only", action="append", default=[], metavar="TASK", help="only this task of it")
    group.add_argument("--env-file", type=Path, metavar="FILE", help="variables; default .env in this folder")
    group.add_argument("--no-endpoint-check", action="store_true", help="do not ask first whether the endpoint answers")


def _is_configuration(arguments: argparse.Namespace) -> bool:
    """Whether a run configuration is to be run, and not tasks."""
    flags = ("config", "config_dir", "config_name", "override", "only", "env_file", "no_endpoint_check")
    return any(getattr(arguments, name) for name in flags)
