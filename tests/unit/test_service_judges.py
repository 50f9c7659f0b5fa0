"""Which model judges: named by the metric, by the request, by the settings, or the one under test."""

from __future__ import annotations

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.request import ModelTarget
from evaltrail.core.sample import Score
from evaltrail.scoring.exact import ExactMatch
from evaltrail.service.evaluation.judge_facts import has_judge, judge_lines
from evaltrail.service.evaluation.judges import find_gradings, public_judge

TESTED = ModelTarget(id="tested", url="http://127.0.0.1:9/v1", api_key_env="TESTED_KEY")


class Fixed:
    """A judge that says 1."""

    name, better, unit, source, is_grade = "fixed", "higher", "1", "fixed/1", True
    headers, fields = {}, ()

    def __init__(self, target=""):
        self.target = target

    async def judge(self, sample, model):
        return Score(value=1.0)


def found(judge=None, *, default="", may_be_tested=False, **variables):
    """The target and key that a judge gets."""
    settings = load_settings({"EVALTRAIL_HOME": "unused", **variables}, None)
    (grading,) = find_gradings(
        [ExactMatch(), judge or Fixed()], settings, default=default, tested=TESTED, may_be_tested=may_be_tested
    )
    return grading.target.id, grading.target.url, grading.key


def test_the_nearest_name_wins():
    """The metric's own word before the request's before EVALTRAIL_JUDGE."""
    variables = {"EVALTRAIL_JUDGE": "http://127.0.0.1:7/v1#third"}
    assert found(Fixed("http://h/v1#first"), default="http://h/v1#second", **variables)[0] == "first"
    assert found(default="http://h/v1#second", **variables)[0] == "second"
    assert found(**variables) == ("third", "http://127.0.0.1:7/v1", "")


def test_openai_means_its_endpoint_and_key():
    """`openai:/NAME` asks OpenAI, or what OPENAI_BASE_URL names, with OPENAI_API_KEY."""
    assert found(EVALTRAIL_JUDGE="openai:/gpt", OPENAI_API_KEY="k-1") == ("gpt", "https://api.openai.com/v1", "k-1")
    own = {"OPENAI_API_BASE": "http://127.0.0.1:5/v1", "OPENAI_API_KEY": "k-1"}
    assert found(EVALTRAIL_JUDGE="openai:/gpt", **own) == ("gpt", "http://127.0.0.1:5/v1", "k-1")


def test_a_key_goes_to_its_own_host_only():
    """The key of the model under test serves a judge on the same host; that of another is named by its variable."""
    assert found(Fixed("http://127.0.0.1:9/other#j"), TESTED_KEY="k-2")[2] == "k-2"
    assert found(Fixed("http://127.0.0.1:8/v1#j"), TESTED_KEY="k-2", OPENAI_API_KEY="k-1")[2] == ""
    named = {"EVALTRAIL_JUDGE_API_KEY_ENV": "JUDGE_KEY", "JUDGE_KEY": "k-3"}
    assert found(Fixed("http://127.0.0.1:8/v1#j"), **named)[2] == "k-3"


def test_the_model_under_test_judges_only_where_it_may():
    """Nobody grades their own answers without its having been said."""
    assert found(may_be_tested=True, TESTED_KEY="k")[0] == "tested"
    with pytest.raises(InputError) as caught:
        found()
    assert caught.value.code == "missing_judge"
    assert all(word in caught.value.hint for word in ("--judge", "judge=", "`model`", "EVALTRAIL_JUDGE", "openai:/"))


def test_openai_without_a_key_is_found_before_it_is_asked():
    """Its own endpoint wants one; another that OPENAI_BASE_URL names may not."""
    with pytest.raises(InputError, match="OPENAI_API_KEY") as caught:
        found(EVALTRAIL_JUDGE="openai:/gpt")
    assert caught.value.code == "missing_key"
    assert found(EVALTRAIL_JUDGE="openai:/gpt", OPENAI_BASE_URL="http://127.0.0.1:5/v1")[2] == ""
    with_header = Fixed("openai:/gpt")
    with_header.headers = {"Authorization": "Bearer x"}
    assert found(with_header)[0] == "gpt"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gpt-4o", "write openai:/gpt-4o, or http://host/v1#gpt-4o"),
        ("openai:gpt-4o", "write openai:/gpt-4o, or http://host/v1#gpt-4o"),
        ("http://u:p@h/v1", "write http://h/v1#NAME"),
        ("#m", "write openai:/m, or http://host/v1#m"),
        ("no name", "write openai:/NAME, or http://host/v1#NAME"),
    ],
)
def test_a_name_that_is_nearly_one_is_corrected(name, hint):
    """It can be copied."""
    with pytest.raises(InputError) as caught:
        found(Fixed(name))
    assert (caught.value.code, caught.value.hint) == ("bad_judge", hint)


@pytest.mark.parametrize(
    ("named", "shown"),
    [("openai:/gpt", "openai:/gpt"), ("http://u:p@h:1/v1?key=k#m", "http://h:1/v1#m"), ("http://u:p@h", "http://h")],
)
def test_a_judge_is_shown_without_what_is_secret(named, shown):
    """User, password and query of its URL are left out."""
    assert public_judge(named) == shown


@pytest.mark.parametrize("name", ["gpt-4", "http://127.0.0.1:1/v1", "openai:/", "ftp://h/v1#m", "#m"])
def test_a_name_that_names_no_model_is_refused(name):
    """What a judge can be called is said."""
    with pytest.raises(InputError) as caught:
        found(Fixed(name))
    assert caught.value.hint


def test_a_baseline_that_judges_is_said_to_be_one():
    """Its scores look like any others."""
    told = {"judge.tone.model": "baseline:random", "judge.tone.calibration": "uncalibrated"}
    assert list(judge_lines(told)) == [
        "tone is judged by baseline:random (a baseline: it reads no rubric): uncalibrated"
    ]
    assert (has_judge(told, "tone"), has_judge(told, "exact_match")) == (True, False)
