from __future__ import annotations

import base64
import ssl
from urllib.parse import urlsplit

import pytest

from evaltrail.core.errors import DestinationError, DestinationUnreachableError, InputError
from evaltrail.destinations.mlflow.login import needs_stock_client, read_login
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.port import ANSWER_LOST
from evaltrail.destinations.mlflow.refusal import answer_lost, refused, unreachable
from evaltrail.destinations.mlflow.tracking_uri import (
    check_tracking_uri,
    public_uri,
    resolve_tracking_uri,
    run_url,
    sqlite_file,
    without_login,
)

HTTP, HTTPS = urlsplit("http://host:5000"), urlsplit("https://host")


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("environ", "authorization"),
    [
        ({}, None),
        ({"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "pé"}, basic("ann:pé")),
        ({"MLFLOW_TRACKING_TOKEN": "t0k"}, "Bearer t0k"),
        (
            {"MLFLOW_TRACKING_TOKEN": "t0k", "MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "p"},
            basic("ann:p"),
        ),
        ({"MLFLOW_TRACKING_USERNAME": "ann"}, None),
    ],
)
def test_mlflows_own_variables_log_in(tmp_path, environ, authorization):
    """User and password before the token, as MLflow's client has it; half a login is none."""
    login = read_login(HTTP, {"HOME": str(tmp_path), **environ})
    assert login.headers.get("Authorization") == authorization
    assert login.tls is None


def test_the_credentials_file_logs_in_and_variables_override_it(tmp_path):
    """`~/.mlflow/credentials` holds what the environment does not."""
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = filed\nmlflow_tracking_password = a%b\n"
    )
    home = {"HOME": str(tmp_path)}
    assert read_login(HTTP, home).headers["Authorization"] == basic("filed:a%b")
    named = read_login(HTTP, {**home, "MLFLOW_TRACKING_USERNAME": "ann"})
    assert named.headers["Authorization"] == basic("ann:a%b")
    (tmp_path / ".mlflow" / "credentials").write_text("no section")
    with pytest.raises(InputError, match="credentials"):
        read_login(HTTP, home)


def test_a_login_in_the_url_is_used_and_never_shown(tmp_path):
    """`http://user:password@host` works; links and messages do not hold it."""
    url = "http://ann:p%40ss@host:5000/prefix"
    assert read_login(urlsplit(url), {"HOME": str(tmp_path)}).headers["Authorization"] == basic("ann:p@ss")
    assert public_uri(url) == "http://host:5000/prefix"
    assert run_url(url, "1", "r") == "http://host:5000/prefix/#/experiments/1/runs/r"


def test_the_workspace_goes_with_every_request(tmp_path):
    """MLFLOW_WORKSPACE becomes the header MLflow 3.17 looks for."""
    login = read_login(HTTP, {"HOME": str(tmp_path), "MLFLOW_WORKSPACE": " team "})
    assert login.headers["X-MLFLOW-WORKSPACE"] == "team"


def test_tls_follows_mlflows_settings(tmp_path):
    """Verified by default; insecure only when asked; contradictions and unreadable files are the user's error."""
    home = {"HOME": str(tmp_path)}
    assert read_login(HTTPS, home).tls.verify_mode == ssl.CERT_REQUIRED
    assert read_login(HTTPS, {**home, "MLFLOW_TRACKING_INSECURE_TLS": "true"}).tls.verify_mode == ssl.CERT_NONE
    both = {**home, "MLFLOW_TRACKING_INSECURE_TLS": "1", "MLFLOW_TRACKING_SERVER_CERT_PATH": "x"}
    with pytest.raises(InputError, match="both set"):
        read_login(HTTPS, both)
    for name in ("MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"):
        with pytest.raises(InputError, match="certificate"):
            read_login(HTTPS, {**home, name: str(tmp_path / "none.pem")})


@pytest.mark.parametrize(
    ("environ", "is_needed"),
    [
        ({}, False),
        ({"MLFLOW_TRACKING_AWS_SIGV4": "false"}, False),
        ({"MLFLOW_TRACKING_AWS_SIGV4": "true"}, True),
        ({"MLFLOW_TRACKING_AUTH": "x"}, True),
        ({"HTTP_PROXY": "http://p"}, True),
        ({"HTTPS_PROXY": "http://p"}, False),
        ({"HTTP_PROXY": "http://p", "NO_PROXY": ".other,host"}, False),
        ({"HTTP_PROXY": "http://p", "NO_PROXY": ".other"}, True),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "*"}, False),
    ],
)
def test_what_only_mlflows_client_can_do_is_left_to_it(environ, is_needed):
    """Signed requests, login plugins, and proxies that NO_PROXY does not exempt."""
    assert needs_stock_client(HTTP, environ) is is_needed


