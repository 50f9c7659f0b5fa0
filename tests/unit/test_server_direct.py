"""Hot endpoints answer as all others do: their errors are problems, and their faults are told to who keeps them."""

from __future__ import annotations

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import Response

from asgi_calls import answer, called
from evaltrail.api.endpoint import Endpoint
from evaltrail.core.errors import InputError
from evaltrail.server.direct import Direct
from evaltrail.server.failures import Wall

PATH = "/api/v1/evaluations"


def served(handler, lines, *, is_hot=True):
    """An application with one endpoint that is answered directly, behind a wall."""
    endpoint = Endpoint(method="POST", path=PATH, handler=handler, tag="evaluations", is_hot=is_hot)
    return Wall(Direct(answer, [endpoint]), lines.append)


def raising(error):
    """A handler that fails so."""

    async def handler(_request):
        raise error

    return handler


async def done(_request):
    return Response(b"done", 202)


@pytest.mark.parametrize(
    ("method", "path", "is_hot", "status"),
    [
        ("POST", PATH, True, 202),
        ("GET", PATH, True, 200),
        ("POST", f"{PATH}/x", True, 200),
        ("POST", PATH, False, 200),
    ],
)
def test_only_a_hot_method_of_its_own_path_is_answered(method, path, is_hot, status):
    """Everything else is handed on."""
    assert asyncio.run(called(served(done, [], is_hot=is_hot), method, path)).status == status


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InputError("no", code="bad_request"), 422, "bad_request"),
        (HTTPException(404), 404, "not_found"),
    ],
)
def test_an_error_is_a_problem_and_no_fault(error, status, code):
    """Ours and the framework's, each with its status; the log is told nothing."""
    lines = []
    reply = asyncio.run(called(served(raising(error), lines), "POST", PATH))
    assert (reply.status, reply.json["message_code"], lines) == (status, code, [])


def test_a_fault_is_told_to_the_client_without_what_it_was_and_to_the_log_with_it():
    """500, and one line with the traceback."""
    lines = []
    reply = asyncio.run(called(served(raising(KeyError("inner")), lines), "POST", PATH))
    assert reply.status == 500
    assert b"inner" not in reply.body
    assert [b"KeyError" in line for line in lines] == [True]
