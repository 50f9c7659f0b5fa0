"""Secrets are used, and are nowhere: not in answers, logs, files of the home, callbacks or MLflow's store."""

from __future__ import annotations

import json

import pytest
from installed import holding
from service_receiver import Receiver
from service_stand import EVALUATIONS, Stand, order

from mlflow_server import MlflowServer
from mock_endpoint import MockEndpoint

pytestmark = pytest.mark.slow

MODEL_KEY = "sk-planted-model-key-0123456789abcdef"
SIGNING = "planted-signing-secret-0123456789"
IN_PATH = "planted-path-token-0123456789"
PAGES = ("", "/results", "/summary", "/logs", "/samples", "/events")
WHOLE = ("/api/v1/servers", "/api/v1/health", "/metrics", EVALUATIONS)


def test_planted_secrets_reach_only_whom_they_are_for(tmp_path):
    """The model gets its key, the receiver its signed body at its secret path; everything else is searched for both."""
    store = MlflowServer(tmp_path / "store")
    store.start()
    secrets = {
        "EVALTRAIL_SERVER_VLLM_API_KEY_ENV": "PLANTED_KEY",
        "PLANTED_KEY": MODEL_KEY,
        "EVALTRAIL_CALLBACK_SECRET": SIGNING,
        "EVALTRAIL_ALLOW_PRIVATE_URLS": "127.0.0.1",
    }
    said: list[bytes] = []
    try:
        with (
            MockEndpoint(require_key=MODEL_KEY) as endpoint,
            Receiver() as receiver,
            Stand(tmp_path, model=endpoint.url, mlflow=store.url, **secrets) as stand,
        ):
            stand.start(concurrency=1)
            body = order(stand.sums(10), "secrets", callback_url=f"{receiver.url}&token={IN_PATH}")
            told = stand.landed(stand.ended(stand.submit(body)["id"])["id"])
            assert told["status"] == "completed"
            endpoint.configure(require_key="another", error_message=f"invalid key {MODEL_KEY}")
            failed = stand.ended(stand.submit(order(stand.sums(10), "secrets", retry_attempts=0))["id"])
            assert failed["status"] == "failed"
            assert receiver.taken.wait(60)
            shown = [f"{EVALUATIONS}/{each['id']}{page}" for each in (told, failed) for page in PAGES]
            said += [stand.client.get(path).body for path in (*shown, *WHOLE)]
            wrong = {**body, "model": {**body["model"], "api_key": MODEL_KEY, "configuration": {"token": MODEL_KEY}}}
            refused = stand.client.post(EVALUATIONS, wrong)
            assert refused.status == 422
            said.append(refused.body)
    finally:
        store.stop()
    answers = b"".join(said)
    for secret in (MODEL_KEY, SIGNING, IN_PATH):
        assert secret.encode() not in answers
    assert [holding(tmp_path, secret) for secret in (MODEL_KEY, SIGNING)] == [[], []]
    assert [file for file in holding(tmp_path, IN_PATH) if "jobs.db" not in file.name] == []
    assert MODEL_KEY not in json.dumps(receiver.headers) + str(receiver.bodies)
