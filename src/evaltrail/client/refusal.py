"""Answers that are no success, as errors of ours: RFC 9457 problem details, and what else may answer at a URL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from evaltrail.core.errors import EndpointError, EvaltrailError, InputError, PartialError
from evaltrail.core.values import Json

_START = "`evaltrail up` starts a service on this machine; EVALTRAIL_SERVICE_URL names another"
_NOT_OURS = "is that the address of the evaluation service?"


def away(shown: str, why: str) -> EndpointError:
    """Nothing answers at the service's address.

    Args:
        shown: the address.
        why: what the system says.
    """
    return EndpointError(f"the service cannot be reached: {why}", code="service_away", where=shown, hint=_START)


def strange(shown: str, why: str) -> EndpointError:
    """Something answers that is not the service.

    Args:
        shown: the address.
        why: what is odd about it.
    """
    return EndpointError(f"what answers is not the evaluation service: {why}", code="not_the_service", where=shown)


def refusal(status: int, body: bytes, shown: str, *, location: str = "") -> EvaltrailError:
    """The error that an answer tells.

    Args:
        status: of the answer; 300 or more.
        body: of the answer, in whatever form.
        shown: the address.
        location: where a redirect points to.
    """
    if status < 400:
        why = f"it sends us on to {location[:200] or 'another address'}, where no key is sent"
        return EndpointError(why, code="redirected", where=shown, hint="give the address itself, with https if need be")
    problem = _problem(body)
    if not problem:
        name = next((each.phrase for each in HTTPStatus if each == status), "")
        message = f"it answers with HTTP {status} {name}".rstrip()
        return EndpointError(message, code=f"http_{status}", where=shown, hint=_NOT_OURS)
    if status >= 500 or status == 429:
        return EndpointError(_text(problem, "message"), code=_text(problem, "code"), hint=_hint(problem), where=shown)
    mistakes = _mistakes(problem)
    if len(mistakes) > 1:
        return PartialError(mistakes, exit_code=InputError.exit_code)
    if mistakes:
        return mistakes[0]
    return InputError(_text(problem, "message"), code=_text(problem, "code"), hint=_hint(problem))


def _mistakes(problem: Mapping[str, Json]) -> list[InputError]:
    told = problem.get("errors")
    return [_mistake(each, problem) for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def _mistake(told: Mapping[str, Json], problem: Mapping[str, Json]) -> InputError:
    return InputError(
        _text(told, "message"),
        code=_text(told, "code") or _text(problem, "code"),
        where=_text(told, "path"),
        hint=_hint(told),
    )


def _problem(body: bytes) -> dict[str, Json]:
    """The problem details of a body; empty where it holds none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and isinstance(value.get("message"), str) else {}


def _text(told: Mapping[str, Json], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _hint(told: Mapping[str, Json]) -> str:
    return _text(told, "hint") or "correct the request, then send it again"
