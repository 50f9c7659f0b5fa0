"""What the words of `evaltrail generate` mean."""

from __future__ import annotations

import json

import pytest

from evaltrail.cli.generate import add_arguments
from evaltrail.cli.generate_questions import execute
from evaltrail.cli.parser import Parser
from evaltrail.core.errors import InputError


@pytest.fixture
def previewed(tmp_path, monkeypatch, capsys):
    """What a dry run in a folder of its own says of some words: its object, and its notes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALTRAIL_HOME", str(tmp_path / "home"))

    def run(*words):
        parser = Parser()
        add_arguments(parser)
        parser.add_argument("--json", action="store_true")
        assert execute(parser.parse_args([*words, "--generator", "cloze", "--dry-run", "--json"])) == 0
        told = capsys.readouterr()
        return json.loads(told.out), told.err

    return run


@pytest.mark.parametrize(
    ("words", "documents", "requested"),
    [
        (("--types", "simple=1", "a=b.txt"), ["a=b.txt"], 1),
        (("--types", "simple=1,numeric=2", "2024=1.txt", "--gates", "round_trip=off", "c=0"), ["2024=1.txt", "c=0"], 3),
        (("--types", "multi-hop=1", "simple=b.txt"), ["simple=b.txt"], 1),
        (("--types", "simple=2", "a.txt"), ["a.txt", "simple=2"], 2),
    ],
)
def test_a_document_may_have_the_name_of_a_pair(tmp_path, previewed, words, documents, requested):
    """A flag with several values swallows it: a pair is what two of three speak for, a name, a number, no such file."""
    for name in documents:
        (tmp_path / name).write_text(f"The museum of {name} opened in 1911.\n")
    told, _ = previewed(*words)
    assert (told["requested"], len(told["windows"])) == (requested, 1)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--types", "simpel=1"), "unknown_type", "did you mean 'simple'?"),
        (("--types", "simple=ten"), "bad_type", "write simple=N"),
        (("--gates", "round_tripp=0.1"), "unknown_gate", "did you mean 'round_trip'?"),
        (("--gates", "round_trip=high"), "bad_gate", "such as 0.5"),
        (("--types", "simple=1", "none=b.txt"), "missing_document", ""),
        (("--types", f"{'x' * 300}=1"), "unknown_type", "known: simple"),
    ],
)
def test_a_pair_that_is_none_is_told_as_such(tmp_path, previewed, words, code, said):
    """A name that there is not, with the nearest one; a value that is none; a document that is not there."""
    (tmp_path / "a.txt").write_text("The museum opened in 1911.\n")
    with pytest.raises(InputError) as caught:
        previewed("a.txt", *words)
    assert (caught.value.code, said in caught.value.hint) == (code, True)


def test_windows_stay_within_a_document_and_gaps_are_told(tmp_path, previewed):
    """--window-scope document never crosses a file; chunks that no window holds are a note, and a figure."""
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(json.dumps([{"text": f"Chunk {number} of {name}."} for number in range(5)]))
    words = ("one.json", "two.json", "--window-size", "2")
    told, notes = previewed(*words, "--window-step", "3", "--window-scope", "document")
    assert (told["windows"], told["unused_chunks"]) == ([[1, 2], [4, 5], [6, 7], [9, 10]], [3, 8])
    assert notes.startswith("note: 2 chunks are never used (3, 8): ")
    assert previewed(*words, "--window-step", "3")[0]["windows"] == [[1, 2], [4, 5], [7, 8], [10, 10]]
    assert previewed(*words, "--window-step", "2")[1] == ""
