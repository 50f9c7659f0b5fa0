"""The service's settings: what wins over what, what is refused, and when it may listen at all."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest

from evaltrail.config.service_settings import is_loopback, load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError


def loaded(environ=None, **given):
    """The service's settings by these variables alone."""
    return load_service_settings(load_settings(environ or {}, None), **given)


def test_by_itself_the_service_is_for_this_machine():
    """Loopback, no keys, CORS closed, the seed's names and ports."""
    found = loaded()
    assert (found.host, found.port, found.mlflow_port, found.auth) == ("127.0.0.1", 8000, 5000, "none")
    assert (found.allowed_hosts, found.allowed_origins, found.rate_limit) == (frozenset(), frozenset(), 6000)
    assert (found.max_body_bytes, found.callback_secret, found.data_root) == (10_000_000, "", Path.cwd())
    assert found.experiment_prefix == "eval-hub"


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ({"UPLOAD_PORT": "1"}, 1),
        ({"UPLOAD_PORT": "1", "API_PORT": "2"}, 2),
        ({"UPLOAD_PORT": "1", "API_PORT": "2", "EVALTRAIL_PORT": "3"}, 3),
        ({"API_PORT": "2", "EVALTRAIL_PORT": ""}, 2),
    ],
)
def test_the_port_has_an_order_of_names(environ, port):
    """EVALTRAIL_PORT before API_PORT before UPLOAD_PORT; the command line before all."""
    assert loaded(environ).port == port
    assert loaded(environ, port=9).port == 9
    assert loaded(environ, port=0).port == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gpu.internal", "127.0.0.1.example.com"])
def test_a_wider_bind_needs_a_word_about_keys(host):
    """Both ways out are told; each of them is one."""
    with pytest.raises(InputError, match="open to everybody") as caught:
        loaded({"EVALTRAIL_HOST": host})
    assert caught.value.code == "auth_missing"
    assert "EVALTRAIL_AUTH=keys" in caught.value.hint
    assert "EVALTRAIL_AUTH=none" in caught.value.hint
    assert loaded({"EVALTRAIL_HOST": host, "EVALTRAIL_AUTH": "keys"}).auth == "keys"
    assert loaded({"EVALTRAIL_AUTH": "none"}, host=host).auth == "none"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST."])
def test_loopback_needs_none(host):
    """Only this machine reaches it."""
    assert is_loopback(host)
    assert loaded(host=host).auth == "none"


def test_everything_can_be_said(tmp_path):
    """Each variable reaches its field, lists without blanks and in one form."""
    found = loaded(
        {
            "EVALTRAIL_MLFLOW_PORT": "5001",
            "EVALTRAIL_AUTH": "keys",
            "EVALTRAIL_ALLOWED_HOSTS": "Eval-Hub., eval-hub.svc ,localhost",
            "EVALTRAIL_ALLOWED_ORIGINS": "https://UI.example:443/, http://[::1]:3000",
            "EVALTRAIL_RATE_LIMIT": "0",
            "EVALTRAIL_MAX_BODY_MB": "0.5",
            "EVALTRAIL_ALLOW_PRIVATE_URLS": "gpu:8001",
            "EVALTRAIL_CALLBACK_SECRET": "velvet",
            "EVALTRAIL_DATA_ROOT": str(tmp_path),
            "MLFLOW_EXPERIMENT_PREFIX": "team.a",
        }
    )
    assert (found.mlflow_port, found.auth, found.rate_limit, found.max_body_bytes) == (5001, "keys", 0, 500_000)
    assert found.allowed_hosts == {"eval-hub", "eval-hub.svc", "localhost"}
    assert found.allowed_origins == {"https://ui.example", "http://[::1]:3000"}
    assert found.allowed_places.has_name("gpu", 8001)
    assert (found.callback_secret, found.data_root, found.experiment_prefix) == ("velvet", tmp_path, "team.a")
    assert "velvet" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVALTRAIL_PORT", "0"),
        ("API_PORT", "65536"),
        ("UPLOAD_PORT", "http"),
        ("EVALTRAIL_MLFLOW_PORT", "-1"),
        ("EVALTRAIL_AUTH", "Keys"),
        ("EVALTRAIL_AUTH", "off"),
        ("EVALTRAIL_ALLOWED_HOSTS", "http://host"),
        ("EVALTRAIL_ALLOWED_HOSTS", "host:8000"),
        ("EVALTRAIL_ALLOWED_HOSTS", "10.0.0.1"),
        ("EVALTRAIL_ALLOWED_HOSTS", "*"),
        ("EVALTRAIL_ALLOWED_ORIGINS", "*"),
        ("EVALTRAIL_ALLOWED_ORIGINS", "null"),
        ("EVALTRAIL_ALLOWED_ORIGINS", "ui.example"),
        ("EVALTRAIL_ALLOWED_ORIGINS", "https://*.example"),
        ("EVALTRAIL_ALLOWED_ORIGINS", "https://ui.example/page"),
        ("EVALTRAIL_ALLOWED_ORIGINS", "https://ui.example:port"),
        ("EVALTRAIL_ALLOWED_ORIGINS", "file:///page"),
        ("EVALTRAIL_RATE_LIMIT", "-1"),
        ("EVALTRAIL_RATE_LIMIT", "1.5"),
        ("EVALTRAIL_RATE_LIMIT", "1000001"),
        ("EVALTRAIL_MAX_BODY_MB", "0"),
        ("EVALTRAIL_MAX_BODY_MB", "nan"),
        ("EVALTRAIL_MAX_BODY_MB", "1001"),
        ("EVALTRAIL_DATA_ROOT", "/no/such/folder"),
        ("MLFLOW_EXPERIMENT_PREFIX", "a/b"),
        ("EVALTRAIL_ALLOW_PRIVATE_URLS", "http://gpu"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(name, value):
    """The service does not start on a guess."""
    with pytest.raises(InputError) as caught:
        loaded({name: value})
    assert name in str(caught.value)
    assert caught.value.code == "bad_setting"


def test_whole_machine_is_no_data_root_by_default():
    """As where a supervisor starts the service in /; who means it says it in words."""
    with chdir("/"):
        with pytest.raises(InputError) as refused:
            load_service_settings(load_settings({}, dotenv=None))
        said = load_service_settings(load_settings({"EVALTRAIL_DATA_ROOT": "/"}, dotenv=None))
    assert refused.value.where == "EVALTRAIL_DATA_ROOT"
    assert said.data_root == Path("/")
