"""A hundred clients at once: every answer is one, nothing accepted is lost, no two are one."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from installed import until
from service_stand import EVALUATIONS, Stand, order

pytestmark = pytest.mark.slow

CLIENTS = 100
EACH = 5


def test_hundred_clients_lose_nothing(tmp_path, endpoint):
    """They submit, read, list and follow at the same time: 2xx alone, and each evaluation is there once."""
    with Stand(tmp_path, model=endpoint.url, mlflow=f"sqlite:///{tmp_path / 'mlflow.db'}") as stand:
        stand.start_service()
        benchmark = stand.sums(10)
        ids, statuses, errors = [], Counter(), []
        ready = threading.Barrier(CLIENTS)

        def be_a_client(number):
            try:
                ready.wait(30)
                for turn in range(EACH):
                    name = f"client {number} turn {turn}"
                    reply = stand.client.post(EVALUATIONS, order(benchmark, name=name))
                    statuses[reply.status] += 1
                    ids.append(reply.object["id"])
                    shown = stand.client.get(f"{EVALUATIONS}/{ids[-1]}")
                    statuses[shown.status] += 1
                    listed = stand.client.get(f"{EVALUATIONS}?limit=5&name=client+{number}+turn+{turn}")
                    statuses[listed.status] += 1
            except Exception as error:  # noqa: BLE001  a thread's failure is the test's
                errors.append(error)

        threads = [threading.Thread(target=be_a_client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert errors == []
        assert statuses == {202: CLIENTS * EACH, 200: 2 * CLIENTS * EACH}
        assert len(set(ids)) == CLIENTS * EACH
        assert _listed(stand) == set(ids)


def test_accepted_in_a_crowd_is_done(tmp_path, endpoint, tracking, mlflow_url, experiment):
    """Twenty that are accepted at once are all done, each by a run of its own."""
    with Stand(tmp_path, model=endpoint.url, mlflow=mlflow_url) as stand:
        stand.start(concurrency=2)
        benchmark = stand.sums(10)
        ids = []
        threads = [
            threading.Thread(target=lambda: ids.append(stand.submit(order(benchmark, experiment))["id"]))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        listed = f"{EVALUATIONS}?status=completed&limit=1"
        until(lambda: stand.client.get(listed).object["total_count"] == len(ids), seconds=120, pause=0.2)
        runs = tracking.runs(f"eval-hub_{experiment}")
    assert sorted(run.data.tags["request_id"] for run in runs) == sorted(ids)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(ids) == 20


def _listed(stand):
    found, cursor = set(), ""
    while True:
        page = stand.client.get(f"{EVALUATIONS}?limit=100{f'&cursor={cursor}' if cursor else ''}").object
        found |= {each["id"] for each in page["items"]}
        cursor = page["next_cursor"]
        if not cursor:
            return found
