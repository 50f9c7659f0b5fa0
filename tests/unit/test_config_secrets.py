"""Keys go only to their own host, and nothing that is written down holds one."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.config.logs import RunLog
from evaltrail.config.secrets import find_key, public_url, redact
from evaltrail.core.errors import InputError
from evaltrail.core.request import ModelTarget

ENVIRON = {"OPENAI_API_KEY": "openai-secret", "MY_KEY": "my-secret", "EMPTY": ""}


@pytest.mark.parametrize(
    ("url", "base", "key"),
    [
        ("https://api.openai.com/v1", "", "openai-secret"),
        ("https://API.OpenAI.com/v1/chat/completions", "", "openai-secret"),
        ("http://own:8000/v1", "http://own:8000/v1", "openai-secret"),
        ("http://other:8000/v1", "http://own:8000/v1", ""),
        ("https://api.openai.com.evil.org/v1", "", ""),
        ("https://evil.org/api.openai.com", "", ""),
        ("https://api.openai.com@evil.org/v1", "", ""),
        ("localhost:8000/v1", "", ""),
        ("", "", ""),
    ],
)
def test_the_openai_key_goes_to_its_own_host_only(url, base, key):
    """OPENAI_API_KEY is used unasked for OpenAI's host and for the one OPENAI_BASE_URL names, nowhere else."""
    assert find_key(ModelTarget(id="m", url=url), base, ENVIRON) == key


def test_a_named_key_goes_where_it_is_sent():
    """A variable that is named is used for any host."""
    target = ModelTarget(id="m", url="http://other/v1", api_key_env="MY_KEY")
    assert find_key(target, "", ENVIRON) == "my-secret"


@pytest.mark.parametrize("name", ["EMPTY", "NOT_THERE"])
def test_a_named_key_that_is_not_set_is_an_error(name):
    """A named variable that is unset or empty stops before anything is asked."""
    with pytest.raises(InputError, match=f"the variable {name}") as caught:
        find_key(ModelTarget(id="m", url="http://other/v1", api_key_env=name), "", ENVIRON)
    assert (caught.value.code, caught.value.exit_code) == ("missing_key", 2)


def test_a_url_that_cannot_be_read_is_an_error():
    """A broken URL is the user's mistake, told as one; it may hold a password, so it is not shown."""
    with pytest.raises(InputError, match="the URL cannot be read") as caught:
        find_key(ModelTarget(id="m", url="http://[::1/v1"), "", ENVIRON)
    assert "[::1" not in str(caught.value)


@given(st.text(), st.text(min_size=4), st.text())
def test_a_secret_never_survives_redaction(before, secret, after):
    """A given secret of four characters or more is not in what is left, unless the mark itself holds it."""
    if secret in "***":
        return
    left = redact(f"{before}{secret}{after}", [secret])
    assert secret not in left.replace("***", "\0")


def test_short_values_and_ordinary_words_stay():
    """A value below four characters is no secret, and text without keys is not touched."""
    text = "a task of the risk-averse sk-ill"
    assert redact(text, ["a", "", "sk-"]) == text


@pytest.mark.parametrize(
    "key", ["sk-abcdefgh1234", "nvapi-ABCDEFGH_123", "hf_abcdefghijkl", "ghp_abcdefgh1234", "xoxb-12345678-ab"]
)
def test_well_known_keys_are_hidden_unasked(key):
    """What looks like a key of a well-known kind is hidden even where nobody named it."""
    assert redact(f"refused: Bearer {key}.") == "refused: Bearer ***."


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://user:pass@host:8/v1?key=1#top", "https://host:8/v1"),
        ("http://host/v1", "http://host/v1"),
        ("", ""),
    ],
)
def test_a_public_url_has_no_user_and_no_query(url, public):
    """User, password, query and fragment may hold secrets and are left out."""
    assert public_url(url) == public


def test_a_log_line_has_its_time_and_no_secret(tmp_path):
    """One line an event, with an aware time, on one line, without secrets; lines are appended."""
    file = tmp_path / "run.log"
    RunLog(file, ["hush-hush"]).write("sent hush-hush\nto sk-abcdefgh1234")
    RunLog(file).write("second")
    first, second = file.read_text().splitlines()
    stamp, _, event = first.partition(" ")
    assert event == "sent *** to ***"
    assert datetime.fromisoformat(stamp).tzinfo is not None
    assert second.endswith(" second")


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    """A missing folder loses the log, not the run."""
    file = tmp_path / "gone" / "run.log"
    RunLog(file).write("event")
    assert not file.exists()
