"""The names of the Evaluator microservice's evaluations: in folders, in file names, and in what the user says.

Layout of a download: ``automatic/<evaluation>/{model_config_*.yaml,*_inference_params.yaml,results/...}`` and
``llm_as_a_judge/mtbench/results/...`` (seed 000). A name counts only as a whole, never as a part of another.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

EVALUATIONS = (
    "beir",
    "bigbench",
    "bigcode_latest",
    "custom_eval",
    "lm_harness",
    "mtbench",
    "multilingual",
    "similarity_metrics",
    "content_safety",
    "garak",
)
"""As runs are named: ``<evaluation>_<file>``."""
UNKNOWN = "unknown"
"""What stands in the place of the name where nothing decides."""

_FOLDERS = {
    **{name: name for name in EVALUATIONS},
    "bigcode": "bigcode_latest",
    "custom": "custom_eval",
    "lm_eval_harness": "lm_harness",
}
_ABOVE_EVALUATIONS = ("automatic", "llm_as_a_judge")
_RESULTS = "results"
_AGGREGATES = "aggregate_scores"
_SIMILARITY = "similarity_metrics"
_BEGINNINGS = {
    "lm-harness": "lm_harness",
    "content_safety": "content_safety",
    "content-safety": "content_safety",
    "mtbench": "mtbench",
    "mt_bench": "mtbench",
    "mt-bench": "mtbench",
    **{f"{folder}{sign}{_AGGREGATES}": name for folder, name in _FOLDERS.items() for sign in "-_"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said about the evaluation that a file comes from; empty where nothing is said."""

    by_name: str
    """By the file's own name."""
    by_folder: str
    """By the nearest folder above that bears a known name."""
    by_user: str
    has_results_name: bool
    """Whether the file is called ``aggregate_scores*``, as those of several evaluations are."""
    lies_in_results: bool
    """Whether a folder ``results`` lies between it and the evaluation's folder."""

    def first(self, among: Collection[str]) -> str:
        """The first of the words that is one of these; empty when none is."""
        return next((word for word in (self.by_name, self.by_folder, self.by_user) if word and word in among), "")


def words_about(file: Path, said: str = "") -> Words:
    """What a file's path and the user say about its evaluation.

    Args:
        file: absolute, so that the folders above the place the user gave count too.
        said: what the user says, such as ``bigbench`` or ``lm-eval-harness``.
    """
    name = file.name.casefold()
    folders = [folder.name.casefold() for folder in file.parents]
    known = next((place for place, folder in enumerate(folders) if folder in _FOLDERS), None)
    by_folder = "" if known is None else _FOLDERS[folders[known]]
    return Words(
        by_name=_SIMILARITY if (name, by_folder) == ("results.json", _SIMILARITY) else _evaluation_of_name(name),
        by_folder=by_folder,
        by_user=evaluation_called(said),
        has_results_name=name.startswith(_AGGREGATES),
        lies_in_results=_RESULTS in folders[:known],
    )


def evaluation_called(word: str) -> str:
    """The evaluation that a user's word means, or an empty string when it is none of ours."""
    spelled = word.strip().casefold().replace("-", "_").replace(" ", "_")
    return _FOLDERS.get(spelled, _BEGINNINGS.get(spelled, ""))


def group_folder(file: Path) -> Path:
    """The folder whose results belong together: above ``automatic``, else the evaluation's own, else the parent."""
    for folder in file.parents:
        if folder.name.casefold() in _ABOVE_EVALUATIONS:
            return folder.parent
    return next(filter(bears_evaluation, file.parents), file.parent)


def bears_evaluation(folder: Path) -> bool:
    """Whether a folder is called like an evaluation."""
    return folder.name.casefold() in _FOLDERS


def is_results_folder(folder: Path) -> bool:
    """Whether a folder is the one that the microservice puts an evaluation's results into."""
    return folder.name.casefold() == _RESULTS


def _evaluation_of_name(name: str) -> str:
    if name.startswith("beir.json") and not name.startswith("beir.jsonl"):
        return "beir"
    return next((word for beginning, word in _BEGINNINGS.items() if name.startswith(beginning)), "")
