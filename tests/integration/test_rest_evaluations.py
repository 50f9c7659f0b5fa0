"""What the service tells of evaluations, and how they are called off, on a real port over a real database."""

from __future__ import annotations

import json
import threading

import pytest

from running_service import own_settings, running_service

PATH = "/api/v1/evaluations"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service of this module's own."""
    with running_service(own_settings(tmp_path_factory.mktemp("service")), []) as client:
        yield client


def submitted(service, **fields):
    """The id of a new evaluation."""
    body = {
        "model": {"server": "vllm", "name": "m"},
        "benchmarks": [{"id": "arc_easy", "provider_id": "lm_evaluation_harness"}],
        **fields,
    }
    reply = service.post(PATH, body)
    assert reply.status == 202, reply.body
    return reply.object["id"]


def test_pages_are_newest_first_and_complete(service):
    """Cursors lead through all evaluations of a filter, each once, and the count is that of all pages."""
    ids = [submitted(service, experiment={"name": "paged"}) for _ in range(5)]
    met, cursor, counts = [], "", set()
    while True:
        page = service.get(f"{PATH}?limit=2&experiment=paged&cursor={cursor}").object
        met += [each["id"] for each in page["items"]]
        counts.add(page["total_count"])
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert (met, counts) == (ids[::-1], {5})


def test_filters_of_the_list_hold_together(service):
    """Name, status and several tags: only evaluations that meet all of them are listed."""
    tags = {"team": "x", "path": "a:b"}
    wanted = submitted(service, name="n1", experiment={"name": "f", "tags": tags})
    submitted(service, name="n1", experiment={"name": "f", "tags": {"team": "x"}})
    page = service.get(f"{PATH}?name=n1&status=pending&tag=team:x&tag=path:a:b").object
    assert [each["id"] for each in page["items"]] == [wanted]
    assert service.get(f"{PATH}?name=n1&status=completed").object["items"] == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("status=done", "status"),
        ("tag=x", "tag"),
        ("stauts=pending", "stauts"),
        ("name=a&name=b", "name"),
    ],
)
def test_wrong_parameter_is_refused(service, query, path):
    """What the list does not know is 422 at its name."""
    reply = service.get(f"{PATH}?{query}")
    assert (reply.status, reply.object["errors"][0]["path"]) == (422, path)


def test_strange_cursor_is_refused(service):
    """A cursor is one of ours."""
    assert service.get(f"{PATH}?cursor=strange").status == 422


@pytest.mark.parametrize("below", ["", "/summary", "/results", "/samples", "/logs", "/events"])
def test_unknown_evaluation_is_404(service, below):
    """Every page of an evaluation that is not there says so."""
    reply = service.get(f"{PATH}/0000000000000000{below}")
    assert (reply.status, reply.object["code"], reply.object["instance"]) == (
        404,
        "unknown_id",
        f"{PATH}/0000000000000000{below}",
    )


def test_pages_of_one_that_waits_tell_what_is_known(service):
    """Before anything has run: no metrics, no samples, an empty log, and the state."""
    evaluation_id = submitted(service)
    results = service.get(f"{PATH}/{evaluation_id}/results").object
    assert (results["status"], results["is_final"], results["benchmarks"][0]["metrics"]) == ("pending", False, [])
    summary = service.get(f"{PATH}/{evaluation_id}/summary").object
    assert (summary["status"], summary["statuses"]) == ("pending", {"pending": 1})
    samples = service.get(f"{PATH}/{evaluation_id}/samples?benchmark=arc_easy&limit=5&filter=failed")
    assert samples.status == 200
    log = service.get(f"{PATH}/{evaluation_id}/logs?tail=5")
    assert (log.status, log.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert service.get(f"{PATH}/{evaluation_id}/samples?benchmark=nope").status == 422


def test_cancel_calls_off_once(service):
    """DELETE answers 202 with the state; of one that is over it is 409 with the reason."""
    evaluation_id = submitted(service)
    reply = service.ask("DELETE", f"{PATH}/{evaluation_id}")
    assert (reply.status, reply.object["status"]) == (202, "cancelled")
    again = service.ask("DELETE", f"{PATH}/{evaluation_id}")
    assert (again.status, again.object["message_code"]) == (409, "already_ended")
    assert service.ask("DELETE", f"{PATH}/0000000000000000").status == 404


def test_comparison_names_what_is_compared(service):
    """Evaluations stand side by side; unknown ones are told all at once, one alone is no comparison."""
    ids = [submitted(service), submitted(service)]
    told = service.post(f"{PATH}/compare", {"ids": ids}).object
    assert [each["id"] for each in told["evaluations"]] == ids
    unknown = service.post(f"{PATH}/compare", {"ids": [ids[0], "f" * 16, "e" * 16]})
    assert unknown.status == 404
    assert all(each in unknown.object["message"] for each in ("f" * 16, "e" * 16))
    assert service.post(f"{PATH}/compare", {"ids": ids[:1]}).status == 422


def test_events_tell_until_the_end(service):
    """A client that follows is told each state, and its line ends with the evaluation."""
    evaluation_id = submitted(service)
    with service.events(f"{PATH}/{evaluation_id}/events") as events:
        assert next(events) == {"retry": "2000"}
        first = next(events)
        assert (first["event"], json.loads(first["data"])["status"]) == ("state", "pending")
        service.ask("DELETE", f"{PATH}/{evaluation_id}")
        rest = list(events)
    assert [each["event"] for each in rest][-1] == "state"
    assert json.loads(rest[-1]["data"])["status"] == "cancelled"
    assert [int(each["id"]) for each in (first, *rest)] == sorted({int(each["id"]) for each in (first, *rest)})


def test_events_go_on_after_the_last_one_that_was_met(service):
    """Last-Event-ID leaves out what is known; after the last event the line ends at once."""
    evaluation_id = submitted(service)
    service.ask("DELETE", f"{PATH}/{evaluation_id}")
    with service.events(f"{PATH}/{evaluation_id}/events") as events:
        _, first, *rest = list(events)
    with service.events(f"{PATH}/{evaluation_id}/events", Last_Event_ID=first["id"]) as events:
        assert list(events)[1:] == rest
    with service.events(f"{PATH}/{evaluation_id}/events", Last_Event_ID=rest[-1]["id"]) as events:
        assert list(events)[1:] == []
    assert service.get(f"{PATH}/{evaluation_id}/events", Last_Event_ID="x").status == 422


def test_many_followers_cost_no_thread_each(service):
    """Sixty lines at once are all told of the end, by a handful of threads."""
    evaluation_id = submitted(service)
    before, last, ready = threading.active_count(), [], threading.Barrier(61)

    def follow():
        with service.events(f"{PATH}/{evaluation_id}/events") as events:
            next(events)
            ready.wait(20)
            last.append(json.loads(list(events)[-1]["data"])["status"])

    threads = [threading.Thread(target=follow) for _ in range(60)]
    for thread in threads:
        thread.start()
    ready.wait(20)
    at_work = threading.active_count() - before - 60
    service.ask("DELETE", f"{PATH}/{evaluation_id}")
    for thread in threads:
        thread.join(20)
    assert last == ["cancelled"] * 60
    assert at_work < 30
