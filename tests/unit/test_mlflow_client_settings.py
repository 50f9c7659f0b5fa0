"""What MLflow's client reads from the environment while several threads call it."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack

from evaltrail.destinations.mlflow.client_settings import client_settings
from evaltrail.destinations.mlflow.patience import Patience

KEY, RETRIES = "AWS_KEY_OF_THIS_TEST", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
FILED = {KEY: "filed", "OTHER": "x"}


def seen():
    """What the client would read now."""
    return os.environ.get(KEY), os.environ.get(RETRIES), os.environ.get("OTHER")


def test_calls_that_overlap_have_their_settings_to_their_end():
    """The first to come is the first to go; the other one's settings stay, and nothing stays after it."""
    before = dict(os.environ)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(client_settings(Patience(), FILED))
        second.enter_context(client_settings(Patience(), dict(FILED)))
        first.close()
        assert seen() == ("filed", "0", None)
        second.close()
        assert dict(os.environ) == before


def test_calls_with_the_process_s_own_settings_overlap():
    """They add none, whatever others have put there meanwhile."""
    before = dict(os.environ)
    with client_settings(Patience(), os.environ), client_settings(Patience(), os.environ):
        assert seen() == (None, "0", None)
    assert dict(os.environ) == before


def test_a_call_with_other_settings_waits_its_turn():
    """Two places with two keys: neither is ever asked with the other one's."""
    told = []

    def call():
        with client_settings(Patience(), {KEY: "other"}):
            told.append(seen())

    with client_settings(Patience(), FILED):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join(0.02)
        assert (told, seen()) == ([], ("filed", "0", None))
    thread.join(10)
    assert told == [("other", "0", None)]