def test_the_tracking_uri_is_the_given_one_then_the_variable_then_sqlite_here(tmp_path, monkeypatch):
    """A relative sqlite file becomes absolute, so that `sync` finds it from anywhere."""
    monkeypatch.chdir(tmp_path)
    environ = {"MLFLOW_TRACKING_URI": "http://host:5000/"}
    assert resolve_tracking_uri("databricks", environ) == "databricks"
    assert resolve_tracking_uri("", environ) == "http://host:5000"
    assert resolve_tracking_uri("", {}) == f"sqlite:///{tmp_path}/mlflow.db"
    assert resolve_tracking_uri("sqlite:///a/b.db?timeout=5", {}) == f"sqlite:///{tmp_path}/a/b.db?timeout=5"
    assert resolve_tracking_uri("sqlite:////abs/b.db", {}) == "sqlite:////abs/b.db"
    assert sqlite_file("sqlite:////abs/b.db?x=1").as_posix() == "/abs/b.db"
    assert sqlite_file("http://host") is None
    assert run_url("sqlite:////abs/b.db", "1", "r") == ""


@pytest.mark.parametrize("uri", ["http://", "http://:5000", "http://host:port", "http://host:99999", "http://[::1"])
def test_a_tracking_uri_without_host_or_port_is_the_users_error(uri):
    """A typo is exit code 2 before anything is written, never a traceback."""
    with pytest.raises(InputError, match="http://HOST:PORT"):
        resolve_tracking_uri(uri, {})


@pytest.mark.parametrize(
    "uri",
    [
        *("sqlite://", "sqlite:///", "sqlite:///?timeout=5", "sqlite:///:memory:", "sqlite+pysqlite:///:memory:"),
        *("sqlite:", "sqlite://rel.db", "sqlite:///file:x?mode=memory&uri=true"),
    ],
)
def test_a_sqlite_uri_that_names_no_file_is_the_users_error(uri):
    """A store in memory would lose the results with the process: exit code 2, and how to write it."""
    with pytest.raises(InputError) as refusal:
        resolve_tracking_uri(uri, {})
    assert (refusal.value.code, refusal.value.hint) == ("bad_tracking_uri", "write sqlite:///FILE")


def test_a_sqlite_file_behind_a_driver_is_found_from_anywhere_too(tmp_path, monkeypatch):
    """`sqlite+driver:///FILE` is made absolute like `sqlite:///FILE`."""
    monkeypatch.chdir(tmp_path)
    absolute = f"sqlite+pysqlite:///{tmp_path}/a.db?x=1"
    assert resolve_tracking_uri("sqlite+pysqlite:///a.db?x=1", {}) == absolute
    assert sqlite_file(absolute) == tmp_path / "a.db"


@pytest.mark.parametrize("uri", ["postgresql://h:abc/db", "mysql+pymysql://ann:secret@h:99999/db", "mssql://h:0/db"])
def test_a_database_on_a_port_that_is_none_is_the_users_error(uri):
    """Found before anything is asked, without showing the password."""
    with pytest.raises(InputError, match="no valid port") as refusal:
        check_tracking_uri(uri)
    assert refusal.value.code == "bad_tracking_uri"
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("postgresql://ann:secret@h:5432/db?sslmode=require", "postgresql://h:5432/db"),
        ("postgresql+psycopg2://ann:se/cr?e#t@h/db", "postgresql+psycopg2://h/db"),
        ("mysql://ann:se@cret@h/db", "mysql://h/db"),
        ("postgresql://h/db?user=ann&password=secret&options=a@b", "postgresql://h/db"),
        ("mssql://ann:secret@h/db?options=a@b", "mssql://h/db"),
        ("http://ann:secret@h:5000/a@b", "http://h:5000/a@b"),
        ("sqlite:////home/ann:x@h/mlflow.db", "sqlite:////home/ann:x@h/mlflow.db"),
        ("databricks://profile", "databricks://profile"),
    ],
)
def test_the_public_uri_names_the_place_without_the_login(uri, public):
    """What is shown is scheme, host, port and path; a database's options may hold a password too."""
    assert public_uri(uri) == public
    check_tracking_uri(uri)


