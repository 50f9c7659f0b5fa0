"""What deploy/ says to a container engine, checked against the rules of Compose files, our CLI and our settings."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from compose_file import (
    DEPLOY,
    MissingVariableError,
    filled,
    read_compose,
    read_example,
    required_in,
    texts,
    variables_in,
)
from deployed_processes import command_arguments, is_read
from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError

ROOT = DEPLOY.parent
SET = {"POSTGRES_PASSWORD": "p1", "BROKER_PASSWORD": "b1"}
TOP = {"name", "services", "volumes", "networks", "configs", "secrets", "include"}
SERVICE = {
    *("build", "cap_add", "cap_drop", "command", "configs", "container_name", "cpus", "depends_on", "deploy"),
    *("entrypoint", "env_file", "environment", "expose", "extra_hosts", "healthcheck", "hostname", "image", "init"),
    *("labels", "logging", "mem_limit", "networks", "pids_limit", "ports", "profiles", "pull_policy", "read_only"),
    *("restart", "secrets", "security_opt", "shm_size", "stop_grace_period", "stop_signal", "sysctls", "tmpfs"),
    *("ulimits", "user", "volumes", "working_dir"),
}
HEALTH = {"test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"}
ESTABLISHED = {
    "database": {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"},
    "broker": {"RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"},
    "redis": {"REDIS_PASSWORD", "REDISCLI_AUTH"},  # read by its own command; read by redis-cli
    "mlflow": set(),
    "service": set(),
    "worker": {"OPENAI_API_KEY"},  # named by the catalog and by --api-key-env
}
"""Variables that no code of ours or of its libraries names, by who reads them."""
DURATION = re.compile(r"([0-9]+(h|m|s|ms|us))+")
OURS = ("mlflow", "service", "worker")


@pytest.fixture
def compose():
    """The file with the two passwords set."""
    return filled(read_compose(), SET)


def commands(service):
    """What is run in a service, as words: its command, and its health check."""
    test = service["healthcheck"]["test"]
    return [service["command"], test[1:]]


def answering(status):
    """A handler that answers /health so, and everything else with 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *words):
            """Say nothing."""

    return Handler


def test_every_key_is_one_that_compose_files_know(compose):
    """And each volume, dependency and condition is one that is there."""
    assert {key for key in compose if not key.startswith("x-")} <= TOP
    for name, service in compose["services"].items():
        assert set(service) <= SERVICE, name
        assert set(service["healthcheck"]) <= HEALTH
        assert ("image" in service, service["restart"]) == (True, "unless-stopped")
        for volume in service["volumes"]:
            source, target, *mode = volume.split(":")
            assert source in compose["volumes"] or source.startswith("."), volume
            assert (target[0], mode in ([], ["ro"])) == ("/", True)
        for other, how in service.get("depends_on", {}).items():
            assert other in compose["services"]
            assert how == {"condition": "service_healthy"}
            assert "profiles" not in compose["services"][other]


def test_every_service_has_a_health_check_that_ends(compose):
    """It is tried often enough, and has time to start."""
    for service in compose["services"].values():
        check = service["healthcheck"]
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert all(DURATION.fullmatch(check[key]) for key in ("interval", "timeout", "start_period"))
        assert check["retries"] >= 3


def test_every_command_of_ours_is_one_that_our_cli_takes(compose):
    """The service's, the worker's, its health check, and those that the comments show."""
    worker, service = compose["services"]["worker"], compose["services"]["service"]
    assert [words[:2] for words in commands(worker)] == [["evaltrail", "worker"]] * 2
    assert command_arguments(worker["command"]).concurrency == 2
    assert command_arguments(worker["healthcheck"]["test"][1:]).check
    assert command_arguments(service["command"]).port is None
    shown = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    lines = re.findall(r"docker compose run --rm worker (evaltrail .*?)(?: {2,}#.*)?$", shown, re.MULTILINE)
    assert [line.split()[1] for line in lines] == ["keys", "run", "status"]
    for line in lines:
        assert isinstance(command_arguments(shlex.split(line.partition(" # ")[0])), argparse.Namespace)


