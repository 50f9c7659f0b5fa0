"""Pages of lists are told again only while nothing has changed, and never for long."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.known_pages import KnownPages


class Shelf:
    """A queue's version and a clock that a test moves, and pages that are numbered as they are made."""

    def __init__(self, told_by=""):
        self.version, self.now, self.made, self.bytes = 1, 0.0, 0, b""
        self.pages = KnownPages(lambda: self.version, told_by=told_by, clock=lambda: self.now)

    def ask(self, query="limit=5", tenant=""):
        """The number of the page that is told."""
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/jobs",
            "query_string": query.encode(),
            "headers": [(b"x-tenant", tenant.encode())],
        }
        reply = asyncio.run(self.pages.reply(Request(scope), self._make))
        assert reply.media_type == "application/json"
        return int(reply.body[:5])

    def _make(self, _request):
        self.made += 1
        return Response(f"{self.made:5}".encode() + self.bytes, media_type="application/json")


def test_a_page_is_told_again_while_nothing_changes():
    """The same path, query and version: made once."""
    shelf = Shelf()
    assert [shelf.ask(), shelf.ask(), shelf.ask("limit=6"), shelf.ask()] == [1, 1, 2, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"now": 1.5},
    ],
)
def test_what_has_changed_or_is_old_is_made_anew(change):
    """Another version of the queue, or a second that has gone by."""
    shelf = Shelf()
    shelf.ask()
    for name, value in change.items():
        setattr(shelf, name, value)
    assert [shelf.ask(), shelf.ask()] == [2, 2]


def test_without_a_version_every_page_is_made():
    """A database that cannot tell of changes at once."""
    shelf = Shelf()
    shelf.version = None
    assert [shelf.ask(), shelf.ask()] == [1, 2]


def test_a_page_is_the_one_of_its_tenant():
    """A header that the list depends on keeps pages apart."""
    shelf = Shelf(told_by="X-Tenant")
    assert [shelf.ask(tenant="a"), shelf.ask(tenant="b"), shelf.ask(tenant="a")] == [1, 2, 1]


def test_few_and_small_pages_are_kept():
    """A large page is made each time, and of many the ones that were made first are forgotten."""
    shelf = Shelf()
    numbers = [shelf.ask(f"limit={number}") for number in range(40)]
    assert numbers == list(range(1, 41))
    assert [shelf.ask("limit=39"), shelf.ask("limit=0")] == [40, 41]
    shelf.bytes = b" " * 300_000
    assert [shelf.ask("large"), shelf.ask("large")] == [42, 43]
