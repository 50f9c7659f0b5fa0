"""The pages on questions, done as they stand there; the file of requests beside the page's routes."""

from __future__ import annotations

import re

import pytest
from reader import ROOT, paste, whole_page

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
    """Its tour in one shell: each request is answered, what it started ends, and the way to the run is shown."""
    port = str(free_port())
    script = whole_page("docs/generate-service.md")
    done = paste(evaltrail, script, ends_at_errors=False, URL=endpoint.url, MODEL="my-model", EVALTRAIL_PORT=port)
    refused = [line for line in done.err.splitlines() if re.search(r'"status":[45]\d\d', line)]
    assert [line for line in refused if '"path":"/ready"' not in line] == []
    assert '"dataset_version":2' in done.out
    assert '"is_final":true' in done.out
    assert re.search(r"303 http\S+/runs/[0-9a-f]{32}\n", done.out)


def test_the_file_of_requests_has_one_for_each_route_of_the_page():
    """No route is left out, and no request has a path that the page does not know."""
    page = (ROOT / "docs" / "generate-service.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z, ]+) \| `(/[^`]*)` \|", page, re.MULTILINE)
    routes = {(method, path) for methods, path in rows for method in methods.split(", ")}
    asked = re.findall(
        r"^([A-Z]+) \{\{base\}\}(/[^?\s]*)", (ROOT / "examples" / "requests.rest").read_text("utf-8"), re.MULTILINE
    )
    shapes = {(method, re.sub(r"\{+\w+\}+", "ID", path)) for method, path in asked}
    known = {(method, re.sub(r"\{\w+\}", "ID", path)) for method, path in routes}
    others = {("GET", "/"), ("GET", "/upload_data_generation_edits"), ("POST", "/api/v1/evaluations")}
    others |= {("GET", "/api/v1/evaluations/ID"), ("GET", "/api/v1/evaluations/ID/summary")}
    assert known - shapes == set()
    assert shapes - known == others