def test_a_text_is_rid_of_the_login_in_every_spelling():
    """The whole URI becomes the public one; login and password are covered as written, unquoted and quoted."""
    uri = "postgresql://ann:p%40ss%2Fw@h/db?password=hush"
    said = f"no {uri}/x; ann:p@ss/w; 'p@ss/w'; ann%3Ap%40ss%2Fw%40h; p%40ss%2Fw; hush"
    cleaned = without_login(said, uri)
    assert cleaned == "no postgresql://h/db/x; ***; '***'; ***%40h; ***; ***"
    assert without_login("MLflow says no", "http://h:5000") == "MLflow says no"
    assert without_login("ann may not", "http://ann@h:5000") == "ann may not"


@pytest.mark.parametrize(
    ("status", "code", "said", "hint"),
    [
        (401, "", "You are not authenticated", "MLFLOW_TRACKING_USERNAME"),
        (403, "PERMISSION_DENIED", "Permission denied", "MLFLOW_TRACKING_TOKEN"),
        (403, "", "Invalid Host header - possible DNS rebinding", "--allowed-hosts mlflow:5000"),
        (413, "", "<html>too large</html>", "size limit"),
        (404, "", "<html>Not Found</html>", "check that the tracking URI"),
        (400, "INVALID_PARAMETER_VALUE", "Invalid value", ""),
    ],
)
def test_a_refusal_says_what_to_do(status, code, said, hint):
    """What MLflow said stands in the message, the next step in the hint, and the exit code is 1."""
    error = refused(status, code, said, where="http://mlflow:5000")
    assert type(error) is DestinationError
    assert said in error.message
    assert hint in error.hint
    assert "\n" not in str(error)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_keeps_failing_is_worth_another_attempt_later(status):
    """Exit code 3, and `evaltrail sync` in the hint."""
    error = refused(status, "", "busy", where="http://mlflow:5000")
    assert isinstance(error, DestinationUnreachableError)
    assert "evaltrail sync" in error.hint


def test_patience_tries_again_only_while_it_lasts():
    """Unreachable: again, with growing pauses, up to the budget; a refusal or a lost answer: at once."""
    calls = []

    def failing(error):
        def attempt():
            calls.append(1)
            raise error

        return attempt

    patience = Patience(retry_s=0.2, pause_s=0.02)
    for error, least, most in (
        (unreachable("x", where=""), 3, 5),
        (answer_lost("x", where=""), 1, 1),
        (refused(400, "", "x", where=""), 1, 1),
    ):
        calls.clear()
        with pytest.raises(DestinationError):
            patience.insist(failing(error))
        assert least <= len(calls) <= most
    assert answer_lost("x", where="").code == ANSWER_LOST
    assert Patience(retry_s=0).insist(lambda: 5) == 5


@pytest.mark.parametrize(
    "said",
    [
        "(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id, datasets.name, datasets.digest",
        '(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint "dataset_pk"',
        "(pymysql.err.IntegrityError) (1062, \"Duplicate entry 'a' for key 'datasets.PRIMARY'\")",
    ],
)
def test_a_row_that_another_writer_made_first_is_tried_again(said):
    """MLflow refuses the later of two writers of one row for good; the same request finds the row and succeeds."""
    answers = [refused(400, "BAD_REQUEST", said, where="http://host")]

    def attempt():
        if answers:
            raise answers.pop()
        return "landed"

    assert Patience(pause_s=0.0).insist(attempt) == "landed"
