"""`evaltrail submit`: what its words and files mean, before anything is sent."""

from __future__ import annotations

import json

import pytest

from evaltrail.cli.submission_file import read_submission
from evaltrail.cli.submit import exit_code_of, read_benchmark, read_settings
from evaltrail.client.answers import evaluation_of
from evaltrail.core.errors import InputError


@pytest.mark.parametrize(
    ("word", "benchmark"),
    [
        ("arc_easy", {"id": "arc_easy"}),
        ("ragas/faithfulness", {"provider_id": "ragas", "id": "faithfulness"}),
        (
            "p/b,num_fewshot=5,limit=0.1,judge=openai:/x,strict=true",
            {
                "provider_id": "p",
                "id": "b",
                "config": {"num_fewshot": 5, "limit": 0.1, "judge": "openai:/x", "strict": True},
            },
        ),
    ],
)
def test_a_benchmark_is_written_in_one_word(word, benchmark):
    """Provider, id and settings; numbers and truth are what JSON says they are."""
    assert read_benchmark(word) == benchmark


@pytest.mark.parametrize("word", ["", "/b", "p/", "p/b,five", "p/b,a=1,a=2", ",a=1"])
def test_a_word_that_names_no_benchmark_is_refused(word):
    """With the next step."""
    with pytest.raises(InputError) as caught:
        read_benchmark(word)
    assert caught.value.hint


def test_a_setting_that_json_has_no_number_for_stays_a_text():
    """NaN and infinity never become numbers; the service says what it wants instead."""
    assert read_settings(["a=NaN", "b=-Infinity", "c=", 'd="x"'], "--config") == {
        "a": "NaN",
        "b": "-Infinity",
        "c": "",
        "d": "x",
    }


def test_a_file_of_either_form_is_the_same_request(tmp_path):
    """JSON and YAML say the same."""
    request = {"model": {"name": "m", "server": "vllm"}, "benchmarks": [{"id": "arc_easy", "config": {"limit": 2}}]}
    (tmp_path / "a.json").write_text(json.dumps(request))
    (tmp_path / "a.yaml").write_text(
        "model: {name: m, server: vllm}\nbenchmarks:\n- id: arc_easy\n  config: {limit: 2}\n"
    )
    assert read_submission(str(tmp_path / "a.json")) == read_submission(str(tmp_path / "a.yaml")) == request


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b'{"a": \n,}', "a.json:2:1"),
        ("a.json", b"[1]", "no object"),
        ("a.json", b"\xff", "UTF-8"),
        ("a.json", b"[" * 100_000, "more than can be read"),
        ("a.yaml", b"a: [", "no YAML"),
        ("a.yaml", b"a: 1\na: 2\n", "twice"),
        ("a.yaml", b"", "no object"),
    ],
)
def test_a_file_that_is_no_request_says_why_and_where(tmp_path, name, content, told):
    """One error with the file's name, nothing sent."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_submission(str(tmp_path / name))
    assert told in str(caught.value)
    assert caught.value.where.startswith(str(tmp_path / name))


def test_a_file_that_is_not_there_is_named(tmp_path):
    """As is one that cannot be read."""
    with pytest.raises(InputError, match="cannot be read"):
        read_submission(str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("state", "code"), [("completed", 0), ("partially_failed", 1), ("failed", 1), ("cancelled", 130)]
)
def test_how_an_evaluation_ended_is_the_exit_code(state, code):
    """So that a script can go by it."""
    assert exit_code_of(evaluation_of({"id": "e", "status": state})) == code
