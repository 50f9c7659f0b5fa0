"""`evaltrail generate`: documents in, verified questions out; the flags."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import get_args

from evaltrail.cli import values
from evaltrail.cli.run import add_limits
from evaltrail.core.generation import GenerationPlan, GeneratorName, WindowScope

EXAMPLE = "evaltrail generate manual.pdf --out questions.csv --model my-model --url http://localhost:8000/v1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("document", nargs="*", metavar="DOC", help=".json .pdf .docx .html .md .txt .csv")
    parser.add_argument("--out", type=Path, metavar="FILE", help="questions: .csv, .jsonl or .parquet")
    _add_plan(parser)
    parser.add_argument("--model", default="", metavar="ID", help="model that writes and checks the questions")
    parser.add_argument("--url", default="", help="OpenAI-compatible base URL; default OPENAI_BASE_URL")
    parser.add_argument("--api-key-env", default="", metavar="NAME", help="variable that holds the key")
    parser.add_argument("--header", action="append", default=[], metavar="K=V", help="extra request header")
    add_limits(parser)
    parser.add_argument("--budget-tokens", type=values.positive, metavar="N", help="tokens at most, of all calls")
    for flag, what in (("--price-prompt", "prompts"), ("--price-completion", "answers")):
        parser.add_argument(flag, type=values.price, metavar="X", help=f"price of a million tokens of {what}")
    parser.add_argument("--dry-run", action="store_true", help="print windows, calls, tokens and cost; ask nothing")
    parser.add_argument("--fresh", action="store_true", help="start over, even where the same was answered before")
    parser.add_argument("--edits", metavar="FILE", help="questions that you edited: the next version of their data set")
    parser.add_argument("--dataset", default="", metavar="ID[@N]", help="with --edits: what was edited; default: found")
    parser.add_argument(
        "--run-id", default="", metavar="ID", help="with --edits: MLflow run to land in; default: a new one"
    )
    _add_delivery(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Generate, or take edits in; what does it is imported only then."""
    return int(importlib.import_module("evaltrail.cli.generate_questions").execute(arguments))


def _add_plan(parser: argparse.ArgumentParser) -> None:
    """Declare what decides which questions come out."""
    usual = GenerationPlan()
    parser.add_argument(
        "--questions-per-window",
        type=values.positive,
        metavar="N",
        help=f"simple questions of each window (default: {usual.questions_per_window})",
    )
    parser.add_argument(
        "--types",
        nargs="+",
        action="extend",
        default=[],
        metavar="TYPE=N",
        help="how many of each type in all: simple, reasoning, numeric, multi_hop, unanswerable",
    )
    parser.add_argument(
        "--window-size",
        type=values.positive,
        default=usual.window_size,
        metavar="N",
        help=f"chunks that are read together (default: {usual.window_size})",
    )
    parser.add_argument(
        "--window-step",
        type=values.positive,
        default=usual.window_step,
        metavar="N",
        help=f"chunks from one window to the next (default: {usual.window_step})",
    )
    parser.add_argument(
        "--window-scope",
        choices=get_args(WindowScope),
        default=usual.window_scope,
        help="windows over all documents in order, or within each (default: upload)",
    )
    parser.add_argument(
        "--generator", choices=get_args(GeneratorName), default="", help="llm asks --model; cloze asks nobody"
    )
    parser.add_argument(
        "--gates",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="thresholds in [0, 1]: self_contained evidence answerable closed_book round_trip duplicate",
    )
    parser.add_argument("--seed", type=values.whole, default=0, help="of everything that is chosen by chance")


def _add_delivery(parser: argparse.ArgumentParser) -> None:
    """Declare how documents and questions are to land."""
    parser.add_argument(
        "--experiment", default="", metavar="NAME", help="MLflow experiment; default data_generation, data_upload_api"
    )
    parser.add_argument("--run-name", default="", metavar="NAME", help="MLflow run name")
    parser.add_argument("--tag", action="append", default=[], metavar="K=V", help="tag of the run")
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI")
    parser.add_argument("--no-deliver", action="store_true", help="write files and data set only")
