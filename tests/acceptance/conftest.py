"""Fixtures of the acceptance tests: the installed command, the mock endpoint, MLflow as its own client sees it."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

import pytest
from installed import Installed
from proof_place import Place
from tracking import Tracking

from mock_endpoint import MockEndpoint
from proof_backends import Servers


@pytest.fixture
def evaltrail(tmp_path, mlflow_url):
    """The command, landing in the session's tracking server; what a failed test leaves running is ended."""
    command = Installed(tmp_path, MLFLOW_TRACKING_URI=mlflow_url)
    yield command
    command.end_all()


@pytest.fixture(scope="session")
def _started_endpoint():
    """One server for all tests, and the knobs it started with."""
    with MockEndpoint() as started:
        yield started, started._admin("POST", "/admin/config", {})


@pytest.fixture
def endpoint(_started_endpoint):
    """A mock endpoint that answers well and has counted nothing; a test may turn its knobs or stop it.

    It is left as it was found: stands that serve a whole module share it.
    """
    started, usual = _started_endpoint
    _restore(started, usual)
    yield started
    _restore(started, usual)


def _restore(started, usual):
    try:
        started.configure(**usual)
    except OSError:  # a test stopped it
        started.start()
    started.reset()


@pytest.fixture(scope="session")
def tracking(mlflow_url):
    """What lies in the session's tracking server."""
    return Tracking(mlflow_url)


@pytest.fixture
def experiment():
    """The name of an experiment that nobody else uses."""
    return f"acceptance {uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def servers():
    """Servers of one module's proofs alone, which they kill."""
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(scope="module")
def unbroken_results():
    """What unbroken runs came to, by the number of samples."""
    return {}


@pytest.fixture
def place(endpoint, tmp_path, servers, unbroken_results):
    """Where the trials of one proof are made."""
    return Place(endpoint, tmp_path, servers, unbroken_results)
