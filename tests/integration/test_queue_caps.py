"""An operator's cap of an endpoint, from the command's words to the requests that a worker sends at once."""

from __future__ import annotations

import json

import pytest

from evaltrail.cli.main import main
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.jobs.opening import open_queue
from evaltrail.service.working.capping import set_cap
from mock_endpoint import MockEndpoint
from native_tasks import records, write_data, write_task
from order_shop import Shop


@pytest.fixture
def said(monkeypatch, tmp_path, capsys):
    """What `evaltrail jobs cap ... --json` answers."""
    monkeypatch.setenv("EVALTRAIL_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def say(*words):
        code = main(["jobs", "cap", *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return say


def test_a_cap_is_set_changed_and_lifted(said):
    """A password, a query and a last slash make no other endpoint."""
    assert said()[1]["caps"] == {}
    assert said("http://user:pw@host:8/v1/?k=v", "16") == (
        0,
        {"ok": True, "exit_code": 0, "caps": {"http://host:8/v1": 16}},
    )
    assert said("http://host:8/v1", "0")[1]["caps"] == {"http://host:8/v1": 0}
    assert said("http://host:8/v1", "none")[1]["caps"] == {}


@pytest.mark.parametrize(
    "words", [["http://host/v1"], ["host/v1", "3"], ["http://host", "-1"], ["http://host", "1.5"], ["http://host", "٣"]]
)
def test_a_cap_that_is_none_is_refused(said, words):
    """With exit code 2, and nothing is set."""
    code, told = said(*words)
    assert (code, told["errors"][0]["code"]) == (2, "usage")
    assert said()[1]["caps"] == {}


@pytest.fixture
def endpoint():
    with MockEndpoint() as server:
        yield server


def test_a_unit_sends_no_more_requests_at_once_than_the_cap(endpoint, tmp_path):
    """Whatever concurrency it was submitted with; without the cap it sends as many as it was told to."""
    endpoint.configure(latency_ms=20)
    shop = Shop(tmp_path)
    write_data(tmp_path / "data.jsonl", records(60))
    task = write_task(tmp_path, name="capped")
    target = ModelTarget(id="m", url=endpoint.url)
    with open_queue(shop.settings) as queue:
        for cap, peak in (("3", 3), ("none", 12)):
            set_cap(queue, endpoint.url, cap)
            endpoint.reset()
            accepted = shop.submit(queue, task, target=target, limits=RequestLimits(concurrency=12))
            shop.work_off(queue)
            assert queue.show(accepted.job_id).job.state == "completed"
            assert (endpoint.stats()["peak_inflight"], endpoint.stats()["ok"]) == (peak, 60)
