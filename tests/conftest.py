"""Fixtures that every kind of test may ask for, and how hypothesis works here."""

import pytest
from hypothesis import settings

from mlflow_server import shared_url

# A timing never decides a test; a law is tried anew with every run.
settings.register_profile("bounded", deadline=None, max_examples=20)
settings.load_profile("bounded")


@pytest.fixture(scope="session")
def mlflow_url():
    """Tracking URI of the session's server."""
    return shared_url()
