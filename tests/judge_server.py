"""JudgeServer: a judge behind a real HTTP endpoint, which honours, ignores or refuses the forms it is asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

Manner = Literal["honoured", "ignored", "refused"]


@dataclass(frozen=True)
class Said:
    """One answer as it goes over the wire, whatever was asked for."""

    text: str | None = None
    finish: str = "stop"
    status: int = 200
    refusal: str | None = None
    error: str = ""


Rule = Callable[[str], "Mapping[str, object] | str | Said"]
"""All text of a request to what the judge thinks (a mapping), says (a text) or sends."""


class JudgeServer:
    """Answers chat completions by a rule.

    Args:
        rule: the judge's mind.
        schema: what becomes of ``response_format``.
        tools: what becomes of ``tools``.
        refuses: settings that get a 400 which names them.
        vectors: a text's embedding; None = no such route.
    """

    def __init__(
        self,
        rule: Rule,
        *,
        schema: Manner = "honoured",
        tools: Manner = "honoured",
        refuses: tuple[str, ...] = (),
        vectors: Callable[[str], list[float]] | None = None,
        refusal_status: int = 400,
    ) -> None:
        self.rule = rule
        self.manners = {"response_format": schema, "tools": tools}
        self.refuses = refuses
        self.vectors = vectors
        self.refusal_status = refusal_status
        self.bodies: list[dict[str, Any]] = []
        """Of every request, in the order they came."""
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def forms(self) -> list[str]:
        """How each request asked: ``response_format``, ``tools`` or ``plain``."""
        return [next((name for name in self.manners if name in body), "plain") for body in self.bodies]

    def reply(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer to one request."""
        if path.endswith("/embeddings"):
            return self._embedded(body)
        for name in self.refuses:
            if name in body:
                return 400, {"error": {"message": f"Unsupported parameter: '{name}' is not supported"}}
        asked = next((name for name in self.manners if name in body), "")
        if asked and self.manners[asked] == "refused":
            return self.refusal_status, {"error": {"message": "this model does not support what was asked for"}}
        return self._judged(self.rule("\n".join(turn["content"] for turn in body["messages"])), asked)

    def _judged(self, said: Mapping[str, object] | str | Said, asked: str) -> tuple[int, dict[str, Any]]:
        if isinstance(said, Said):
            return said.status, _completion(said) if said.status == 200 else {"error": {"message": said.error}}
        if isinstance(said, str) or asked == "":
            text = said if isinstance(said, str) else f"Here it is:\n```json\n{json.dumps(said)}\n```"
            return 200, _completion(Said(text))
        if self.manners[asked] == "ignored":
            return 200, _completion(Said("\n".join(f"{name}: {value}" for name, value in said.items())))
        return 200, _completion(Said(json.dumps(said)), is_tool=asked == "tools")

    def _embedded(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.vectors is None:
            return 404, {"error": {"message": "no such route"}}
        data = [{"index": place, "embedding": self.vectors(text)} for place, text in enumerate(body["input"])]
        return 200, {"object": "list", "data": data}


def _completion(said: Said, *, is_tool: bool = False) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if is_tool:
        message = {"role": "assistant", "content": None}
        message["tool_calls"] = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": said.text}}]
    if said.refusal:
        message |= {"content": None, "refusal": said.refusal}
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
    head = {"id": "said-1", "object": "chat.completion", "created": 1, "model": "judge-1"}
    return {**head, "choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}


def _handler_of(owner: JudgeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server looks for
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            owner.bodies.append(body)
            owner.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, answer = owner.reply(self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
