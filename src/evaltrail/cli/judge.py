"""`evaltrail judge calibrate`: how far a judge says what people say."""

from __future__ import annotations

import argparse
from pathlib import Path

from evaltrail.cli import values
from evaltrail.cli.run import add_limits
from evaltrail.cli.run_tasks import limits_of
from evaltrail.cli.show import ProgressLine, print_error, print_json, print_notice, print_text
from evaltrail.config.settings import load_settings
from evaltrail.service.calibrating.calibrate import CalibrationOrder, calibrate
from evaltrail.service.calibrating.report import calibration_object, calibration_report
from evaltrail.service.evaluation.watch import Watch

EXAMPLE = "evaltrail judge calibrate labels.csv --judge tone.yaml --model my-judge --url http://localhost:8000/v1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("verb", choices=("calibrate",), metavar="calibrate", help="measure it against labelled rows")
    parser.add_argument(
        "labels",
        type=Path,
        metavar="LABELS",
        help=".csv (or .jsonl...) with input, output, label[, reference, contexts]",
    )
    parser.add_argument(
        "--judge", type=Path, required=True, metavar="FILE", help="the judge, as in a task's metrics (YAML)"
    )
    parser.add_argument(
        "--model", default="", metavar="ID", help="model that judges; default the file's, else EVALTRAIL_JUDGE"
    )
    parser.add_argument("--url", default="", help="OpenAI-compatible base URL of it; default OPENAI_BASE_URL")
    parser.add_argument("--api-key-env", default="", metavar="NAME", help="variable that holds the key")
    add_limits(parser)
    parser.add_argument("--votes", type=values.positive, metavar="N", help="judge each row N times")
    parser.add_argument(
        "--unlabelled", type=Path, metavar="FILE", help="further rows without labels, for a corrected share of all"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write calibration.json and calibration.md here")
    parser.add_argument(
        "--allow-unscored", type=values.share, default=0.0, metavar="SHARE", help="unreadable rows accepted, 0 to 1"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Judge the rows, and tell how it went."""
    order = CalibrationOrder(
        labels=arguments.labels,
        judge=arguments.judge,
        model=arguments.model,
        url=arguments.url,
        api_key_env=arguments.api_key_env,
        limits=limits_of(arguments),
        votes=arguments.votes,
        unlabelled=arguments.unlabelled,
        out=arguments.out,
        allow_unscored=arguments.allow_unscored,
    )
    with ProgressLine() as progress:
        done = calibrate(order, load_settings(), Watch(progress=progress, notice=print_notice))
    if arguments.json:
        print_json(calibration_object(done))
    else:
        print_text(calibration_report(done).rstrip())
    for error in done.errors:
        print_error(error)
    return done.exit_code
