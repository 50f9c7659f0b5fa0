"""A little harness: asks an endpoint for some sums and leaves its results as lm-evaluation-harness does."""

from __future__ import annotations

import argparse
import json
import os
import re
import urllib.request
from pathlib import Path

STAMP = "2026-03-02T10-15-30.123456"


def ask(url: str, model: str, question: str) -> str:
    """The model's answer."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ.get('API_KEY', 'none')}"}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        found: str = json.load(answer)["choices"][0]["message"]["content"]
    return found


def main() -> None:
    """Ask, compare, write."""
    parser = argparse.ArgumentParser()
    for name in ("url", "model", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--limit", type=int, default=20)
    given = parser.parse_args()
    rows = []
    for number in range(given.limit):
        question, right = f"Item {number}: What is {number} + 101?", str(number + 101)
        said = ask(given.url, given.model, question)
        is_right = re.findall(r"\d+", said)[-1:] == [right]
        rows.append(
            {
                "doc_id": number,
                "doc": {"question": question},
                "target": right,
                "arguments": [[question, {}]],
                "resps": [[said]],
                "filtered_resps": [said],
                "filter": "none",
                "metrics": ["acc"],
                "acc": float(is_right),
            }
        )
    share = sum(row["acc"] for row in rows) / len(rows)
    stderr = (share * (1 - share) / max(1, len(rows) - 1)) ** 0.5
    results = {
        "results": {"sums": {"alias": "sums", "acc,none": share, "acc_stderr,none": stderr}},
        "configs": {"sums": {"task": "sums"}},
        "versions": {"sums": 1},
        "n-samples": {"sums": {"original": len(rows), "effective": len(rows)}},
        "model_name": given.model,
    }
    folder = Path(given.out)
    (folder / f"samples_sums_{STAMP}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / f"results_{STAMP}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
