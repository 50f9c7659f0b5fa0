"""MlflowDestination: bundles in, receipts out; what cannot be sent now waits in the outbox."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

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
from evaltrail.destinations.mlflow.lease import lease
from evaltrail.destinations.mlflow.open_run import in_part
from evaltrail.destinations.mlflow.outbox import Delivery, Outbox
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.places import Places
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.port import Gateway
from evaltrail.destinations.mlflow.run_plan import RunPlan
from evaltrail.destinations.mlflow.staging import stage, sweep, unstage
from evaltrail.destinations.mlflow.tracking_uri import check_tracking_uri, resolve_tracking_uri
from evaltrail.destinations.mlflow.writer import StepSink, deliver, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One outbox and one connection, used by one thread."""

    outbox: Outbox
    gateway: Gateway
    places: Places
    wait_s: float
    """Seconds another process that sends the same is waited for."""

    def send(
        self,
        bundle: ResultBundle,
        options: DeliveryOptions,
        planned: Sequence[RunPlan],
        *,
        fresh: bool = False,
        progress: StepSink = silent,
    ) -> tuple[Receipt, ...]:
        """One receipt a run; everything waits in the outbox before the first request goes out.

        Raises:
            BusyError, DestinationError, StorageError: see ``MlflowDestination.deliver``.
        """
        folder = self.outbox.folder
        plans = self.keep(bundle, options, planned)
        receipts = []
        for plan in plans:
            receipts.append(
                deliver(
                    plan,
                    self.outbox,
                    self.gateway,
                    fresh=fresh,
                    wait_s=self.wait_s,
                    progress=progress,
                    places=self.places,
                )
            )
            unstage(plan, folder)
        return tuple(receipts)

    def keep(self, bundle: ResultBundle, options: DeliveryOptions, planned: Sequence[RunPlan]) -> list[RunPlan]:
        """The plans with the files that had to be made for them, all of it in the outbox now; nothing is sent.

        Raises:
            StorageError: the outbox cannot be written.
        """
        plans = [in_part(stage(plan, bundle, options, self.outbox.folder), options.part) for plan in planned]
        for plan in plans:
            self.outbox.put(plan, self.gateway.tracking_uri)
        return plans


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one waiting delivery: a receipt, the reason why it still waits, or a note that it is under way."""

    key: str
    run_name: str
    source_id: str = ""
    """Id of the result that it is of."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the run, where it was sent."""
    tracking_uri: str = ""
    """Where it was sent."""
    receipt: Receipt | None = None
    error: EvaltrailError | None = None
    note: str = ""
    """``process N is sending it``, or it was given up meanwhile: neither sent by us nor a failure."""


class MlflowDestination:
    """Everything that lands in MLflow lands through here.

    Args:
        outbox_folder: where deliveries are kept until they are complete.
        version: evaltrail's version, for the tags.
        environ: the environment MLflow's own settings are read from.
        patience: bounds of every request.
        user: who delivers, as MLflow shows it.
        is_shared: processes of other machines may use the outbox too.
    """

    def __init__(
        self,
        outbox_folder: Path,
        version: str,
        *,
        environ: Mapping[str, str] = os.environ,
        patience: Patience | None = None,
        user: str = "",
        is_shared: bool = False,
    ) -> None:
        self._folder = outbox_folder.absolute()
        self._is_shared = is_shared
        self._version = version
        self._environ = environ
        self._patience = patience or Patience()
        self._user = user or _login_name()
        self._places = Places()

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
        planned = self.plan(bundle, options)
        with self.channel(options) as channel:
            return channel.send(bundle, options, planned, fresh=fresh, progress=progress)

    @contextmanager
    def channel(self, options: DeliveryOptions) -> Iterator[Channel]:
        """An open way to the tracking URI of these options, for one thread that delivers several bundles.

        Raises:
            InputError: the URI cannot be MLflow's, or its settings for logins or certificates cannot be used.
            StorageError: the outbox cannot be used.
        """
        uri = resolve_tracking_uri(options.tracking_uri, self._environ)
        check_tracking_uri(uri)
        with self._outbox() as outbox, closing(self._gateway(uri)) as gateway:
            yield Channel(outbox=outbox, gateway=gateway, places=self._places, wait_s=self._patience.lease_s)

    def sync(self, *, progress: StepSink = silent) -> tuple[Sent, ...]:
        """What became of every waiting delivery; one tracking URI that is away does not hold up the others."""
        away: dict[str, EvaltrailError] = {}
        busy: dict[str, str] = {}
        with self._outbox() as outbox:
            sent = tuple(self._synced(delivery, outbox, away, busy, progress) for delivery in outbox.waiting())
            sweep(self._folder, {delivery.key for delivery in outbox.waiting()})
            return sent

    def waiting(self) -> tuple[Delivery, ...]:
        """The deliveries that wait in the outbox, oldest first."""
        with self._outbox() as outbox:
            return tuple(outbox.waiting())

    def forget(self, deliveries: Sequence[Delivery]) -> None:
        """Give waiting deliveries up, and remove the files that were made for them; nothing is sent.

        Raises:
            BusyError: another process is sending one of them; those before it are given up.
            StorageError: the outbox cannot be written.
        """
        with self._outbox() as outbox:
            for delivery in deliveries:
                with lease(self._folder / "leases", delivery.key, deed="sending it"):
                    outbox.forget(delivery)
                    if delivery.plan is not None:
                        unstage(delivery.plan, self._folder)

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
        named = Sent(key=plan.key, run_name=plan.run_name, source_id=plan.source_id)
        if uri in away:
            return replace(named, error=away[uri])
        if plan.parent_key in busy:
            return replace(named, note=busy[plan.parent_key])
        try:
            with closing(self._gateway(uri)) as gateway:
                receipt = deliver(plan, outbox, gateway, progress=progress, places=self._places)
                unstage(plan, self._folder)
        except BusyError as other:
            busy[plan.key] = other.message
            return replace(named, note=other.message)
        except (DestinationError, InputError) as error:
            if error.code == DestinationUnreachableError.default_code:
                away[uri] = error
            return replace(named, error=error)
        return replace(named, tags=plan.tags, tracking_uri=uri, receipt=receipt)

    def _outbox(self) -> Outbox:
        return Outbox(self._folder, is_shared=self._is_shared)

    def _gateway(self, uri: str) -> Gateway:
        check_tracking_uri(uri)
        return open_gateway(uri, environ=self._environ, patience=self._patience)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""
