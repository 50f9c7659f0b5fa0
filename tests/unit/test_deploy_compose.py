"""What deploy/ says to a container engine, checked against the rules of Compose files, our CLI and our settings."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path

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
from evaltrail.cli.parser import Parser
from evaltrail.config import settings
from evaltrail.config.settings import load_settings

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
    "worker": {"PGPASSWORD"},  # read by libpq
}
"""Variables that are not ours, by who reads them."""
DURATION = re.compile(r"([0-9]+(h|m|s|ms|us))+")
OURS = ("mlflow", "worker")


@pytest.fixture
def compose():
    """The file with the two passwords set."""
    return filled(read_compose(), SET)


def commands(service):
    """What is run in a service, as words: its command, and its health check."""
    test = service["healthcheck"]["test"]
    return [service["command"], test[1:]]


def parse(words):
    """What our CLI makes of a command line; raises where it would refuse it."""
    module = importlib.import_module(f"evaltrail.cli.{words[1]}")
    parser = Parser(prog=f"evaltrail {words[1]}")
    module.add_arguments(parser)
    parser.add_argument("--json", action="store_true")
    parsed, strange = parser.parse_known_args([str(word) for word in words[2:]])
    assert strange == []
    return parsed


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
    """The worker's, its health check, and those that the comments and the page show."""
    worker = compose["services"]["worker"]
    assert [words[:2] for words in commands(worker)] == [["evaltrail", "worker"]] * 2
    assert parse(worker["command"]).concurrency == 2
    assert parse(worker["healthcheck"]["test"][1:]).check
    shown = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    lines = re.findall(r"docker compose run --rm worker (evaltrail .*)", shown)
    assert len(lines) == 2
    for line in lines:
        assert isinstance(parse(shlex.split(line)), argparse.Namespace)


def test_every_variable_is_one_that_somebody_reads(compose):
    """Ours are fields of the settings, or names that are looked up; theirs are those of the server's own image."""
    source = Path(settings.__file__).read_text(encoding="utf-8")
    for name, service in compose["services"].items():
        given = service.get("environment", {})
        unknown = set(given) - ESTABLISHED[name]
        assert all(f'"{variable}"' in source for variable in unknown - {"OPENAI_API_KEY"}), name
        assert all(isinstance(value, str) for value in given.values()), "numbers and bools are engines' own business"
    environment = compose["services"]["worker"]["environment"]
    found = load_settings(environment, dotenv=None)
    told = {field.name for field in fields(found) if str(getattr(found, field.name)) in environment.values()}
    assert told >= {"home", "database_url", "queue_url", "tracking_uri"}
    assert found.lease_s == 60
    assert found.has_shared_home


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
    given = [value for text in texts(filled(raw, SET)) for value in re.findall(r"://[^/\s]*:([^@\s]*)@", text)]
    assert given == ["b1"], "in a URL, and not of a variable"


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
    first = (DEPLOY / "Containerfile").read_text(encoding="utf-8").splitlines()[1]
    assert re.fullmatch(r"FROM python:3\.[0-9]+-slim", first)


def test_only_mlflows_pages_are_shown_and_on_this_machine_alone(compose):
    """Nobody else has to reach the database or the broker, and MLflow asks for no password."""
    shown = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert shown == {"mlflow": ["127.0.0.1:5000:5000"]}
    (allowed,) = [word for word in compose["services"]["mlflow"]["command"] if "--allowed-hosts" in word]
    assert compose["services"]["worker"]["environment"]["MLFLOW_TRACKING_URI"].removeprefix("http://") in allowed
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
    (extras,) = re.findall(r"\.\[([a-z,]+)\]", " ".join(install))
    assert set(extras.split(",")) <= set(known)
    assert [step[1] for step in steps if step[0] == "USER"] == ["evaltrail"]
    (made,) = [step for step in steps if "install" in step and "--owner=evaltrail" in step]
    targets = [compose["services"][name]["volumes"][0].split(":")[1] for name in OURS]
    assert set(targets) <= set(made)
    for name in OURS:
        build = compose["services"][name]["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Containerfile"
