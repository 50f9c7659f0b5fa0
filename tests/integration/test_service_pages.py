"""docs/service.md and its neighbours beside a running service: routes, payloads, snippets."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from evaltrail.service.working.callback import signature_of
from running_service import own_settings, running_service

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page, kind):
    """The code blocks of a kind in a page."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A client of a service."""
    with running_service(own_settings(tmp_path_factory.mktemp("service")), []) as client:
        yield client


def test_the_pages_list_every_route_and_no_other(service):
    """Method by method, as the description has them: those of questions on their own page."""
    described = service.get("/openapi.json").object["paths"]
    routes = {(method.upper(), path) for path, methods in described.items() for method in methods}
    pages = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("service.md", "generate-service.md"))
    rows = re.findall(r"^\| ([A-Z, ]+) \| `(/[^`]*)` \|", pages, re.MULTILINE)
    assert {(method, path) for methods, path in rows for method in methods.split(", ")} == routes


def test_the_payloads_are_the_seeds_and_are_accepted(service):
    """Word for word those that /docs shows, which are the seed's; each a 202 with its place."""
    payloads = [json.loads(block) for block in blocks("service.md", "json")[:3]]
    shown = json.loads(files("evaltrail.api").joinpath("examples.json").read_text(encoding="utf-8"))
    assert payloads == list(shown.values())
    replies = [service.post("/api/v1/evaluations", payload) for payload in payloads]
    assert [reply.status for reply in replies] == [202] * 3
    assert [reply.headers["location"] for reply in replies] == [reply.object["links"]["self"] for reply in replies]
    assert replies[2].object["collection"] == "healthcare_safety_v1"


def test_the_benchmark_and_the_collection_of_the_page_are_made(service):
    """201 each; an experiment with the collection's tag means it from then on."""
    benchmark, collection = (json.loads(block) for block in blocks("service.md", "json")[3:])
    assert service.post("/api/v1/benchmarks", benchmark).status == 201
    assert service.post("/api/v1/collections", collection).status == 201
    model = {"server": "vllm", "name": "m"}
    reply = service.post("/api/v1/evaluations", {"model": model, "experiment": {"tags": collection["tags"]}})
    assert (reply.status, reply.object["collection"]) == (202, collection["id"])


def test_the_lines_for_ci_submit_what_they_say(service):
    """Pasted into a shell with the build's variables; a second time it is the same evaluation."""
    (script,) = [block for block in blocks("service.md", "bash") if "ci-evaluation" in block]
    environment = {"PATH": os.environ["PATH"], "BUILD_ID": "17", "GIT_BRANCH": "main", "GIT_COMMIT": "0a1b2c3"}
    pasted = script.replace("http://eval-hub:8000", service.address).replace("curl -X", "curl --silent -X")
    answers = [
        json.loads(
            subprocess.run(["bash", "-c", pasted], env=environment, capture_output=True, timeout=20, check=True).stdout
        )
        for _ in range(2)
    ]
    assert answers[0]["id"] == answers[1]["id"]
    assert answers[0]["experiment"]["name"] == "eval-hub_ci-evaluation-17"
    assert answers[0]["experiment"]["tags"] == {"build_id": "17", "branch": "main", "commit": "0a1b2c3"}


def test_the_receivers_snippet_knows_our_signature_and_no_other():
    """As it stands on the page on access."""
    (snippet,) = blocks("service-access.md", "python")
    names = {}
    exec(snippet, names)
    body = b'{"event":"evaluation.ended"}'
    assert names["is_ours"](body, signature_of(body, "s3cret"), "s3cret")
    assert not names["is_ours"](body + b" ", signature_of(body, "s3cret"), "s3cret")
    assert not names["is_ours"](body, signature_of(body, "another"), "s3cret")


@pytest.mark.parametrize(
    "page", ["service.md", "service-access.md", "service-security.md", "kubernetes.md", "troubleshooting.md"]
)
def test_every_link_of_the_pages_leads_somewhere(page):
    """To a file that is there, and to a heading that it has."""
    links = re.findall(r"\]\(([^)\s]+)\)", (DOCS / page).read_text(encoding="utf-8"))
    for link in (each for each in links if "://" not in each):
        name, _, heading = link.partition("#")
        target = DOCS / name if name else DOCS / page
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, link
