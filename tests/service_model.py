"""ServiceModel: one endpoint that is both the model under test and its judge, as the service uses it by default."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any

from judge_server import JudgeServer
from mock_endpoint import MockEndpoint
from rag_mind import think

_JUDGED = "<<<"
"""With which our judges fence what they show."""


class ServiceModel(JudgeServer):
    """Judges what it is shown between fences; everything else, log probabilities too, is the mock endpoint's.

    Args:
        endpoint: that answers what is not judged.
    """

    def __init__(self, endpoint: MockEndpoint) -> None:
        super().__init__(think)
        self._endpoint = endpoint

    def reply(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer to one request."""
        if any(_JUDGED in turn["content"] for turn in body.get("messages", ())):
            return super().reply(path, body)
        connection = HTTPConnection("127.0.0.1", self._endpoint.port, timeout=30)
        try:
            connection.request("POST", path, json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()
