"""Which gateway a tracking URI is reached by."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from evaltrail.destinations.mlflow.gateway import StockGateway
from evaltrail.destinations.mlflow.login import needs_stock_client
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.port import Gateway
from evaltrail.destinations.mlflow.rest import RestGateway
from evaltrail.destinations.mlflow.tracking_uri import is_http


def open_gateway(tracking_uri: str, *, environ: Mapping[str, str], patience: Patience | None = None) -> Gateway:
    """The gateway to a resolved tracking URI: REST for http(s), the stock client where that cannot do.

    Raises:
        InputError: MLflow's settings for logins or certificates contradict each other.
    """
    if is_http(tracking_uri) and not needs_stock_client(urlsplit(tracking_uri), environ):
        return RestGateway(tracking_uri, environ=environ, patience=patience)
    return StockGateway(tracking_uri, patience, environ=environ)
