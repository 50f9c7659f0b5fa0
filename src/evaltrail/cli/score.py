"""`evaltrail score`: stored answers, scored by other metrics; the model that gave them is not asked."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from evaltrail.cli import values
from evaltrail.cli.run import add_delivery, add_limits
from evaltrail.cli.run_tasks import delivery_of, limits_of, show_results
from evaltrail.cli.show import ProgressLine, print_error, print_json, print_notice
from evaltrail.config.secrets import public_url
from evaltrail.config.settings import load_settings
from evaltrail.service.evaluation.result_record import result_object
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.rescoring.rescore import RescoreOrder, rescore
from evaltrail.service.rescoring.specs import read_specs

_URL = re.compile(r"https?://[^\s\"'#{}]+")

EXAMPLE = "evaltrail score 3f9a --metrics token_f1 rougeL"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "id", metavar="ID_OR_FOLDER", help="evaluation or job, its id's beginning, or a result that `ingest` reads"
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        required=True,
        metavar="NAME",
        help="metrics and judges: names, '{name: {option: value}}', or a YAML file of them",
    )
    parser.add_argument(
        "--judge",
        default="",
        metavar="SPEC",
        help="model that judges: openai:/NAME or URL#NAME; default EVALTRAIL_JUDGE",
    )
    add_limits(parser)
    add_delivery(parser)
    parser.add_argument("--fresh", action="store_true", help="start over, even where scoring was cut short")
    parser.add_argument(
        "--allow-unscored", type=values.share, default=0.0, metavar="SHARE", help="unscored samples accepted, 0 to 1"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="show the bundle here too")


def execute(arguments: argparse.Namespace) -> int:
    """Score anew, land, and show the table."""
    order = RescoreOrder(
        source=arguments.id,
        metrics=read_specs(arguments.metrics),
        judge=arguments.judge,
        limits=limits_of(arguments),
        delivery=None if arguments.no_deliver else delivery_of(arguments),
        out=arguments.out,
        fresh=arguments.fresh,
        allow_unscored=arguments.allow_unscored,
        command=_command(arguments),
    )
    with ProgressLine() as progress:
        result = rescore(order, load_settings(), Watch(progress=progress, notice=print_notice))
    if arguments.json:
        print_json(result_object(result))
    else:
        show_results([result])
    for error in result.errors:
        print_error(error)
    return result.exit_code


def _command(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The command line, for the report; user, password and query of a judge's URL are left out wherever it stands."""
    words = [arguments.id, "--metrics", *arguments.metrics, *(["--judge", arguments.judge] if arguments.judge else [])]
    return ("evaltrail", "score", *(_URL.sub(lambda found: public_url(found[0]), word) for word in words))
