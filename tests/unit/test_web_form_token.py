"""Tokens of form pages: taken from the browser that they were given, for a while, and from nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.web.form_page import ShownForm, ShownProblem, ShownStart, render
from evaltrail.web.form_token import VALID_S, FormTokens


class Clock:
    """Seconds that the test turns."""

    now = 1_000_000.0

    def __call__(self):
        return self.now


def test_token_goes_with_its_cookie_until_it_is_too_old():
    """The same browser's form is taken, another's, a changed one and an old one are not."""
    clock = Clock()
    tokens = FormTokens("secret", clock=clock)
    cookie, other = tokens.cookie(""), tokens.cookie("")
    token = tokens.token(cookie)
    tokens.check(token, cookie)
    for told, kept in ((token, other), (token[:-1] + "g", cookie), (token, ""), ("", cookie)):
        with pytest.raises(InputError, match="none that this browser"):
            tokens.check(told, kept)
    clock.now += VALID_S + 1
    with pytest.raises(InputError, match="too old"):
        tokens.check(token, cookie)


def test_end_of_a_token_cannot_be_put_off():
    """The time until which a token counts is signed with it."""
    tokens = FormTokens("secret", clock=Clock())
    cookie = tokens.cookie("")
    until, _, sign = tokens.token(cookie).partition(".")
    with pytest.raises(InputError):
        tokens.check(f"{int(until) + 10}.{sign}", cookie)


def test_one_secret_is_shared_by_processes_and_none_is_not():
    """With FLASK_KEY several processes take each other's forms; without it each takes its own."""
    cookie = FormTokens("s").cookie("")
    FormTokens("s").check(FormTokens("s").token(cookie), cookie)
    with pytest.raises(InputError):
        FormTokens().check(FormTokens().token(cookie), cookie)


def test_cookie_is_kept_where_it_is_one_of_ours():
    """A browser keeps its cookie; what is none of ours is replaced."""
    tokens = FormTokens()
    cookie = tokens.cookie("")
    assert tokens.cookie(cookie) == cookie
    assert tokens.cookie("<b>") != "<b>"


@settings(max_examples=25, deadline=None)
@given(text=st.text(alphabet="<>\"'&a\n", min_size=1, max_size=20))
def test_nothing_that_is_filled_in_becomes_markup(text):
    """Whatever stands in a field or an error, the page has the elements of an empty one."""
    empty = render(ShownForm(page="chunks", token="t"))
    values = {"filename": text, "input": text, "window_size": text, "window_step": text}
    full = render(ShownForm(page="chunks", token=text, values=values))
    assert full.count("<") == empty.count("<")
    assert full.count('="') == empty.count('="')


def test_page_tells_problems_and_what_was_started():
    """A problem with its place and the next step, a job with where it is followed."""
    page = render(ShownForm(page="chunks", token="t", problem=ShownProblem(message="no", where="line 1", hint="mend")))
    assert "no</strong>" in page
    assert "line 1" in page
    start = ShownStart(job_id="ab", status="api/v1/generations/ab", run="api/v1/generations/ab/run")
    assert 'href="api/v1/generations/ab/run"' in render(ShownForm(page="chunks", token="t", started=start))
