"""The pages on questions, done as they stand there; the file of requests beside the page's routes."""

from __future__ import annotations

import re

import pytest
from reader import ROOT, paste, whole_page
from request_file import requests_of

from mlflow_server import free_port


@pytest.mark.slow
def test_the_page_on_questions_works_as_written(evaltrail, tracking):
    """Its tour in one shell, then the Python: questions, edits, and two models in two modes on the edited version."""
    done = paste(evaltrail, whole_page("docs/generate.md"))
    assert "edited from version 1" in done.out
    runs = tracking.runs("harbour")
    modes, models = ("noisy_context", "oracle_context"), ("baseline:extractive", "baseline:random")
    assert {(run.data.params["mode"], run.data.params["model"]) for run in runs} == {
        (mode, model) for mode in modes for model in models
    }
    assert {run.data.params["dataset.version"] for run in runs} == {"2"}
    assert "->" in done.out


@pytest.mark.slow
def test_the_page_on_questions_over_rest_works_as_written(evaltrail, endpoint):
    """Its tour in one shell: each route is asked and answers, what was started ends, the ways to the runs are shown."""
    port = str(free_port())
    script = whole_page("docs/generate-service.md")
    done = paste(evaltrail, script, ends_at_errors=False, URL=endpoint.url, MODEL="my-model", EVALTRAIL_PORT=port)
    logged = re.findall(r'"method":"([A-Z]+)","path":"([^"?]+)[^}]*"status":(\d+)', done.err)
    assert logged
    assert [line for line in logged if line[2] >= "400" and line[1] != "/ready"] == []
    answered = [(method, path) for method, path, _ in logged]
    assert [route for route in routes() if not any(is_of(route, each) for each in answered)] == []
    assert '"dataset_version":2' in done.out
    assert '"is_final":true' in done.out
    assert len(re.findall(r"303 http\S+/runs/[0-9a-f]{32}\n", done.out)) == 3
    assert len(re.findall(r"\bevent: state", done.out)) >= 2
    assert done.out.count("Accepted") == 2


def routes():
    """Methods and paths of the page's table."""
    page = (ROOT / "docs" / "generate-service.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z, ]+) \| ((?:`/[^`]*`(?:, )?)+) \|", page, re.MULTILINE)
    found = {
        (method, path)
        for methods, paths in rows
        for method in methods.split(", ")
        for path in re.findall("`(.+?)`", paths)
    }
    assert len(found) > 20
    return sorted(found)


def is_of(route, asked):
    """Whether a request, whose path holds ids, is one of a route."""
    shape = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route[1]))
    return route[0] == asked[0] and re.fullmatch(shape, asked[1]) is not None


_STARTED = {"STATUS": "generations", "EDITS": "edits", "FIRST": "evaluations", "SECOND": "evaluations"}
"""The page's variables that hold a status_url, and where it leads."""


def curl_lines():
    """Method and path of each curl line of the page; ids are still variables."""
    found = set()
    for line in re.findall(r"\bcurl ((?:[^\n\\]|\\\n?)+)", whole_page("docs/generate-service.md")):
        whole = re.sub(rf"\$({'|'.join(_STARTED)})\b", lambda name: f"$HUB/api/v1/{_STARTED[name[1]]}/$ID", line)
        url = re.search(r"\$HUB(/[^\s?\")]*)", whole)
        named = re.search(r"--request ([A-Z]+)", line)
        has_body = re.search(r"\s(-d|-F|--data\S*)\s", line)
        if url:
            found.add((named[1] if named else "POST" if has_body else "GET", url[1]))
    return found


def test_each_route_of_the_page_has_a_curl_line_there():
    """Who reads of a route in the table finds a line to paste."""
    lines = curl_lines()
    assert [route for route in routes() if not any(is_of(route, each) for each in lines)] == []


def test_the_file_of_requests_has_one_for_each_route_of_the_page():
    """No route is left out, and no request has a path that the page does not know."""
    asked = [(each.method, each.path) for each in requests_of(ROOT / "examples" / "requests.rest")]
    others = {("POST", "/api/v1/evaluations"), ("GET", "/api/v1/evaluations/{{job_id}}")}
    others.add(("GET", "/api/v1/evaluations/{{job_id}}/summary"))
    assert [route for route in routes() if not any(is_of(route, each) for each in asked)] == []
    assert {each for each in asked if not any(is_of(route, each) for route in routes())} == others