def test_every_variable_is_one_that_somebody_reads(compose):
    """We, MLflow, a library of ours, or the server's own image."""
    for name, service in compose["services"].items():
        given = service.get("environment", {})
        assert [each for each in given if not is_read(each) and each not in ESTABLISHED[name]] == [], name
        assert all(isinstance(value, str) for value in given.values()), "numbers and bools are engines' own business"
    environment = compose["services"]["worker"]["environment"]
    found = load_settings(environment, dotenv=None)
    told = {field.name for field in fields(found) if str(getattr(found, field.name)) in environment.values()}
    assert told >= {"home", "database_url", "queue_url", "tracking_uri"}
    assert found.lease_s == 60
    assert found.has_shared_home


def test_the_service_listens_where_its_port_leads_and_says_who_may_speak_to_it(compose, tmp_path):
    """It starts with the variables as they stand: `none` is said in words, and the warning stands beside it."""
    service = compose["services"]["service"]
    found = load_service_settings(
        load_settings({**service["environment"], "EVALTRAIL_DATA_ROOT": str(tmp_path)}, dotenv=None)
    )
    assert (found.host, found.port, found.auth, found.experiment_prefix) == ("0.0.0.0", 8000, "none", "eval-hub")
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert {"service", "eval-hub"} <= found.allowed_hosts
    assert "http://127.0.0.1:8000/ready" in service["healthcheck"]["test"][-1]
    lines = (DEPLOY / "compose.yaml").read_text(encoding="utf-8").splitlines()
    (at,) = [number for number, line in enumerate(lines) if "EVALTRAIL_AUTH: " in line]
    assert "WARNING: `none`" in "".join(lines[at - 2 : at])
    shown = read_compose()["services"]
    root = shown["service"]["environment"]["EVALTRAIL_DATA_ROOT"]
    mounted = [volume for name in ("service", "worker") for volume in shown[name]["volumes"] if volume.endswith(":ro")]
    assert [volume.split(":")[-2] for volume in mounted] == [root, root]


def test_the_service_and_its_workers_agree(compose):
    """On all that both are told; the keys of models, and what callbacks are signed with, are the workers' alone."""
    service = compose["services"]["service"]["environment"]
    worker = compose["services"]["worker"]["environment"]
    assert {name: service[name] for name in set(service) & set(worker)} == {
        name: worker[name] for name in set(service) & set(worker)
    }
    assert set(worker) - set(service) == {"EVALTRAIL_LEASE_SECONDS", "EVALTRAIL_CALLBACK_SECRET", "OPENAI_API_KEY"}
    assert all(name not in worker for name in ("EVALTRAIL_AUTH", "EVALTRAIL_HOST"))


def test_a_password_is_never_committed_and_what_is_needed_must_be_set():
    """Only by variables; the example leaves them empty, tells of all, and Git never takes the real file."""
    raw = read_compose()
    example = read_example()
    assert required_in(raw) == set(SET)
    assert variables_in(raw) <= set(example)
    assert {name: value for name, value in example.items() if "PASSWORD" in name} == dict.fromkeys(
        (*SET, "REDIS_PASSWORD"), ""
    )
    for name in SET:
        with pytest.raises(MissingVariableError, match=name):
            filled(raw, {other: value for other, value in SET.items() if other != name})
    assert "/deploy/.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    given = {value for text in texts(filled(raw, SET)) for value in re.findall(r"://[^/\s]*:([^@\s]*)@", text)}
    assert given == {"b1"}, "in a URL, and not of a variable"


def test_what_the_example_sets_is_the_default():
    """Copied as it stands, with the passwords, it changes nothing."""
    example = {name: value for name, value in read_example().items() if not name.startswith(("REDIS", "EVALTRAIL_Q"))}
    assert filled(read_compose(), {**example, **SET}) == filled(read_compose(), SET)


def test_a_password_stands_where_only_its_reader_finds_it(compose):
    """In variables; no command and no health check bears one, for all can read those."""
    for service in compose["services"].values():
        said = " ".join(texts([service.get("command", []), service["healthcheck"]]))
        assert not any(password in said for password in SET.values())


