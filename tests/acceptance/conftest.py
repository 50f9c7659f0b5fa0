"""Fixtures of the acceptance tests: the installed command, the mock endpoint, MLflow as its own client sees it."""

from __future__ import annotations

import uuid

import pytest
from installed import Installed
from mock_endpoint import MockEndpoint
from tracking import Tracking


@pytest.fixture
def evaltrail(tmp_path, mlflow_url):
    """The command, landing in the session's tracking server."""
    return Installed(tmp_path, MLFLOW_TRACKING_URI=mlflow_url)


@pytest.fixture
def endpoint():
    """A mock endpoint of this test alone."""
    with MockEndpoint() as started:
        yield started


@pytest.fixture(scope="session")
def tracking(mlflow_url):
    """What lies in the session's tracking server."""
    return Tracking(mlflow_url)


@pytest.fixture
def experiment():
    """The name of an experiment that nobody else uses."""
    return f"acceptance {uuid.uuid4().hex[:12]}"
