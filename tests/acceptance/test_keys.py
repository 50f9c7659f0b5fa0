"""`evaltrail keys`: the command as an operator has it."""

from __future__ import annotations

import re

import pytest
from installed import Installed, holding, one_error


@pytest.fixture
def command(tmp_path):
    """The command in a home of its own."""
    return Installed(tmp_path)


def test_a_key_is_shown_once_and_listed_without_itself(command):
    """On stdout stands the key alone, so that a script can take it; the home never holds it."""
    made = command("keys", "add", "ci", "--role", "submit")
    key = made.out.strip()
    assert (made.code, re.fullmatch(r"etk_[0-9a-f]{12}_[\w-]{43}", key) is not None) == (0, True)
    assert "shown this once" in made.err
    listed = command.here("keys", "ls")
    assert (listed.code, "ci" in listed.out, "submit" in listed.out, key in listed.out) == (0, True, True, False)
    assert holding(command.home, key) == []


def test_keys_for_programs(command):
    """--json gives one object each time; only the one that was just made holds a key."""
    made = command.here("keys", "add", "ci", "--role", "read", "--json").object
    assert made["key"].startswith(f"etk_{made['id']}_")
    ended = command.here("keys", "revoke", "ci", "--json").object
    assert ended["revoked_at"]
    listed = command.here("keys", "--json").object["keys"]
    assert [(each["name"], each["role"], "key" in each) for each in listed] == [("ci", "read", False)]


def test_no_keys_is_no_error(command):
    """The next step is told."""
    assert "keys add NAME" in command.here("keys").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add",), "takes a NAME"),
        (("add", "ci"), "takes a role"),
        (("add", "a b", "--role", "read"), "no name for a key"),
        (("add", "ci", "--role", "root"), "root"),
        (("revoke",), "takes a NAME"),
        (("revoke", "nobody"), "in use"),
        (("revoke", "ci", "--role", "read"), "takes no role"),
        (("ls", "ci"), "takes no NAME"),
    ],
)
def test_mistakes_are_told_with_the_next_step(command, words, said):
    """Exit 2 and one line."""
    done = command.here("keys", *words)
    assert (done.code, said in one_error(done)) == (2, True)
