"""QuestionEndpoint: a model behind a real HTTP endpoint that writes and answers questions, well or badly on purpose.

Its texts hold facts of one form, "The NAME KIND has NUMBER THINGS.", so that it can answer what stands in a request
and nothing else. Run as a program it prints its URL and serves until it is ended: the benchmarks measure it so.
"""

from __future__ import annotations

import json
import random
import re
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from evaltrail.core.document import Chunk

_FACT = re.compile(r"The (\w+) (\w+) has (\d+) (\w+)\.")
_ASKED = re.compile(r"How many (\w+) does the (\w+) (\w+) have\?")
_PART = re.compile(r"^<<<(\S+) (\w+)\n(.*?)\n\1>>>$", re.MULTILINE | re.DOTALL)
_WANTED = re.compile(r"^- (\d+) of type (\w+):", re.MULTILINE)
_NAMES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel")
_ENDS = ("bury", "dale", "field", "ford", "ham", "mouth", "stead", "wick")
_KINDS = ["station", "harbour", "museum", "library"]
_THINGS = ["platforms", "windows", "towers", "gardens", "ovens", "clocks", "bridges", "cellars"]


def facts(count: int, *, each: int = 3, source: str = "facts.txt") -> tuple[Chunk, ...]:
    """So many chunks of so many facts that no other chunk holds."""
    made = []
    for number in range(count):
        told = []
        for turn in range(each):
            place = number * each + turn
            name = f"{_NAMES[place % 8]}{_ENDS[place // 8 % 8]}{place}"
            kind, things = _KINDS[place % 4], _THINGS[place // 4 % 8]
            told.append(f"The {name} {kind} has {100 + place} {things}.")
        made.append(Chunk(number=number + 1, text=" ".join(told), source=source))
    return tuple(made)


@dataclass(frozen=True, kw_only=True)
class Mind:
    """How a model behaves; every field may hold for a share of the requests, told by their words."""

    prose: float = 0.0
    """Share of writing requests that are answered in words that hold no question."""
    broken: float = 0.0
    """In JSON that ends in the middle of the first question."""
    duplicates: float = 0.0
    """With one question, over and over."""
    unanswerable: float = 0.0
    """With questions that their window does not answer, though they say it does."""
    misquoted: float = 0.0
    """With evidence in other words."""
    leaks: float = 0.0
    """Share of questions that it answers without their window too."""
    shape: Callable[[list[dict[str, str]]], object] = lambda items: {"questions": items}
    """How it hands in what it wrote."""
    schema: str = "honoured"
    """What becomes of ``response_format``: ``honoured``, ``refused`` or ``ignored`` (it answers in labelled lines)."""
    tools: str = "honoured"
    status: int = 200
    """Of every answer."""


class QuestionEndpoint:
    """Answers chat completions out of the facts in each request.

    Args:
        mind: how well.
        latency_s: of every answer.
        jitter_s: added to it by chance, up to so much.
        gives_out_after: requests after which every further one gets a 401; None = never.
        port: 0 = a free one.
    """

    def __init__(
        self,
        mind: Mind | None = None,
        *,
        latency_s: float = 0.0,
        jitter_s: float = 0.0,
        gives_out_after: int | None = None,
        port: int = 0,
        **faults: Any,
    ) -> None:
        self.mind = replace(mind or Mind(), **faults)
        self.latency_s, self.jitter_s = latency_s, jitter_s
        self.gives_out_after = gives_out_after
        self.bodies: list[dict[str, Any]] = []
        """Of every request, in the order they came."""
        self.asked: Counter[str] = Counter()
        """``write``, ``answer`` (with a text), ``alone``: how often."""
        self.prompt_tokens = self.completion_tokens = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer to one request."""
        time.sleep(self.latency_s + random.random() * self.jitter_s)
        text = "\n".join(turn["content"] for turn in body["messages"])
        with self._lock:
            self.bodies.append(body)
            if self.gives_out_after is not None and len(self.bodies) > self.gives_out_after:
                return 401, {"error": {"message": "the key is no longer good"}}
        asked = next((name for name in ("response_format", "tools") if name in body), "")
        manner = {"response_format": self.mind.schema, "tools": self.mind.tools, "": "ignored"}[asked]
        if manner == "refused" or self.mind.status != 200:
            return (400 if manner == "refused" else self.mind.status), {"error": {"message": "not supported"}}
        said = self._said(text, body["messages"][1]["content"], is_form=manner == "honoured")
        with self._lock:
            self.prompt_tokens += len(text) // 4
            self.completion_tokens += len(said) // 4
        return 200, _completion(said, text, is_tool=asked == "tools" and manner == "honoured")

    def _said(self, text: str, user: str, *, is_form: bool) -> str:
        parts = {name: inner for _, name, inner in _PART.findall(user)}
        if "question" in parts:
            with self._lock:
                self.asked["answer" if "text" in parts else "alone"] += 1
            return _answered(parts["question"], parts.get("text"), self.mind, is_form=is_form)
        with self._lock:
            self.asked["write"] += 1
        return self._written(parts["text"], parts.get("questions", ""), user, is_form=is_form)

    def _written(self, text: str, before: str, user: str, *, is_form: bool) -> str:
        mind, luck = self.mind, _luck(user)
        if luck < mind.prose:
            return "What a fine text! I would gladly ask about it some day."
        kinds = [kind for count, kind in _WANTED.findall(user) for _ in range(int(count))]
        known = [fact for fact in _FACT.findall(text) if f"the {fact[0]} {fact[1]} have" not in before]
        items = [_question(kind, fact) for kind, fact in zip(kinds, known, strict=False)]
        if luck < mind.duplicates:
            items = [_question(kind, ("Same", "station", "7", "clocks")) for kind in kinds]
        if luck < mind.unanswerable:
            items = [{**item, "question": item["question"].replace("How many", "How many old")} for item in items]
        if luck < mind.misquoted:
            items = [{**item, "evidence": "It is said that there are " + item["answer"]} for item in items]
        told = json.dumps(mind.shape(items))
        if luck < mind.broken:
            return told[:40]
        if is_form:
            return told
        return "\n\n".join(
            f"{number}. Question: {item['question']}\nType: {item['type']}\nAnswer: {item['answer']}\n"
            f"Evidence: {item['evidence']}"
            for number, item in enumerate(items, 1)
        )


def _question(kind: str, fact: tuple[str, str, str, str]) -> dict[str, str]:
    name, what, number, things = fact
    if kind == "unanswerable":
        return {
            "type": kind,
            "question": f"How many swans does the {name} {what} have?",
            "answer": "unanswerable",
            "evidence": "",
        }
    return {
        "type": kind,
        "question": f"How many {things} does the {name} {what} have?",
        "answer": number,
        "evidence": f"The {name} {what} has {number} {things}.",
    }


def _answered(question: str, text: str | None, mind: Mind, *, is_form: bool) -> str:
    wanted = _ASKED.search(question)
    found = ""
    if wanted and text is not None:
        things, name, kind = wanted.groups()
        told = re.search(rf"The {name} {kind} has (\d+) {things}\.", text)
        found = told[1] if told else ""
    elif wanted and _luck(question) < mind.leaks:
        found = str(100 + int(re.sub(r"\D", "", wanted[2]) or 0))
    if is_form:
        return json.dumps({"verdict": "answerable" if found else "unanswerable", "answer": found})
    return found or "The text does not say."


def _luck(text: str) -> float:
    """A number in [0, 1) that a text always has."""
    return zlib.crc32(text.encode()) % 1000 / 1000


def _completion(said: str, asked: str, *, is_tool: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said}
    if is_tool:
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": said}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    usage = {"prompt_tokens": len(asked) // 4, "completion_tokens": len(said) // 4}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "said-1", "object": "chat.completion", "created": 1, "model": "writer-1"}
    return {**head, "choices": [choice], "usage": {**usage, "total_tokens": sum(usage.values())}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def _handler_of(owner: QuestionEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server looks for
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = owner.reply(body)
            data = json.dumps(answer).encode()
            # One write: in two the client would wait for the second one by 40 ms.
            head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data)

        def handle_one_request(self) -> None:
            with suppress(ConnectionError):  # of a client that was killed
                super().handle_one_request()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def knobs_of(words: list[str]) -> Mapping[str, float]:
    """``name=number`` words."""
    return {name: float(value) for name, _, value in (word.partition("=") for word in words)}


if __name__ == "__main__":
    with QuestionEndpoint(**knobs_of(sys.argv[1:])) as serving:
        print(f"questions on {serving.url}", flush=True)
        sys.stdin.read()
        print(json.dumps({**serving.asked, "total": len(serving.bodies)}), flush=True)
