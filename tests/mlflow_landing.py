"""One landing of a small bundle, as the tests of exactly-once make many."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.rest import RestGateway
from evaltrail.destinations.mlflow.writer import deliver
from mlflow_bundles import some_bundle, some_task

SHORT = Patience(connect_s=1, read_s=10, retry_s=1, pause_s=0.05)


def planned(folder, experiment, **options):
    bundle = some_bundle(folder / "bundle", tasks=(replace(some_task(metric="acc"), samples=None),))
    (plan,) = plan_bundle(bundle, DeliveryOptions(experiment=experiment, table_rows=0, **options), version="0")
    return plan


def land(plan, folder, url, *, fresh=False):
    with Outbox(folder / "outbox") as outbox, closing(RestGateway(url, environ={}, patience=SHORT)) as gateway:
        return deliver(plan, outbox, gateway, fresh=fresh)
