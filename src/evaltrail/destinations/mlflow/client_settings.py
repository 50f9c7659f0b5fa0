"""The settings of MLflow's own client: it reads them from the environment, which all threads of the process share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from evaltrail.destinations.mlflow.held_together import HeldTogether
from evaltrail.destinations.mlflow.patience import Patience

_PREFIXES = ("MLFLOW_", "AWS_", "DATABRICKS_")
_NAMES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"})
"""Variables that the client, its request signing and its artifact stores read."""
_IN_PLACE = HeldTogether()


def client_settings(patience: Patience, environ: Mapping[str, str]) -> AbstractContextManager[None]:
    """The client's settings for the duration: what the process does not say itself, and one try as long as ours.

    Args:
        patience: bounds of a call.
        environ: variables the client is to see besides those of the process.
    """
    given = {} if environ is os.environ else environ  # it changes while the settings are there, and has nothing to add
    settings = {name: value for name, value in given.items() if name.startswith(_PREFIXES) or name.lower() in _NAMES}
    ours = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(patience.read_s))),
    }
    return _IN_PLACE.hold(partial(_put, settings, ours), key=(settings, ours))


@contextmanager
def _put(settings: Mapping[str, str], ours: Mapping[str, str]) -> Iterator[None]:
    added = {**{name: value for name, value in settings.items() if name not in os.environ}, **ours}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
