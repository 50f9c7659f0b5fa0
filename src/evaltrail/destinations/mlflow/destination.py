"""MlflowDestination: bundles in, receipts out; what cannot be sent now waits in the outbox."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import make_private, write_whole
from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.errors import (
    BusyError,
    DestinationError,
    DestinationUnreachableError,
    EvaltrailError,
    InputError,
    StorageError,
)
from evaltrail.core.result import ResultBundle
from evaltrail.destinations.mlflow.door import open_gateway
from evaltrail.destinations.mlflow.outbox import Delivery, Outbox
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.port import Gateway
from evaltrail.destinations.mlflow.run_plan import NAME_MAP_FILE, TABLE_FILE, RunPlan
from evaltrail.destinations.mlflow.samples import write_table
from evaltrail.destinations.mlflow.tracking_uri import check_tracking_uri, resolve_tracking_uri
from evaltrail.destinations.mlflow.writer import StepSink, deliver, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one waiting delivery: a receipt, the reason why it still waits, or a note that it is under way."""

    key: str
    run_name: str
    receipt: Receipt | None = None
    error: EvaltrailError | None = None
    note: str = ""
    """``process N is sending it``: neither sent by us nor a failure."""


class MlflowDestination:
    """Everything that lands in MLflow lands through here.

    Args:
        outbox_folder: where deliveries are kept until they are complete.
        version: evaltrail's version, for the tags.
        environ: the environment MLflow's own settings are read from.
        patience: bounds of every request.
        user: who delivers, as MLflow shows it.
    """

    def __init__(
        self,
        outbox_folder: Path,
        version: str,
        *,
        environ: Mapping[str, str] = os.environ,
        patience: Patience | None = None,
        user: str = "",
    ) -> None:
        self._folder = outbox_folder.absolute()
        self._version = version
        self._environ = environ
        self._patience = patience or Patience()
        self._user = user or _login_name()

    def check(self, options: DeliveryOptions) -> None:
        """Return when the tracking URI and the settings to reach it by can be used; nothing is written or sent.

        Raises:
            InputError: the URI cannot be MLflow's, or its settings for logins or certificates cannot be used.
        """
        self._gateway(resolve_tracking_uri(options.tracking_uri, self._environ)).close()

    def plan(self, bundle: ResultBundle, options: DeliveryOptions) -> tuple[RunPlan, ...]:
        """The runs that ``deliver`` would make, parent first; nothing is written or sent.

        Raises:
            InputError: the experiment name or a tag cannot be used.
        """
        return plan_bundle(bundle, options, version=self._version, user=self._user)

    def deliver(
        self, bundle: ResultBundle, options: DeliveryOptions, *, fresh: bool = False, progress: StepSink = silent
    ) -> tuple[Receipt, ...]:
        """One receipt a run, parent first. Everything waits in the outbox before the first request goes out.

        Args:
            bundle: the finished result; its files stay where they are until the receipts are there.
            options: how it is to land.
            fresh: the bundle's id is new and was never delivered, which saves one search.
            progress: told each step.

        Raises:
            InputError: the experiment name, a tag or the tracking URI cannot be used; nothing was written.
            BusyError: another process still delivers the same bundle.
            DestinationUnreachableError: MLflow is away; ``sync`` sends what waits.
            DestinationError: MLflow refuses.
            StorageError: the outbox cannot be written.
        """
        uri = resolve_tracking_uri(options.tracking_uri, self._environ)
        check_tracking_uri(uri)
        planned = self.plan(bundle, options)
        with Outbox(self._folder) as outbox:
            plans = [self._staged(plan, bundle, options) for plan in planned]
            for plan in plans:
                outbox.put(plan, uri)
            with closing(self._gateway(uri)) as gateway:
                return tuple(
                    self._sent(plan, outbox, gateway, fresh=fresh, wait_s=self._patience.lease_s, progress=progress)
                    for plan in plans
                )

    def sync(self, *, progress: StepSink = silent) -> tuple[Sent, ...]:
        """What became of every waiting delivery; one tracking URI that is away does not hold up the others."""
        away: dict[str, EvaltrailError] = {}
        busy: dict[str, str] = {}
        with Outbox(self._folder) as outbox:
            return tuple(self._synced(delivery, outbox, away, busy, progress) for delivery in outbox.waiting())

    def waiting(self) -> tuple[Delivery, ...]:
        """The deliveries that wait in the outbox, oldest first."""
        with Outbox(self._folder) as outbox:
            return tuple(outbox.waiting())

    def _synced(
        self,
        delivery: Delivery,
        outbox: Outbox,
        away: dict[str, EvaltrailError],
        busy: dict[str, str],
        progress: StepSink,
    ) -> Sent:
        plan, uri = delivery.plan, delivery.tracking_uri
        if plan is None:
            raise StorageError("a waiting delivery has lost its plan", where=str(self._folder))
        if uri in away:
            return Sent(key=plan.key, run_name=plan.run_name, error=away[uri])
        if plan.parent_key in busy:
            return Sent(key=plan.key, run_name=plan.run_name, note=busy[plan.parent_key])
        try:
            with closing(self._gateway(uri)) as gateway:
                receipt = self._sent(plan, outbox, gateway, progress=progress)
        except BusyError as other:
            busy[plan.key] = other.message
            return Sent(key=plan.key, run_name=plan.run_name, note=other.message)
        except (DestinationError, InputError) as error:
            if error.code == DestinationUnreachableError.default_code:
                away[uri] = error
            return Sent(key=plan.key, run_name=plan.run_name, error=error)
        return Sent(key=plan.key, run_name=plan.run_name, receipt=receipt)

    def _gateway(self, uri: str) -> Gateway:
        check_tracking_uri(uri)
        return open_gateway(uri, environ=self._environ, patience=self._patience)

    def _sent(
        self,
        plan: RunPlan,
        outbox: Outbox,
        gateway: Gateway,
        *,
        fresh: bool = False,
        wait_s: float = 0.0,
        progress: StepSink,
    ) -> Receipt:
        receipt = deliver(plan, outbox, gateway, fresh=fresh, wait_s=wait_s, progress=progress)
        shutil.rmtree(self._staging(plan), ignore_errors=True)
        return receipt

    def _staged(self, plan: RunPlan, bundle: ResultBundle, options: DeliveryOptions) -> RunPlan:
        """The plan with every file named absolutely; those made for it lie in the outbox until it has landed."""
        made = {item.path for item in plan.artifacts if not item.file}
        folder = make_private(self._staging(plan)) if made else self._folder
        if TABLE_FILE in made:
            write_table(bundle, folder / TABLE_FILE, rows=options.table_rows)
        if NAME_MAP_FILE in made:
            write_whole(folder / NAME_MAP_FILE, msgspec.json.format(msgspec.json.encode(plan.names)))
        artifacts = (
            replace(item, file=str(Path(item.file or folder / item.path).absolute())) for item in plan.artifacts
        )
        return replace(plan, artifacts=tuple(artifacts))

    def _staging(self, plan: RunPlan) -> Path:
        return self._folder / "staged" / plan.key


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""
