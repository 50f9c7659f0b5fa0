"""Command lines that cannot be meant: one line of ours with the next step, never argparse's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaltrail.cli.parser import Parser
from evaltrail.core.errors import InputError


@pytest.fixture
def parser():
    made = Parser(prog="evaltrail ls", epilog="example: evaltrail ls runs")
    made.add_argument("what", choices=("runs", "tasks"))
    made.add_argument("--limit", type=int)
    made.add_argument("--layout", choices=("nested", "flat"))
    made.add_argument("--names", nargs="+")
    made.add_argument("--files", nargs=2, type=Path)
    made.add_argument("--json", action="store_true")
    return made


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("run", "evaltrail ls knows no 'run' (did you mean 'runs'? write `evaltrail ls runs` or `evaltrail ls tasks`)"),
        ("zzz", "evaltrail ls knows no 'zzz' (write `evaltrail ls runs` or `evaltrail ls tasks`)"),
        ("", "what is missing (example: evaltrail ls runs)"),
        ("runs --limit", "--limit: needs a value (`evaltrail ls --help` shows the flags)"),
        ("runs --names", "--names: needs a value, or several (`evaltrail ls --help` shows the flags)"),
        ("runs --layout nestd", "--layout: 'nestd' is none of its values (did you mean 'nested'?)"),
        ("runs --layout x", "--layout: 'x' is none of its values (known: nested, flat)"),
        ("runs --json=1", "--json: takes no value (`evaltrail ls --help` shows the flags)"),
        ("runs --limit x", "--limit: invalid int value: 'x' (`evaltrail ls --help` shows the flags)"),
    ],
)
def test_what_cannot_be_meant_is_one_line_with_a_next_step(parser, words, told):
    """Exit 2; the flag as the place, and what to write."""
    with pytest.raises(InputError) as caught:
        parser.parse_known_args(words.split())
    assert (caught.value.exit_code, caught.value.code, str(caught.value)) == (2, "usage", told)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("ID", "`evaltrail ls runs` shows the ids"), ("ID_OR_FOLDER", "`evaltrail ls runs` shows the ids"), ("X", "")],
)
def test_what_is_missing_is_told_with_where_it_is_found(name, hint):
    """Ids are listed by a command; everything else has the example."""
    parser = Parser(prog="evaltrail info", epilog="example: evaltrail info 3f9a")
    parser.add_argument("id", metavar=name)
    with pytest.raises(InputError, match=f"{name} is missing") as caught:
        parser.parse_known_args([])
    assert caught.value.hint == "; ".join(filter(None, [hint, "example: evaltrail info 3f9a"]))


def test_several_that_are_missing_are_told_together():
    """With how to ask for help where there is no example."""
    parser = Parser(prog="evaltrail copy")
    parser.add_argument("source")
    parser.add_argument("target")
    with pytest.raises(InputError, match="source, target are missing") as caught:
        parser.parse_known_args([])
    assert caught.value.hint == "`evaltrail copy --help` shows the flags"


def test_what_can_be_meant_is_taken(parser):
    """Strange words are left for the command to answer."""
    found, strange = parser.parse_known_args(["runs", "--limit", "3", "--layout", "flat", "--what"])
    assert (found.what, found.limit, found.layout, strange) == ("runs", 3, "flat", ["--what"])
