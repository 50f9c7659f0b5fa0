"""The harness's program: asks an endpoint the questions of ``mmlu`` and keeps the answers; or behaves badly."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ANSWERS = "answers.jsonl"
LETTERS = "ABCD"
_SAID = re.compile(r"(?i)\banswer\s*(?:is)?\s*:?\s*\(?\**([A-D])\b")
_ALONE = re.compile(r"\s*\(?([A-Da-d])\s*[).:]?\s*\Z")
_PROMPT = "{question}\n\n{options}\n\nSay the letter of the right option at the end, like this: Answer: B"


def questions(limit: float | None) -> list[dict[str, Any]]:
    """The first so many questions, or a share of all, below 1."""
    lines = Path(__file__).with_name("questions.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    if limit is None:
        return found
    return found[: round(limit * len(found)) if limit < 1 else int(limit)]


def letter_of(text: str, options: list[str]) -> str | None:
    """The letter that an answer says, or that of the option that it is word for word."""
    said = _SAID.findall(text) or _ALONE.findall(text)
    if said:
        return str(said[-1]).upper()
    same = [letter for letter, option in zip(LETTERS, options, strict=True) if option.lower() == text.strip().lower()]
    return same[0] if len(same) == 1 else None


def ask(question: dict[str, Any], asked: argparse.Namespace) -> dict[str, Any]:
    """A question with the answer that the endpoint gave and its score."""
    options = "\n".join(f"{letter}) {text}" for letter, text in zip(LETTERS, question["options"], strict=True))
    prompt = _PROMPT.format(question=question["question"], options=options)
    body = {
        "model": asked.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "max_tokens": asked.max_tokens,
    }
    answer = post(asked, body)["choices"][0]["message"]["content"] or ""
    chosen = letter_of(answer, question["options"])
    return {**question, "output": answer, "chosen": chosen, "score": float(chosen == question["answer"])}


def post(asked: argparse.Namespace, body: dict[str, Any]) -> dict[str, Any]:
    """The endpoint's answer; faults are tried again, up to ``--max-retries`` times."""
    headers = {"Content-Type": "application/json"}
    if asked.api_key_name:
        headers["Authorization"] = f"Bearer {os.environ[asked.api_key_name]}"
    request = urllib.request.Request(asked.url, json.dumps(body).encode(), headers)
    for attempt in range(asked.max_retries + 1):
        try:
            with urllib.request.urlopen(request, timeout=asked.timeout) as response:
                found: dict[str, Any] = json.load(response)
                return found
        except (OSError, ValueError) as error:
            if attempt == asked.max_retries or (isinstance(error, urllib.error.HTTPError) and error.code == 401):
                raise
            time.sleep(0.05 * 2**attempt)
    raise AssertionError


def evaluate(asked: argparse.Namespace) -> None:
    """Ask everything, in the order of the questions."""
    asked.out_dir.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(asked.parallelism) as threads:
        answers = list(threads.map(lambda question: ask(question, asked), questions(asked.limit)))
    text = "".join(json.dumps(answer) + "\n" for answer in answers)
    (asked.out_dir / ANSWERS).write_text(text, encoding="utf-8")
    right = sum(answer["score"] for answer in answers)
    print(f"{asked.task}: {right:g} of {len(answers)} right", flush=True)


def arguments() -> argparse.Namespace:
    """What nemo-evaluator asks for, by the command in ``framework.yml``."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("task", "url", "model"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--out-dir", type=Path, required=True)
    parser.add_argument("--api-key-name", default="")
    for name in ("temperature", "top-p", "timeout", "limit", "seconds"):
        parser.add_argument(f"--{name}", type=float)
    for name in ("max-tokens", "parallelism", "max-retries", "lines"):
        parser.add_argument(f"--{name}", type=int)
    return parser.parse_args()


def main() -> None:
    """Carry out one task."""
    asked = arguments()
    if asked.task == "crash":
        print("the harness cannot find its data", flush=True)
        sys.exit(3)
    if asked.task == "hang":
        print("the harness waits", flush=True)
        time.sleep(asked.seconds)
    if asked.task == "flood":
        for number in range(asked.lines):
            print(f"line {number} of a harness that says a lot")
    evaluate(asked)


if __name__ == "__main__":
    main()
