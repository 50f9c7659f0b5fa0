"""Answers of the service as values; what cannot be one of its answers is told as such."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from evaltrail.client.answers import Wire
from evaltrail.client.line import Answer
from evaltrail.client.refusal import strange
from evaltrail.core.values import Json

T = TypeVar("T")


def told_by(answer: Answer, shown: str) -> Wire:
    """The JSON object of an answer.

    Args:
        answer: of a request that succeeded.
        shown: the service's address.

    Raises:
        EndpointError: it holds none.
    """
    try:
        told: Json = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise strange(shown, "its answer is no JSON") from error
    if not isinstance(told, dict):
        raise strange(shown, "its answer is no JSON object")
    return told


def read_told(read: Callable[[Wire], T], told: Wire, shown: str) -> T:
    """What a JSON object tells.

    Args:
        read: makes a value of the object; raises ValueError where it cannot.
        told: the object.
        shown: the service's address.

    Raises:
        EndpointError: it does not tell that.
    """
    try:
        return read(told)
    except ValueError as error:
        raise strange(shown, str(error)) from error
