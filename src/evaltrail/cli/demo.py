"""`evaltrail demo`: the shipped task, two baseline models, MLflow's default store; no network, no key."""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files

from evaltrail.cli.run_tasks import show_results
from evaltrail.cli.show import ProgressLine, print_json, print_notice, print_text
from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.service.evaluation.asking import Watch
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.result_record import result_object

EXAMPLE = "evaltrail demo"
_MODELS = ("baseline:extractive", "baseline:random")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="MLflow; default: its store in this folder")


def execute(arguments: argparse.Namespace) -> int:
    """Evaluate both baselines and say what to type next."""
    settings = load_settings()
    results: list[Result] = []
    with as_file(files("evaltrail").joinpath("data", "demo")) as folder:
        for model in _MODELS:
            request = EvaluationRequest(tasks=(str(folder / "reading.yaml"),), target=ModelTarget(id=model))
            delivery = DeliveryOptions(tracking_uri=arguments.tracking_uri, experiment="evaltrail-demo")
            print_notice(f"reading with {model} ...")
            with ProgressLine() as progress:
                watch = Watch(progress=progress, notice=print_notice)
                results.append(evaluate(Order(request=request, delivery=delivery), settings, watch))
    code = max(result.exit_code for result in results)
    if arguments.json:
        print_json({"evaluations": [result_object(result) for result in results]})
        return code
    show_results(results)
    first = results[0].evaluation_id[:6]
    print_text("\nNext:")
    print_text("  evaltrail ui                                   MLflow's pages over these runs")
    print_text(f"  evaltrail samples {first} --failed --limit 3     what the extractive baseline got wrong")
    print_text("  evaltrail run TASK.yaml --model M --url URL    your own task, your own endpoint")
    return code
