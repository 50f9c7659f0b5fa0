"""Documents of the question endpoint's facts, and orders to make questions of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaltrail.core.generation import GenerationPlan
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.service.generating.order import GenerationOrder
from question_endpoint import facts


def write_facts(file: Path, chunks: int = 6) -> Path:
    """A JSON document of so many chunks, as seed 003 sends them."""
    rows = [{"filename": "facts.txt", "page": each.number, "text": each.text} for each in facts(chunks)]
    file.write_text(json.dumps(rows))
    return file


def order_of(*documents: Path, url: str = "", out: Path | None = None, **options: Any) -> GenerationOrder:
    """An order for two questions a window; without a URL nobody is asked."""
    fields = {name: options.pop(name) for name in ("delivery", "tags", "fresh") if name in options}
    target = ModelTarget(id="writer", url=url) if url else None
    plan = GenerationPlan(**{"generator": "llm" if url else "cloze", "questions_per_window": 2, **options})
    limits = RequestLimits(concurrency=8, max_retries=0, timeout_s=10)
    return GenerationOrder(documents=documents, plan=plan, target=target, limits=limits, out=out, **fields)
