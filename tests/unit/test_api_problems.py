"""Errors as HTTP answers: one status each, the words that clients read, nothing of what went on inside."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from asgi_calls import called
from evaltrail.api.problems import of_status, problem_of, status_of
from evaltrail.core.errors import (
    BusyError,
    DestinationError,
    DestinationUnreachableError,
    EvaltrailError,
    InputError,
    PartialError,
    StorageError,
)
from evaltrail.server.failures import HANDLERS, Wall
from evaltrail.server.request_log import RequestLog


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("x"), 422),
        (InputError("x", code="bad_json"), 400),
        (InputError("x", code="unknown_id"), 404),
        (InputError("x", code="unknown_benchmark"), 422),
        (InputError("x", code="idempotency_conflict"), 409),
        (InputError("x", code="not_over"), 409),
        (InputError("x", code="read_only"), 409),
        (InputError("x", code="too_large"), 413),
        (InputError("x", code="unsupported_media_type"), 415),
        (BusyError("x"), 409),
        (PartialError([InputError("x"), InputError("y")]), 422),
        (PartialError([InputError("x"), StorageError("y")]), 500),
        (StorageError("x"), 503),
        (DestinationUnreachableError("x"), 503),
        (DestinationError("x"), 502),
        (EvaltrailError("x"), 500),
    ],
)
def test_each_error_has_one_status(error, status):
    """What the client did is 4xx, what is away is 503, what is ours is 500."""
    assert status_of(error) == status


def test_problem_bears_the_names_of_the_rfc_and_of_todays_clients():
    """RFC 9457's members, and message, message_code, code, hint and the request's id beside them."""
    errors = [InputError("no a", code="unknown_benchmark", where="benchmarks.0.id", hint="b?"), InputError("no c")]
    told = json.loads(problem_of(PartialError(errors), instance="/x", request_id="r").body())
    assert told == {
        "type": "urn:evaltrail:problem:unknown_benchmark",
        "title": "Unknown benchmark",
        "status": 422,
        "detail": "benchmarks.0.id: no a, and 1 more errors (b?)",
        "instance": "/x",
        "message": "no a, and 1 more errors",
        "message_code": "unknown_benchmark",
        "code": "unknown_benchmark",
        "hint": "b?",
        "request_id": "r",
        "errors": [{"path": "benchmarks.0.id", "message": "no a", "hint": "b?", "value": ""}],
    }


def test_hint_of_the_command_line_is_none_for_clients():
    """Who sends requests runs nothing again."""
    assert "run" not in problem_of(InputError("x")).hint


def test_fault_of_ours_is_told_without_what_it_was():
    """500 names the request's id and nothing else."""
    told = json.loads(problem_of(EvaltrailError("the path /secret"), instance="/x", request_id="r").body())
    assert (told["status"], told["request_id"]) == (500, "r")
    assert "/secret" not in str(told)


def test_store_that_is_away_says_when_to_come_back():
    """503 bears Retry-After."""
    assert problem_of(StorageError("x")).headers == {"Retry-After": "5"}


def test_refusals_of_the_framework_have_the_same_form():
    """404 and 405 are problems too, and keep their headers."""
    problem = of_status(405, instance="/x", headers={"Allow": "GET"})
    assert (problem.code, problem.headers) == ("method_not_allowed", {"Allow": "GET"})


def test_wall_keeps_a_fault_and_tells_the_log_without_secrets():
    """An error that nobody expected ends its request alone, and is one line without the secret in it."""
    lines = []

    async def broken(scope, receive, send):
        raise RuntimeError("api_key=sk-abcdef0123456789abcdef")

    asyncio.run(Wall(broken, lines.append)({"type": "http"}, None, None))
    told = json.loads(lines[0])
    assert (told["level"], told["message"]) == ("error", "RuntimeError at a request")
    assert "Traceback" in told["traceback"]
    assert "sk-abcdef0123456789abcdef" not in lines[0].decode()


def test_error_of_ours_that_is_a_fault_is_told_in_the_log():
    """A 500 sends its client's operator to the log, which has to know of it."""

    def fail(_request):
        raise EvaltrailError("what nobody foresaw")

    lines = []
    walled = Wall(Starlette(routes=[Route("/", fail)], exception_handlers=HANDLERS), lines.append)
    app = RequestLog(walled, lambda _: None)
    answer = asyncio.run(called(app, path="/"))
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert "what nobody foresaw" not in answer.body.decode()
    assert [b"what nobody foresaw" in line for line in lines] == [True]
