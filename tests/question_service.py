"""What tests of documents, generations and data sets send to a service, and a worker for it in this process."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from evaltrail.config.settings import Settings
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.hold import Hold
from evaltrail.jobs.opening import open_queue
from evaltrail.service.handling.unit_handler import UnitHandler

TOWNS = ("Varn", "Koster", "Elm", "Tolva", "Brin", "Askel", "Norre", "Falk", "Ister", "Lund")


def chunks(count: int = 10, builder: str = "Ida Holm") -> list[dict[str, object]]:
    """So many chunks that cloze finds blanks in; another builder makes other questions."""
    return [
        {
            "filename": "towers.txt",
            "page": number // 3 + 1,
            "text": f"The tower of {TOWNS[number % 10]} number {number} was built in {1850 + 7 * number} by {builder}. "
            f"Its lamp burns {12 + number} litres of oil a night, and {200 + number} steps lead to it.",
        }
        for number in range(count)
    ]


def multipart(
    content: bytes, *, name: str = "file", filename: str = "q.csv", **fields: str
) -> tuple[bytes, dict[str, str]]:
    """A form with a file, and the header that goes with it."""
    edge = "edge-of-the-form"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
    parts += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", content, f"\r\n--{edge}--\r\n".encode()]
    return b"".join(parts), {"Content_Type": f"multipart/form-data; boundary={edge}"}


def path(url: str) -> str:
    """The path of an address."""
    return urlsplit(url).path


def work_off(settings: Settings, *, most: int = 50) -> None:
    """Do what is due in the queue of these settings until nothing is."""
    handler = UnitHandler(settings)
    with open_queue(settings) as queue:
        for _ in range(most):
            claim = queue.claim("here")
            if claim is None:
                return
            carry_out(Hold(queue, claim), queue, handler, first_pause_s=0.0)
    pytest.fail("it never ends")


def generated(
    client: Any, settings: Settings, count: int = 10, *, builder: str = "Ida Holm", **headers: str
) -> dict[str, Any]:
    """The account of a generation that was sent by the seed's route and is done."""
    reply = client.post("/post_json", chunks(count, builder), **headers)
    assert reply.status == 202, reply.body
    work_off(settings)
    found: dict[str, Any] = client.get(path(reply.object["status_url"])).object
    return found
