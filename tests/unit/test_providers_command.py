"""Command files: read strictly, their words filled in, and never from what a request says."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_files import write_command
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.providers.command import command_names, command_task
from evaltrail.providers.command_file import CommandFile, place_of, read_command


@pytest.fixture
def make(tmp_path):
    """A function that makes the task of a command file."""

    def made(name="sums", *, url="http://127.0.0.1:9/v1", model="m", request=None, environ=None, **changes):
        write_command(tmp_path / "commands", **changes)
        asked = EvaluationRequest(**{"tasks": ("t",), "target": ModelTarget(id=model, url=url), **(request or {})})
        variables = {"EVALTRAIL_COMMANDS_DIR": str(tmp_path / "commands"), "PATH": "", **(environ or {})}
        return command_task(name, asked, datasets_dir=None, environ=variables)

    return made


def of(*words) -> CommandFile:
    return CommandFile(file=__file__, name="x", command=words, digest="d")


def test_a_place_is_a_word_of_its_own():
    """Other braces are a word's own business."""
    assert [place_of(word) for word in ("{out}", "{param.k}", "{}", "out", "--x={out}", '{"a": 1}')] == [
        "out",
        "param.k",
        "",
        "",
        "",
        "",
    ]


def test_values_take_the_places_of_their_words():
    """Each is one word, whatever it holds; no shell reads it."""
    filled = of("eval", "--out", "{out}", ("--limit", "{limit}"), "{model}").filled(
        {"out": "/a b", "model": "m; rm -rf $HOME", "limit": 3}
    )
    assert filled == ["eval", "--out", "/a b", "--limit", "3", "m; rm -rf $HOME"]


def test_a_group_without_a_value_is_left_out():
    """With its flag."""
    assert of("eval", ("--limit", "{limit}"), ("--url", "{url}")).filled({"limit": None, "url": ""}) == ["eval"]


def test_a_place_outside_of_a_group_needs_its_value():
    """The hint names the flag."""
    with pytest.raises(InputError, match=r"\{limit\}.*add --limit"):
        of("eval", "{limit}").filled({"limit": None})


