"""One contestant of the generation benchmark, in a process of its own; prints {"seconds": ...} and what came of it.

Usage: python benchmarks/generation_calls.py floor URL REQUESTS
       python benchmarks/generation_calls.py ours URL
       python benchmarks/generation_calls.py record REQUESTS

``record`` writes down the requests that a generation sends, as JSON lines ``[window, request]``; ``floor`` sends them
with floor_client.py's raw client and reads the answers as JSON; ``ours`` is generate() alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import uvloop

from floor_client import raw_client
from seed_generator import read_requests

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from generating import generated
from question_endpoint import QuestionEndpoint, facts

WINDOWS, QUESTIONS, IN_FLIGHT = 40, 3, 64
PER_WINDOW = 2
"""Chunks of a window, and from one to the next."""
_NAME = re.compile(r"the (\w+) (?:station|harbour|museum|library)", re.IGNORECASE)


def ours(url: str) -> dict[str, Any]:
    """What generate() takes, from its call to its result."""
    chunks = facts(WINDOWS * PER_WINDOW)
    came = generated(url, chunks, concurrency=IN_FLIGHT, questions_per_window=QUESTIONS)
    return {"seconds": came.seconds, "calls": came.calls, "accepted": came.accepted}


def floor(url: str, file: Path) -> dict[str, Any]:
    """What the bare calls take at the same number in flight."""
    requests = chain.from_iterable(read_requests(file))

    async def all_sent() -> float:
        post, close = raw_client(f"{url}/chat/completions", lambda request: request)

        async def work(slot: int) -> None:
            for request in requests:
                status, body = await post(request, slot)
                if status != 200 or not json.loads(body)["choices"]:
                    raise SystemExit(f"the endpoint answered {status}")

        began = time.perf_counter()
        await asyncio.gather(*(work(slot) for slot in range(IN_FLIGHT)))
        seconds = time.perf_counter() - began
        await close()
        return seconds

    return {"seconds": uvloop.run(all_sent())}


def record(file: Path) -> dict[str, Any]:
    """Write down the requests of one generation, each with its window."""
    chunks = facts(WINDOWS * PER_WINDOW)
    window_of = {name: (chunk.number - 1) // PER_WINDOW for chunk in chunks for name in _NAME.findall(chunk.text)}
    with QuestionEndpoint() as endpoint:
        came = generated(endpoint.url, chunks, concurrency=IN_FLIGHT, questions_per_window=QUESTIONS)
    lines = [[window_of[_NAME.findall(body["messages"][-1]["content"])[0]], body] for body in endpoint.bodies]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return {"seconds": came.seconds, "calls": len(lines)}


if __name__ == "__main__":
    words = sys.argv[2:]
    made = {"floor": lambda: floor(words[0], Path(words[1])), "ours": lambda: ours(words[0])}
    print(json.dumps((made | {"record": lambda: record(Path(words[0]))})[sys.argv[1]]()))
