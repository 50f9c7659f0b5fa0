"""Settings: what wins over what, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.service.deliver import complete_options


@pytest.fixture
def dotenv(tmp_path):
    """A function that writes a .env file and answers its path."""

    def write(text: str) -> Path:
        file = tmp_path / ".env"
        file.write_text(text)
        return file

    return write


def test_the_environment_wins_over_dotenv(dotenv):
    """Environment before .env before nothing."""
    file = dotenv("MLFLOW_EXPERIMENT_NAME=from-file\nMLFLOW_RUN_ID=only-file\n")
    found = load_settings({"MLFLOW_EXPERIMENT_NAME": "from-environment"}, file)
    assert (found.experiment, found.run_id, found.experiment_id) == ("from-environment", "only-file", "")


def test_an_argument_wins_over_the_environment():
    """What was given on the command line is never replaced by a variable."""
    environ = {"MLFLOW_TRACKING_URI": "http://env:1", "MLFLOW_EXPERIMENT_NAME": "env", "MLFLOW_EXPERIMENT_ID": "7"}
    settings = load_settings(environ, None)
    given = complete_options(DeliveryOptions(tracking_uri="http://arg:2", experiment="arg"), settings)
    assert (given.tracking_uri, given.experiment, given.experiment_id) == ("http://arg:2", "arg", "")
    left_open = complete_options(DeliveryOptions(), settings)
    assert (left_open.tracking_uri, left_open.experiment, left_open.experiment_id) == ("http://env:1", "env", "")


def test_an_experiment_id_is_used_where_no_name_is_known():
    """MLFLOW_EXPERIMENT_ID counts where nobody says a name."""
    settings = load_settings({"MLFLOW_EXPERIMENT_ID": "7", "EVALTRAIL_LAYOUT": "nested"}, None)
    options = complete_options(DeliveryOptions(), settings)
    assert (options.experiment, options.experiment_id, options.layout) == ("", "7", "nested")


def test_unknown_names_are_nobodys_business(dotenv):
    """Names we do not know are never an error, and keys among them can be looked up late."""
    found = load_settings({"OTHER": "x"}, dotenv("SESSION_TYPE=1\nMY_KEY=secret\nEVALTRAIL_FUTURE=1\n"))
    assert found.environ["MY_KEY"] == "secret"
    assert found.environ["OTHER"] == "x"


@pytest.mark.parametrize(
    ("environ", "uri"),
    [
        ({}, ""),
        ({"PORT": "5001"}, "http://127.0.0.1:5001"),
        ({"PORT": "5001", "MLFLOW_URI": "http://old"}, "http://old"),
        ({"MLFLOW_URI": "http://old", "MLFLOW_TRACKING_URI": "sqlite:///x.db"}, "sqlite:///x.db"),
        ({"PORT": "no port", "MLFLOW_TRACKING_URI": "http://new"}, "http://new"),
    ],
)
def test_the_tracking_uri_has_an_order_of_names(environ, uri):
    """MLFLOW_TRACKING_URI before MLFLOW_URI before the local server on PORT."""
    assert load_settings(environ, None).tracking_uri == uri


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "80 "])
def test_a_port_that_is_none_is_refused(port):
    """PORT is a number from 1 to 65535."""
    with pytest.raises(InputError, match="PORT is") as caught:
        load_settings({"PORT": port}, None)
    assert caught.value.code == "bad_setting"


def test_a_wrong_layout_is_refused_with_the_known_ones():
    """EVALTRAIL_LAYOUT says per_bundle or nested."""
    with pytest.raises(InputError, match="EVALTRAIL_LAYOUT is 'nestd'") as caught:
        load_settings({"EVALTRAIL_LAYOUT": "nestd"}, None)
    assert caught.value.hint == "per_bundle and nested are known"


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"EVALTRAIL_HOME": "/a/b"}, "/a/b"),
        ({"EVALTRAIL_HOME": "", "XDG_DATA_HOME": "/data"}, "/data/evaltrail"),
    ],
)
def test_home_is_named_or_the_users_data_folder(environ, home):
    """EVALTRAIL_HOME, else the platform's user data folder."""
    assert load_settings(environ, None).home == Path(home)


def test_folders_become_absolute():
    """A relative folder means the folder it meant when the process began."""
    found = load_settings({"EVALTRAIL_HOME": "state", "EVALTRAIL_DATASETS_DIR": "~/sets"}, None)
    assert found.home == Path.cwd() / "state"
    assert found.datasets_dir == Path.home() / "sets"


def test_an_endpoint_has_two_accepted_names():
    """OPENAI_BASE_URL before OPENAI_API_BASE."""
    assert load_settings({"OPENAI_API_BASE": "http://b"}, None).openai_base_url == "http://b"
    both = {"OPENAI_API_BASE": "http://b", "OPENAI_BASE_URL": "http://a"}
    assert load_settings(both, None).openai_base_url == "http://a"


def test_a_dotenv_that_is_no_text_is_refused(tmp_path):
    """A .env file in another encoding is named, not a traceback."""
    file = tmp_path / ".env"
    file.write_bytes(b"NAME=\xff\xfe\n")
    with pytest.raises(InputError, match="cannot be read") as caught:
        load_settings({}, file)
    assert caught.value.where == str(file)


def test_no_dotenv_is_no_error(tmp_path):
    """A missing .env file is the usual case."""
    assert load_settings({}, tmp_path / ".env").tracking_uri == ""


@pytest.mark.parametrize(
    "url", ["", "amqp://u:p@host//", "amqps://host:5671/vhost", "redis://host/0", "rediss://:p@h/1"]
)
def test_a_queue_url_names_a_known_kind_of_broker(url):
    """Empty = none; what lies behind it is not asked here."""
    assert load_settings({"EVALTRAIL_QUEUE_URL": url}, None).queue_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://u:velvet@host",
        "redis//velvet",
        "amqp://",
        "redis://u:velvet@host:port/0",
        "redis://[velvet",
        "host:5672",
    ],
)
def test_a_queue_url_that_is_none_is_refused_without_its_password(url):
    """The next step is told, and nothing that could be a secret."""
    with pytest.raises(InputError, match="EVALTRAIL_QUEUE_URL is") as caught:
        load_settings({"EVALTRAIL_QUEUE_URL": url}, None)
    assert (caught.value.code, "velvet" in str(caught.value)) == ("bad_setting", False)
