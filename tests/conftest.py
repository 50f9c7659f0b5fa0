"""Fixtures that every kind of test may ask for, and how hypothesis works here."""

import gc
import os
import signal

import pytest
from hypothesis import settings

from mlflow_server import shared_url

# A timing never decides a test. A law is tried with new examples at every desk, and with the same ones in CI: what is
# rarely found is found by who can mend it, and does not hold up another's change.
settings.register_profile("bounded", deadline=None, max_examples=20, derandomize=bool(os.environ.get("CI")))
settings.load_profile("bounded")


LONGEST = (
    "test_proof_restarts",
    "test_landing_faults",
    "test_workers",
    "test_endpoint_faults",
    "test_up",
    "test_llm_eval_seed",
    "test_launch_kill",
    "test_proof_embedded",
    "test_proof_equal",
    "test_proof_brokers",
    "test_service_seed",
    "test_celery_outages",
)
"""Files of long proofs that take a minute or so each: begun last, one of them would run alone at the end."""


def pytest_collection_modifyitems(items):
    """Begin with the longest files; the order is random else."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_configure(config):
    """Collect nine thousand tests without looking for garbage among them: half the time of it.

    And let commands be interrupted, also where a shell began us in the background, deaf to Ctrl-C as their parents are.
    """
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session):
    """Look for garbage from now on, and never again among what the collected tests are made of."""
    gc.enable()
    gc.freeze()


@pytest.fixture(scope="session")
def mlflow_url():
    """Tracking URI of the session's server."""
    return shared_url()