def test_no_image_names_a_host_and_none_is_the_latest(compose):
    """Short official names with a version, or the one that is built here."""
    for service in compose["services"].values():
        assert re.fullmatch(r"[a-z]+:[0-9.]+", service["image"]) or "build" in service
    lines = (DEPLOY / "Containerfile").read_text(encoding="utf-8").splitlines()
    (base,) = [line for line in lines if line.startswith("FROM ")]
    assert re.fullmatch(r"FROM python:3\.[0-9]+-slim", base)


def test_only_the_service_and_mlflows_pages_are_shown_and_on_this_machine_alone(compose):
    """Nobody else has to reach the database or the broker, and MLflow asks for no password."""
    shown = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert shown == {"mlflow": ["127.0.0.1:5000:5000"], "service": ["127.0.0.1:8000:8000"]}
    (allowed,) = [word for word in compose["services"]["mlflow"]["command"] if "--allowed-hosts" in word]
    for name in ("service", "worker"):
        tracking = compose["services"][name]["environment"]["MLFLOW_TRACKING_URI"]
        assert tracking.removeprefix("http://") in allowed
    assert "*" not in allowed.replace("localhost:*", "").replace("127.0.0.1:*", "")


def test_workers_share_their_home_and_have_time_to_leave(compose):
    """Longer than a worker takes to hand back; as many as one likes."""
    from evaltrail.jobs.dispatcher import LEAVE_S  # noqa: PLC0415  SQLAlchemy

    worker = compose["services"]["worker"]
    home = worker["environment"]["EVALTRAIL_HOME"]
    assert f"home:{home}" in worker["volumes"]
    assert int(worker["stop_grace_period"].removesuffix("s")) > LEAVE_S
    assert "container_name" not in worker
    assert "hostname" not in worker, "a worker is known by its host"
    assert worker["deploy"]["replicas"] == "2"


def test_the_image_is_built_of_what_is_there_and_runs_as_nobody_special(compose):
    """Every file is in the checkout, every extra in pyproject.toml, volumes belong to the user that runs."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    steps = [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]
    copied = [source for step in steps if step[0] == "COPY" for source in step[1:-1]]
    assert all((ROOT / source).exists() for source in copied)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (install,) = [step for step in steps if step[:3] == ["RUN", "pip", "install"]]
    (extras,) = re.findall(r"\.\[([a-z,-]+)\]", " ".join(install))
    assert set(extras.split(",")) <= set(known)
    (made,) = [step for step in steps if "useradd" in step]
    assert [step[1] for step in steps if step[0] == "USER"] == [made[made.index("--uid") + 1]], "not a name: see there"
    (made,) = [step for step in steps if "install" in step and "--owner=evaltrail" in step]
    targets = [compose["services"][name]["volumes"][0].split(":")[1] for name in OURS]
    assert set(targets) <= set(made)
    for name in OURS:
        build = compose["services"][name]["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Containerfile"


def test_the_image_starts_the_service_which_waits_to_be_told_who_may_speak_to_it():
    """As it stands it listens on all addresses, and so refuses to start until EVALTRAIL_AUTH is set."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    (words,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert command_arguments(json.loads(words)).host == ""
    (line,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    environment = dict(word.split("=") for word in line.split())
    assert [name for name in environment if not is_read(name)] == ["PYTHONUNBUFFERED"]
    with pytest.raises(InputError, match="EVALTRAIL_AUTH"):
        load_service_settings(load_settings(environment, dotenv=None))
    found = load_service_settings(load_settings({**environment, "EVALTRAIL_AUTH": "none"}, dotenv=None))
    assert re.findall(r"^EXPOSE (.*)$", text, re.MULTILINE) == [str(found.port)]


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_images_health_check_asks_the_service_where_it_listens(status, code):
    """0 for a service that answers, on the port that the variables say; curl is not in the image."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", "")
    (words,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", text, re.MULTILINE)
    command = json.loads(words)
    assert command[:2] == ["python", "-c"]
    with HTTPServer(("127.0.0.1", 0), answering(status)) as server:
        answers = threading.Thread(target=server.handle_request)
        answers.start()
        done = subprocess.run(
            [sys.executable, "-I", *command[1:]], env={"API_PORT": str(server.server_port)}, timeout=20, check=False
        )
        answers.join()
    assert done.returncode == code
