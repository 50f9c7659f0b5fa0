"""`evaltrail demo`: shipped documents, questions on them, two baseline models, MLflow; no network, no key."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from evaltrail.cli.generate_shown import show_generation
from evaltrail.cli.run_tasks import show_results
from evaltrail.cli.show import ProgressLine, print_error, print_json, print_notice, print_text
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.generation import GenerationPlan
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.lineage import in_usual_experiment
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.result_record import result_object
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.generating.carry_out import generate_questions
from evaltrail.service.generating.order import GenerationOrder, GenerationResult
from evaltrail.service.generating.result_object import generation_object

EXAMPLE = "evaltrail demo"
_DOCUMENTS = ("museum.md", "lighthouse.html", "orchard.txt", "tramway.json")
_PLAN = GenerationPlan(
    generator="cloze",
    window_size=2,
    window_step=1,
    types={"simple": 24, "numeric": 24, "unanswerable": 8},
)
_MODELS = ("baseline:extractive", "baseline:random")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="MLflow; default: its store in this folder")


def execute(arguments: argparse.Namespace) -> int:
    """Make questions, evaluate both baselines on them, and say what to type next."""
    settings = load_settings()
    delivery = DeliveryOptions(tracking_uri=arguments.tracking_uri)
    with as_file(files("evaltrail").joinpath("data", "demo", "documents")) as folder:
        generation = _generated(folder, delivery, settings)
    results = _evaluated(generation.dataset_id, delivery, settings)
    errors = [*generation.errors, *(error for result in results for error in result.errors)]
    code = max((error.exit_code for error in errors), default=0)
    if arguments.json:
        evaluations = [result_object(result) for result in results]
        told = {"generation": generation_object(generation), "evaluations": evaluations}
        print_json({"ok": not code, "exit_code": code, **told})
        return code
    show_generation(generation)
    print_text()
    show_results(results, has_slices=False)
    for error in errors:
        print_error(error)
    _show_next(generation, results)
    return code


def _generated(folder: Path, delivery: DeliveryOptions, settings: Settings) -> GenerationResult:
    print_notice(f"making questions of {', '.join(_DOCUMENTS)} ...")
    order = GenerationOrder(
        documents=tuple(folder / name for name in _DOCUMENTS),
        plan=_PLAN,
        delivery=delivery,
        name="vellmouth",
        command=("evaltrail", "demo"),
    )
    with ProgressLine() as progress:
        return generate_questions(order, settings, Watch(progress=progress, notice=print_notice))


def _evaluated(dataset_id: str, delivery: DeliveryOptions, settings: Settings) -> list[Result]:
    results: list[Result] = []
    task = f"dataset:{dataset_id}"
    for model in _MODELS:
        request = EvaluationRequest(tasks=(task,), target=ModelTarget(id=model))
        order = Order(request=request, delivery=in_usual_experiment(delivery, (task,), settings))
        print_notice(f"{task} with {model} ...")
        with ProgressLine() as progress:
            results.append(evaluate(order, settings, Watch(progress=progress, notice=print_notice)))
    return results


def _show_next(generation: GenerationResult, results: Sequence[Result]) -> None:
    first, task = results[0].evaluation_id[:8], f"dataset:{generation.dataset_id}"
    steps = {
        "evaltrail ui": "MLflow's pages over these runs: documents, questions, evaluations",
        f"evaltrail samples {first} --failed --limit 3": "what the extractive baseline got wrong",
        f"evaltrail run {task} --model M --url URL": "your own endpoint on these questions",
        "evaltrail generate DOC --out FILE --model M --url URL": "questions on your own documents",
    }
    width = max(map(len, steps))
    print_text("\nNext:")
    for words, what in steps.items():
        print_text(f"  {words:{width}}   {what}")
