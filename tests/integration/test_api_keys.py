"""Keys in a real database: made once, known by their digest, ended for good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from evaltrail.config.redaction import redact_text
from evaltrail.config.secrets import redact
from evaltrail.core.errors import InputError
from evaltrail.store.api_keys import ROLES, ApiKeys, digest_of
from evaltrail.store.database import open_database
from evaltrail.store.tables import API_KEY


@pytest.fixture
def database(queue_url):
    """A database without keys."""
    opened = open_database(queue_url, Path("/nowhere"), "normal")
    opened.write(lambda connection: connection.execute(delete(API_KEY)))
    yield opened
    opened.close()


@pytest.fixture
def keys(database):
    """Its keys."""
    return ApiKeys(database)


def test_a_key_is_found_by_itself_alone(keys):
    """32 random bytes behind its id; no part of it and nothing like it opens anything."""
    made = keys.add("ci", "submit")
    assert re.fullmatch(r"etk_[0-9a-f]{12}_[\w-]{43}", made.key)
    found = keys.find(made.key)
    assert (found.name, found.role, found.revoked_at, found) == ("ci", "submit", None, made.account)
    other = keys.add("other", "read").key
    mixed = made.key[:17] + other[17:]
    strange = [mixed, made.key[:-1], made.key + "A", made.key.upper(), f"{made.key}\n", "", "etk_", "\ud800", "%"]
    assert [keys.find(text) for text in strange] == [None] * len(strange)


def test_only_the_digest_is_kept(database, keys):
    """Who reads the database learns no key."""
    made = keys.add("ci", "read")
    row = database.read(lambda connection: connection.execute(select(API_KEY)).one())
    assert row.digest == digest_of(made.key)
    assert all(made.key[17:] not in str(value) for value in row)
    assert made.key not in repr(made)


def test_a_revoked_key_opens_nothing_and_frees_its_name(keys):
    """It stays listed, with the time when it ended."""
    first = keys.add("ci", "read")
    ended = keys.revoke("ci")
    assert ended.revoked_at >= ended.created_at
    assert keys.find(first.key) is None
    second = keys.add("ci", "admin")
    assert keys.find(second.key).role == "admin"
    assert [(key.name, key.revoked_at is None) for key in keys.list()] == [("ci", True), ("ci", False)]


def test_a_name_in_use_is_refused(keys):
    """Two keys of one name could not be told apart in the log."""
    keys.add("ci", "read")
    with pytest.raises(InputError, match="'ci' is in use") as caught:
        keys.add("ci", "read")
    assert caught.value.code == "already_exists"


@pytest.mark.parametrize("name", ["", " ", "-ci", "a b", "a\nb", "\u00e4", "x" * 65, "a/b"])
def test_a_name_is_a_plain_word(keys, name):
    """It stands in log lines and commands."""
    with pytest.raises(InputError, match="no name for a key"):
        keys.add(name, "read")


def test_an_unknown_name_cannot_be_revoked(keys):
    """The nearest one in use is told."""
    keys.add("nightly", "read")
    with pytest.raises(InputError, match=r"did you mean 'nightly'\?"):
        keys.revoke("nightli")


def test_roles_hold_one_another(keys):
    """read < submit < admin."""
    made = {role: keys.add(role, role).account for role in ROLES}
    may = {role: [wanted for wanted in ROLES if made[role].may(wanted)] for role in ROLES}
    assert may == {"read": ["read"], "submit": ["read", "submit"], "admin": ["read", "submit", "admin"]}


def test_a_key_is_blotted_out_of_texts(keys):
    """Logs and files that a key got into show none."""
    key = keys.add("ci", "read").key
    assert key not in redact(f"GET /?key={key}")
    assert key not in redact_text(f"sent {key} to the service")
