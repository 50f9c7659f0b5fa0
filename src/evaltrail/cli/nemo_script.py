"""`mlflow_eval_integration.py`: seed 000's script, its flags and its .env, over the same ingest as everything else."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaltrail.cli.ingest import show_ingested
from evaltrail.cli.show import ProgressLine, print_error
from evaltrail.config.settings import load_settings, read_dotenv
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import EvaltrailError, InputError, InterruptError
from evaltrail.service.gathering.ingest import IngestOrder, ingest_results
from evaltrail.service.gathering.survey import Search

DEFAULT_EXPERIMENT = "Nemo Evaluator MS Testing"


def main(argv: Sequence[str], *, beside: Path, environ: Mapping[str, str] = os.environ) -> int:
    """Run the script; the exit code as `evaltrail ingest` has it.

    An argument comes before the environment, the environment before the .env file in the working folder, and that
    before the one beside the script.

    Args:
        argv: the flags.
        beside: the folder that the script lies in.
        environ: the variables.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = _ingested(_parser().parse_args(argv), beside, environ)
        sys.stdout.flush()
        return code
    except EvaltrailError as error:
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        print_error(InterruptError("interrupted", hint="the same command goes on"))
        return InterruptError.exit_code
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise InputError(message, code="usage", hint="python mlflow_eval_integration.py --help shows the flags")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mlflow_eval_integration.py",
        description="Land downloaded NeMo Evaluator Microservice results in MLflow, one run a file.",
        epilog='example: python mlflow_eval_integration.py --results_abs_dir "$PWD/results" '
        '--mlflow_uri http://localhost:5000 --experiment_name "my results"',
    )
    parser.add_argument("--results_abs_dir", default="", metavar="DIR", help="the downloaded results (needed)")
    parser.add_argument(
        "--mlflow_uri", default="", metavar="URI", help="MLflow (needed); else MLFLOW_URI, also from .env"
    )
    parser.add_argument(
        "--experiment_name",
        default="",
        metavar="NAME",
        help=f'else EXPERIMENT_NAME, also from .env; "{DEFAULT_EXPERIMENT}"',
    )
    return parser


def _ingested(arguments: argparse.Namespace, beside: Path, environ: Mapping[str, str]) -> int:
    written = {**read_dotenv(beside / ".env"), **read_dotenv(Path(".env"))}

    def said(*names: str) -> str:
        return next((place[name] for place in (environ, written) for name in names if place.get(name)), "")

    uri = arguments.mlflow_uri or said("MLFLOW_URI", "MLFLOW_TRACKING_URI")
    if not uri:
        raise InputError(
            "no MLflow is named",
            code="missing_uri",
            hint="give --mlflow_uri URI, or MLFLOW_URI in the environment or .env",
        )
    if not arguments.results_abs_dir:
        raise InputError(
            "no results are named",
            code="missing_results",
            hint='give --results_abs_dir "/path/to/the/downloaded/results"',
        )
    order = IngestOrder(
        search=Search(paths=(Path(arguments.results_abs_dir).expanduser(),)),
        delivery=DeliveryOptions(
            tracking_uri=uri,
            experiment=arguments.experiment_name or said("EXPERIMENT_NAME") or DEFAULT_EXPERIMENT,
            layout="per_file",
        ),
    )
    with ProgressLine() as progress:
        done = ingest_results(order, load_settings({**written, **environ}, None), progress)
    show_ingested(done)
    for error in done.errors:
        print_error(error)
    return done.exit_code
