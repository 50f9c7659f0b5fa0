"""Fixtures that every kind of test may ask for."""

import pytest

from mlflow_server import shared_url


@pytest.fixture(scope="session")
def mlflow_url():
    """Tracking URI of the session's server."""
    return shared_url()
