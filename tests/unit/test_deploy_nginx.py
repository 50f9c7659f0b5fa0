"""deploy/nginx.conf: read as nginx reads it, since none is here to ask."""

from __future__ import annotations

import re

import pytest

from compose_file import DEPLOY
from evaltrail.config.service_settings import ServiceSettings
from evaltrail.server.access import is_upload

TOKEN = re.compile(r"""\s*(?:#[^\n]*\s*)*("[^"]*"|[^\s;{}"]+|[;{}])""")
HEADERS = {"Host": "$http_host", "X-Forwarded-For": "$remote_addr", "X-Forwarded-Proto": "$scheme", "Connection": '""'}


def block(words):
    """The directives up to the end of a block: the words of each, and the directives of the block that it opens."""
    found, directive = [], []
    for word in words:
        if word == "}":
            break
        if word in {";", "{"}:
            assert directive, "a directive without a name"
            found.append((directive, block(words) if word == "{" else []))
            directive = []
        else:
            directive.append(word)
    assert directive == [], f"{directive} has no end"
    return found


@pytest.fixture(scope="module")
def servers():
    """Name to the directives of each server that takes TLS."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    found = {}
    for (name, *_), directives in block(iter(TOKEN.findall(text))):
        assert name in {"upstream", "server"}
        if name == "server" and (["listen", "443", "ssl"], []) in directives:
            found[values(directives, "server_name")[0][0]] = directives
    return found


def values(directives, name):
    """What a directive is given, each time that it stands there."""
    return [words[1:] for words, _ in directives if words[0] == name]


def locations(directives):
    """Each location by its pattern."""
    return {words[-1]: inside for words, inside in directives if words[0] == "location"}


def test_each_brace_and_each_directive_has_its_end():
    """What stands there is read whole."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert "".join(TOKEN.findall(text)).replace('"', "") == re.sub(r"#[^\n]*|\s|\"", "", text)


def test_each_server_leads_to_its_own_port_and_is_told_who_asked(servers):
    """The host as the client named it: both servers refuse names that they do not know."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    places = dict(re.findall(r"upstream (\w+) \{\s*server ([0-9.:]+);", text))
    assert places == {"evaltrail": "127.0.0.1:8000", "mlflow": "127.0.0.1:5000"}
    assert set(servers) == {"eval.example.com", "mlflow.example.com"}
    for (_, directives), place in zip(sorted(servers.items()), ("evaltrail", "mlflow"), strict=True):
        assert dict(values(directives, "proxy_set_header")).items() >= HEADERS.items()
        passed = [values(inside, "proxy_pass") for inside in locations(directives).values()]
        assert {to for each in passed for (to,) in each} == {f"http://{place}"}
        assert not any(values(inside, "proxy_set_header") for inside in locations(directives).values()), (
            "one header in a location makes nginx forget those of the server"
        )


def test_nobody_else_says_where_the_links_lead(servers):
    """A prefix that a client sends is not handed on: the service would believe it of this nginx."""
    assert ["X-Forwarded-Prefix", '""'] in values(servers["eval.example.com"], "proxy_set_header")


def test_events_are_not_held_back(servers):
    """The paths of events, and no other, go unbuffered, for longer than the pause between signs of life."""
    (pattern,) = [each for each in locations(servers["eval.example.com"]) if "events" in each]
    for kind in ("evaluations", "generations", "edits"):
        assert re.match(pattern, f"/api/v1/{kind}/0190f2d4b8c07e2f/events")
    assert not re.match(pattern, "/api/v1/evaluations/0190f2d4b8c07e2f/results")
    inside = locations(servers["eval.example.com"])[pattern]
    assert values(inside, "proxy_buffering") == [["off"]]
    assert values(inside, "proxy_read_timeout") == [["1h"]]


def test_the_service_is_sent_what_it_takes_and_mlflow_artifacts_of_any_size(servers):
    """The service itself says what is too large; figures stay inside; MLflow's pages ask for a password."""
    (most,) = values(servers["eval.example.com"], "client_max_body_size")[0]
    assert int(most.removesuffix("m")) * 1024 * 1024 > 10_000_000
    assert locations(servers["eval.example.com"])["/metrics"] == [(["return", "404"], [])]
    assert values(servers["mlflow.example.com"], "client_max_body_size") == [["0"]]
    assert values(servers["mlflow.example.com"], "auth_basic") == [['"MLflow"']]


def test_files_go_on_as_they_come(servers):
    """The paths that take files, and no other, let a little more through than the service takes, unbuffered."""
    (pattern,) = [each for each in locations(servers["eval.example.com"]) if "post_json" in each]
    for path in (
        "/",
        "/post_json",
        "/edited_questions",
        "/api/v1/documents",
        "/api/v1/datasets/0190f2d4b8c07e2f/edits",
    ):
        assert re.match(pattern, path)
        assert is_upload("POST", path)
    assert not re.match(pattern, "/api/v1/evaluations")
    inside = locations(servers["eval.example.com"])[pattern]
    (most,) = values(inside, "client_max_body_size")[0]
    assert int(most.removesuffix("m")) * 1024 * 1024 > ServiceSettings().max_upload_bytes
    assert values(inside, "proxy_request_buffering") == [["off"]]
