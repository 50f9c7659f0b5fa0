"""Results as the NeMo Evaluator Microservice hands them out (seed 000), and their ingest in this process."""

from __future__ import annotations

import json
from pathlib import Path

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.service.gathering.ingest import Ingested, IngestOrder, ingest_results
from evaltrail.service.gathering.survey import Search

BEIR = {"NDCG@10": 0.5, "MAP@10": 0.41, "Recall@100": 0.9}
SCORES = [
    {"task_name": "abstract", "scores": [{"metric": "acc", "score": 0.5, "num_shots": 0}]},
    {
        "task_name": "logic",
        "scores": [
            {"metric": "acc", "score": 0.25, "num_shots": 0},
            {"metric": "acc", "score": 0.75, "num_shots": 3},
            {"metric": "bleu", "score": 11.5, "num_shots": 3},
        ],
    },
]
BIGCODE = [
    {"humaneval": {"pass@1": 0.34, "pass@10": 0.5}, "config": {"model": "coder", "temperature": 0.2}},
    {"mbpp": {"pass@1": 0.25}},
]
CUSTOM = {"llm": {"string_check": {"mean": 0.75, "max": 1.0}, "f1": {"mean": 0.5, "max": 0.9, "min": 0.1}}}
MTBENCH = "question,score,count\n81,7.5,1\n82,8.5,1\ntotal,8.0,2\nwriting,7.5,1\nmath,8.5,1\n"
SIMILARITY = {"tasks": {"t": {"metrics": {"bleu": {"scores": {"sentence": {"value": 12.5, "stats": {"count": 4}}}}}}}}
SAFETY = {"safety": {"unsafe_rate": 0.125, "by_category": {"violence": 0.25}}}


def lm_harness(metrics: int = 2, *, task: str = "mmlu_str") -> dict[str, object]:
    """The document of lm-evaluation-harness, with as many numbers in it."""
    named = {f"metric{number},none": round(number / metrics / 2, 6) for number in range(metrics - 2)}
    pair = {"exact_match,none": 0.64, "exact_match_stderr,none": 0.0038}
    return {
        "results": {task: {"alias": task, **pair, **named}},
        "n-shot": {task: 5},
        "versions": {task: 1.0},
        "config": {"model": "local-completions", "model_args": "model=llama,base_url=http://host/v1"},
    }


FILES: dict[str, object] = {
    "automatic/beir/results/beir.json": BEIR,
    "automatic/bigbench/results/aggregate_scores.json": SCORES,
    "automatic/bigcode_latest/results/bigcode-aggregate_scores.json": BIGCODE,
    "automatic/custom_eval/results/aggregate_scores.json": CUSTOM,
    "automatic/lm_eval_harness/results/lm-harness-mmlu_str.json": lm_harness(),
    "automatic/multilingual/results/aggregate_scores.json": SCORES[:1],
    "llm_as_a_judge/mtbench/results/mtbench.csv": MTBENCH,
    "automatic/similarity_metrics/results/results.json": SIMILARITY,
    "automatic/content_safety/results/content_safety-aggregate_scores.json": SAFETY,
}
"""One result of each evaluation but Garak, by its path in a download."""
EVALUATIONS = (
    "beir",
    "bigbench",
    "bigcode_latest",
    "custom_eval",
    "lm_harness",
    "multilingual",
    "mtbench",
    "similarity_metrics",
    "content_safety",
)
"""What the runs of these files begin with."""


def write(folder: Path, files: dict[str, object]) -> Path:
    """The folder, made with these files: texts and bytes as they are, everything else as JSON."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


class Gatherer:
    """Ingests in this process: its own home, one tracking URI, one experiment."""

    def __init__(self, home: Path, url: str, experiment: str) -> None:
        self.home = home
        self.url = url
        self.experiment = experiment

    def __call__(self, *paths: Path, dry_run: bool = False, **options) -> Ingested:
        """What became of everything below the paths.

        Args:
            paths: files, folders, archives.
            dry_run: only plan.
            options: fields of Search and of DeliveryOptions.
        """
        where = {name: options.pop(name) for name in ("reader", "evaluation", "include", "exclude") if name in options}
        given = {"experiment": self.experiment, "tracking_uri": self.url, **options}
        order = IngestOrder(search=Search(paths=paths, **where), delivery=DeliveryOptions(**given), dry_run=dry_run)
        return ingest_results(order, Settings(home=self.home, environ={}))
