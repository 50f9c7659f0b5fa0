"""`evaltrail.generate`: the same from Python, with the same checks."""

from __future__ import annotations

import json

import pytest

import evaltrail
from evaltrail.core.errors import InputError
from evaltrail.core.request import RequestLimits
from generated_sets import write_facts
from question_endpoint import QuestionEndpoint


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALTRAIL_HOME", str(tmp_path / "home"))


def test_questions_come_back_as_values(tmp_path):
    """Questions, what was rejected, the data set's id and the figures; progress is told."""
    told = []
    with QuestionEndpoint() as endpoint:
        result = evaltrail.generate(
            write_facts(tmp_path / "facts.json"),
            out=tmp_path / "q.jsonl",
            model="writer",
            url=endpoint.url,
            types={"simple": 3, "multi-hop": 1},
            gates={"round_trip": 0.1},
            limits=RequestLimits(concurrency=4),
            deliver=False,
            progress=told.append,
        )
    kinds = [question.type for question in result.questions]
    assert (kinds.count("simple"), len(result.dataset_id)) == (3, 16)
    assert result.generation.requested == 4
    assert len((tmp_path / "q.jsonl").read_text().splitlines()) == len(result.questions)
    assert told[-1].total == 4
    request = json.loads((result.folder / "request.json").read_text())
    assert request["plan"]["thresholds"]["round_trip"] == 0.1


@pytest.mark.parametrize("given", [5, [5], None, []])
def test_what_is_no_path_is_refused(given):
    """Whatever else is given in place of documents, or of tasks, is the caller's mistake, with the next step."""
    for call in (lambda: evaltrail.generate(given), lambda: evaltrail.run(given, model="baseline:random")):
        with pytest.raises(InputError) as caught:
            call()
        assert (caught.value.code, caught.value.hint) == ("bad_option", "pass a name or a path, or a list of them")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"windowsize": 3}, "unknown_option"),
        ({"window_size": "three"}, "bad_option"),
        ({"window_size": 0}, "bad_window"),
        ({"types": {"silly": 1}}, "unknown_type"),
        ({"gates": {"round_trip": 2}}, "bad_gate"),
        ({"questions_per_window": 0}, "bad_option"),
        ({"model": "m"}, "missing_url"),
        ({"url": "http://h/v1"}, "usage"),
        ({"generator": "llm"}, "missing_model"),
        ({"out": "q.docx"}, "bad_out"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, options, code):
    """Unknown options, wrong types and values out of range are the caller's mistake, found before anything is kept."""
    with pytest.raises(InputError) as caught:
        evaltrail.generate(write_facts(tmp_path / "facts.json", 2), **{"deliver": False, **options})
    assert caught.value.code == code
    assert not (tmp_path / "home").exists()
