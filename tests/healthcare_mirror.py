"""A mirror with rows of our own in the form of what the collection healthcare_safety_v1 asks."""

from __future__ import annotations

from pathlib import Path

from lm_eval_tasks import COLOURS, write_rows

SPLITS = ("train", "dev", "validation", "test")


def healthcare_mirror(folder: Path) -> Path:
    """The folder, for EVALTRAIL_DATASETS_DIR: a few rows for each benchmark of the collection."""
    medqa = [
        {
            "id": f"q{place}",
            "sent1": f"Which is {colour}?",
            **{f"ending{number}": f"{each} thing" for number, each in enumerate(COLOURS)},
            "label": place,
        }
        for place, colour in enumerate(COLOURS)
    ]
    mmlu = [
        {"question": f"Which is {colour}?", "subject": "clinical_knowledge", "choices": list(COLOURS), "answer": place}
        for place, colour in enumerate(COLOURS)
    ]
    targets = {"choices": list(COLOURS), "labels": [1, 0, 0, 0]}
    truth = [{"question": f"Which is {c}?", "mc1_targets": targets, "mc2_targets": targets} for c in COLOURS]
    for split in SPLITS:
        write_rows(folder / f"GBaker/MedQA-USMLE-4-options-hf/{split}.jsonl", medqa)
        write_rows(folder / f"cais/mmlu/clinical_knowledge/{split}.jsonl", mmlu)
    write_rows(folder / "truthfulqa/truthful_qa/multiple_choice/validation.jsonl", truth)
    return folder