@given(st.text(min_size=1))
def test_no_value_is_read_as_a_flag(value):
    """Every value is one word that does not begin with a dash, or is refused."""
    if value.startswith("-") or "\0" in value:
        with pytest.raises(InputError, match="flag"):
            of("eval", "{model}").filled({"model": value})
    else:
        assert of("eval", "{model}").filled({"model": value}) == ["eval", value]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"command": None}, "no list of words"),
        ({"command": "eval --out {out}"}, "no list of words"),
        ({"command": []}, "no list of words"),
        ({"command": ["eval"]}, "no '{out}'"),
        ({"command": ["{model}", "{out}"]}, "no program"),
        ({"command": [["eval"], "{out}"]}, "no program"),
        ({"command": ["eval", "{out}", "{modle}"]}, "did you mean 'model'"),
        ({"command": ["eval", "{out}", "{zzz}"]}, "known: {out}"),
        ({"command": ["eval", "{out}", "--model={model}"]}, "a place beside other characters"),
        ({"command": ["eval", "{out}", "{out}/sub"]}, "a place beside other characters"),
        ({"command": ["eval", "{out}", None]}, "a word that is no text"),
        ({"command": ["eval", "{out}", {"a": 1}]}, "a word that is no text"),
        ({"commnad": ["eval"]}, "did you mean 'command'"),
        ({"env": {"A": "secret"}}, "no list of names"),
        ({"env": ["A=secret"]}, "no list of names"),
        ({"api_key_env": "sk-123"}, "no name of a variable"),
        ({"timeout_s": 0}, "no time"),
        ({"timeout_s": True}, "no time"),
        ({"total": -1}, "no whole number"),
        ({"resumes": "no"}, "neither true nor false"),
        ({"name": "a/b"}, "other characters"),
        ({"leaves": ["lm_eval"]}, "no text"),
    ],
)
def test_what_a_file_gets_wrong_is_told(tmp_path, changes, told):
    """File and key, and what to write."""
    file = write_command(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        read_command(file)
    assert told in str(caught.value)
    assert str(file) in caught.value.where


def test_a_file_that_is_no_mapping_is_told(tmp_path):
    """As task files do."""
    (tmp_path / "odd.yaml").write_text("- eval\n")
    with pytest.raises(InputError, match="no mapping"):
        read_command(tmp_path / "odd.yaml")


def test_numbers_and_braces_of_the_users_stay_words(tmp_path):
    """Only places are places."""
    file = write_command(tmp_path, command=["eval", "{out}", 3, 0.5, '{"a": 1}', "{}"])
    assert read_command(file).filled({"out": "o"}) == ["eval", "o", "3", "0.5", '{"a": 1}', "{}"]


def test_a_task_knows_what_its_file_says(make):
    """Name, version, reader, samples; its settings tell the file's digest."""
    task = make(name="sums", version=2, total=4, environ={"SECRET": "x"})
    assert (task.name, task.provider, task.provider_version, task.leaves, task.total) == (
        "sums",
        "command",
        "2",
        "lm_eval",
        4,
    )
    assert set(task.config()) == {"command.digest"}


def test_the_file_and_what_is_asked_decide_the_identity(make):
    """Not whom it asks, nor how hard."""
    words = [sys.executable, "{out}", ("--limit", "{limit}"), "{model}"]
    one = make(command=words).identity
    assert make(command=words, model="other", request={"limits": RequestLimits(concurrency=1)}).identity == one
    assert make(command=words, request={"limit": 3}).identity != one
    assert make(command=words, version=2).identity != one


@pytest.mark.parametrize("name", ["../sums", "commands/sums", "sums.yaml", "/etc/passwd", ".", "", "smus"])
def test_only_files_of_the_operators_folder_are_commands(make, name):
    """No path leads out of it, and no parameter names a file."""
    with pytest.raises(InputError, match="no command is called") as caught:
        make(name, request={"params": {"command_file": "x.yaml", "command": "rm"}})
    assert "EVALTRAIL_COMMANDS_DIR" in caught.value.hint


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"limit": 3}, "takes no limit"),
        ({"seed": 3}, "takes no seed"),
        ({"sample_ids": ("a",)}, "takes no samples"),
        ({"repeats": 2}, "takes no repeats"),
        ({"seed": 0}, "takes no seed"),
        ({"limits": RequestLimits(rpm=60)}, "takes no rpm"),
        ({"generation": {"temperature": 0}}, "generation settings"),
        ({"target": ModelTarget(id="m", url="u", headers={"X": "y"})}, "request headers"),
        ({"target": ModelTarget(id="m", url="http://u", is_outside=True)}, "cannot be checked"),
    ],
)
def test_a_setting_that_would_not_reach_the_program_is_refused(make, request_, told):
    """A limit that is ignored would be a wrong result."""
    with pytest.raises(InputError, match=told):
        make(request=request_)


def test_parameters_fill_their_places(make):
    """And a missing one is told with the flag."""
    words = [sys.executable, "{out}", "{param.split}"]
    assert make(command=words, request={"params": {"split": "test"}}).total == 0
    with pytest.raises(InputError, match=r"--param split=VALUE"):
        make(command=words)


@pytest.mark.parametrize("program", ["no-such-program-anywhere", "./no-such-file", "/no/such/file"])
def test_a_program_that_is_not_there_is_told_before(make, program):
    """Looked up in PATH, or beside the file."""
    with pytest.raises(InputError, match="is not there") as caught:
        make(command=[program, "{out}"])
    assert caught.value.code == "missing_command"


def test_a_program_beside_its_file_is_found(make, tmp_path):
    """By a path that begins with ./."""
    (tmp_path / "commands").mkdir()
    script = tmp_path / "commands" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert make(command=["./run.sh", "{out}"]).name == "sums"


def test_commands_are_listed_by_name(tmp_path):
    """Those of the folder; by default it lies in the home, and need not be there."""
    write_command(tmp_path / "home" / "commands", "b")
    write_command(tmp_path / "home" / "commands", "a")
    assert command_names({"EVALTRAIL_HOME": str(tmp_path / "home")}) == ["a", "b"]
    assert command_names({"EVALTRAIL_HOME": str(tmp_path / "other")}) == []


def test_two_keys_of_a_name_are_refused(tmp_path):
    """As in task files."""
    file = write_command(tmp_path)
    file.write_text(json.dumps({"leaves": "a"})[:-1] + ', "leaves": "b"}')
    with pytest.raises(InputError, match="stands twice"):
        read_command(file)
