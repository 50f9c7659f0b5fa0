"""Carry out a RunPlan exactly once: find or create its run, go on from the recorded phase, end the run last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evaltrail.core.delivery import Receipt, Skipped
from evaltrail.core.errors import BusyError, DestinationError, DestinationUnreachableError
from evaltrail.destinations.mlflow.batches import batches
from evaltrail.destinations.mlflow.lease import lease
from evaltrail.destinations.mlflow.outbox import Delivery, Outbox
from evaltrail.destinations.mlflow.places import Places
from evaltrail.destinations.mlflow.port import ANSWER_LOST, ExperimentState, Gateway, NewRun, RunState
from evaltrail.destinations.mlflow.refusal import TOO_LARGE
from evaltrail.destinations.mlflow.run_plan import ID_TAG, KEY_TAG, NOTE_TAG, PlannedArtifact, RunPlan
from evaltrail.destinations.mlflow.trace_landing import LandedTraces, land_traces
from evaltrail.destinations.mlflow.tracking_uri import run_url, without_login

_SUPERSEDES = "evaltrail.supersedes"
_PARENT = "mlflow.parentRunId"
_MISSING = "there is no file "
_SAME_PART = (ID_TAG, "evaltrail.task")
REQUIRED_MISSING = "required file missing: "
"""How a receipt begins to say why a file did not land without which the run is incomplete."""

StepSink = Callable[[str], None]
"""Called with a few words before each step, from the thread that delivers."""

_CREATE_ATTEMPTS = 3
_RUNS_OWN = ("mlflow.source.", "mlflow.note.")
"""Tags that a run which was there before us keeps as they are."""
_OURS = ("evaltrail.", "mlflow.")
"""Tags that say how a run came to be, not what its user says of it."""


def silent(step: str) -> None:
    """The sink of who does not want to know."""


def deliver(
    plan: RunPlan,
    outbox: Outbox,
    gateway: Gateway,
    *,
    fresh: bool = False,
    wait_s: float = 0.0,
    progress: StepSink = silent,
    places: Places | None = None,
) -> Receipt:
    """The receipt of the one run of this plan, complete; an already complete one is left as it is.

    Args:
        plan: what to land; every file it names is complete.
        outbox: where the phases are recorded.
        gateway: the tracking URI to land in.
        fresh: the identity is new and was never attempted, so that no run needs to be looked for.
        wait_s: seconds to wait for another process that delivers the same key.
        progress: told each step.
        places: what is known of the tracking URI from deliveries just before; None = nothing.

    Raises:
        BusyError: another process still delivers the same key, or has given it up since it was put.
        DestinationUnreachableError: MLflow is away; the delivery waits in the outbox.
        DestinationError: MLflow refuses; the delivery waits in the outbox with the reason.
    """
    with lease(outbox.folder / "leases", plan.key, wait_s=wait_s, deed="sending it"):
        if outbox.is_forgotten(plan.key, gateway.tracking_uri):
            raise BusyError("it was given up meanwhile", hint="deliver it again if it is to land after all")
        delivery = outbox.put(plan, gateway.tracking_uri)
        try:
            return _Landing(plan, outbox, gateway, progress, places or Places()).land(delivery, fresh=fresh)
        except DestinationError as error:
            if delivery.phase == "finished" and error.code == DestinationUnreachableError.default_code:
                outbox.advance(replace(delivery, phase="inputs"))  # what is asked for beyond it waits again
            outbox.fail(delivery, without_login(str(error), gateway.tracking_uri))
            raise


class _Landing:
    """One attempt at one plan."""

    def __init__(self, plan: RunPlan, outbox: Outbox, gateway: Gateway, progress: StepSink, places: Places) -> None:
        self._plan = plan
        self._outbox = outbox
        self._gateway = gateway
        self._progress = progress
        self._places = places
        self._may_have_twins = False
        self._superseded = ""
        self._is_new_run = False
        self._traces = LandedTraces()

    def land(self, delivery: Delivery, *, fresh: bool) -> Receipt:
        """The receipt, after the steps that are still missing."""
        self._may_have_twins = delivery.phase != "planned" and not self._plan.run_id
        self._progress("looking for the experiment")
        given = self._given_run() if self._plan.run_id else None
        experiment = self._experiment(given)
        run = given or self._known_run(delivery, experiment, fresh=fresh)
        if run is not None and self._is_complete(delivery, run):
            return self._completed(delivery, experiment, run)
        if run is None and self._plan.skip_existing:
            existing = self._existing(experiment)
            if existing is not None:
                return self._skipped(delivery, experiment, existing)
        if run is None or run.run_id != delivery.run_id:
            delivery, run = self._begun(delivery, experiment, run)
        delivery = self._batched(delivery)
        delivery = self._stored(delivery, run)
        self._with_inputs(delivery)
        self._with_traces(run)
        if self._may_have_twins:
            self._only_run(experiment, keep=run.run_id)
        if self._plan.stays_open:
            return self._finished(delivery, experiment, run)
        self._progress("ending the run")
        self._gateway.set_status(run.run_id, self._plan.status, ended_ms=self._plan.ended_ms)
        return self._finished(delivery, experiment, replace(run, status=self._plan.status))

    def _given_run(self) -> RunState:
        run = self._gateway.get_run(self._plan.run_id)
        if run is None or run.is_deleted:
            raise DestinationError(
                f"the run {self._plan.run_id!r} that is to be landed in does not exist",
                code="unknown_run",
                hint="check MLFLOW_RUN_ID, or unset it for a new run",
            )
        if run.tags.get(self._plan.key_tag, self._plan.key) != self._plan.key:
            raise DestinationError(
                f"the run {self._plan.run_id!r} already holds another evaluation",
                code="run_taken",
                hint="unset MLFLOW_RUN_ID, or name another run",
            )
        return run

    def _is_complete(self, delivery: Delivery, run: RunState) -> bool:
        """Whether the run holds all of the plan: one of ours ends last, but a given one may have ended before us."""
        is_said = not self._plan.run_id or delivery.phase == "finished"
        is_whole = run.is_terminal or self._plan.stays_open
        return is_said and is_whole and run.tags.get(self._plan.key_tag) == self._plan.key

    def _experiment(self, given: RunState | None) -> ExperimentState:
        known_id = self._plan.experiment_id if given is None else given.experiment_id
        return self._places.experiment(self._gateway, self._plan.experiment, known_id, self._plan.experiment_labels)

    def _known_run(self, delivery: Delivery, experiment: ExperimentState, *, fresh: bool) -> RunState | None:
        """The run of an earlier attempt, by its recorded id, else by its key; None when there is none."""
        if delivery.run_id:
            run = self._gateway.get_run(delivery.run_id)
            if run is not None and not run.is_deleted and run.tags.get(KEY_TAG) == self._plan.key:
                return run
        if experiment.is_new or (fresh and delivery.phase == "planned"):
            return None
        if not self._plan.family[0]:
            return self._only_run(experiment)
        kin = self._kin(experiment)
        ours = [run for run in kin if run.tags.get(KEY_TAG) == self._plan.key]
        if len(ours) > 1:
            return self._only_run(experiment)
        if not ours:
            earlier = _latest([run for run in kin if self._is_replaced(run)])
            self._superseded = earlier.run_id if earlier else ""
        return ours[0] if ours else None

    def _kin(self, experiment: ExperimentState) -> tuple[RunState, ...]:
        """The runs of the same source that were there before."""
        tag, value = self._plan.family
        return self._places.family(self._gateway, experiment, tag, value) if tag else ()

    def _is_other_delivery(self, run: RunState) -> bool:
        """Whether a run holds the same part of the same source, delivered with other options or other content."""
        ours = self._plan.tags
        is_below = bool(self._plan.parent_key or self._plan.parent_run_id)
        is_same_part = all(run.tags.get(tag, "") == ours.get(tag, "") for tag in _SAME_PART)
        return is_same_part and bool(run.tags.get(_PARENT)) == is_below

    def _is_replaced(self, run: RunState) -> bool:
        """Whether ours tells anew what a run tells: the same part, or a whole that has got other parts since."""
        if self._is_other_delivery(run):
            return True
        ours = self._plan.tags
        is_whole = not (self._plan.task or self._plan.parent_key or run.tags.get(_PARENT))
        is_same_source = run.tags.get(ID_TAG, "") == ours.get(ID_TAG)
        return is_whole and is_same_source and run.tags.get("evaltrail.layout") != "per_task"

    def _existing(self, experiment: ExperimentState) -> RunState | None:
        """A complete run of the same source, whoever made it; the newest of several."""
        ours = self._plan.tags

        def is_same(run: RunState) -> bool:
            if run.tags.get(ID_TAG):
                return self._is_other_delivery(run)
            return run.tags.get("job_id", "") in {"", ours.get("job_id", "")}

        return _latest([run for run in self._kin(experiment) if run.is_terminal and is_same(run)])

    def _only_run(self, experiment: ExperimentState, *, keep: str = "") -> RunState | None:
        """The run with our key: the one to keep, else a complete one, else the oldest; its twins are deleted."""
        runs = self._gateway.find_runs(experiment.id, KEY_TAG, self._plan.key)
        ranked = sorted(runs, key=lambda run: (run.run_id != keep, not run.is_terminal, run.started_ms, run.run_id))
        for twin in ranked[1:]:
            self._gateway.delete_run(twin.run_id)
        return ranked[0] if ranked else None

    def _begun(
        self, delivery: Delivery, experiment: ExperimentState, run: RunState | None
    ) -> tuple[Delivery, RunState]:
        """The delivery at its first recorded step, with its run: found, given or created.

        A given run that has ended is not reopened: MLflow takes what comes later, and a refusal leaves it as it was.
        """
        delivery = replace(delivery, phase="creating", experiment_id=experiment.id, run_id="", artifacts=(), skipped=())
        self._outbox.advance(delivery)
        if run is None:
            self._progress("creating the run")
            run = self._created(experiment)
            self._is_new_run = True
        return self._outbox.advance(replace(delivery, phase="created", run_id=run.run_id)), run

    def _created(self, experiment: ExperimentState) -> RunState:
        """A new run; after a lost answer the one that was created all the same."""
        new = NewRun(
            experiment_id=experiment.id,
            name=self._plan.run_name,
            user=self._plan.user,
            started_ms=self._plan.started_ms,
            tags={**self._plan.tags, **self._parent_tag(), **self._supersedes_tag()},
        )
        attempt = 1
        while True:
            try:
                return self._gateway.create_run(new)
            except DestinationUnreachableError as error:
                if error.code != ANSWER_LOST or attempt == _CREATE_ATTEMPTS:
                    raise
            attempt += 1
            self._may_have_twins = True
            found = self._only_run(experiment)
            if found is not None:
                return found

    def _supersedes_tag(self) -> dict[str, str]:
        return {_SUPERSEDES: self._superseded} if self._superseded else {}

    def _parent_tag(self) -> dict[str, str]:
        parent_id = self._plan.parent_run_id
        if self._plan.parent_key:
            parent = self._outbox.get(self._plan.parent_key, self._gateway.tracking_uri)
            parent_id = "" if parent is None else parent.run_id
            if not parent_id:
                raise DestinationError(
                    "the parent run has not landed yet", code="no_parent", hint="`evaltrail sync` sends both"
                )
        return {_PARENT: parent_id} if parent_id else {}

    def _batched(self, delivery: Delivery) -> Delivery:
        if delivery.phase != "created":
            return delivery
        self._progress("sending metrics and params")
        is_own = not self._plan.run_id
        tags = {} if is_own else {name: tag for name, tag in self._plan.tags.items() if not name.startswith(_RUNS_OWN)}
        for batch in batches(self._plan.metrics, self._plan.params, tags):
            self._gateway.log_batch(delivery.run_id, batch)
        return self._outbox.advance(replace(delivery, phase="batched"))

    def _stored(self, delivery: Delivery, run: RunState) -> Delivery:
        for artifact in self._plan.artifacts:
            if artifact.path in delivery.artifacts:
                continue
            self._progress(f"sending {artifact.path}")
            missing = self._put(artifact, run)
            stored = () if missing else (artifact.path,)
            delivery = self._outbox.advance(
                replace(
                    delivery,
                    artifacts=(*delivery.artifacts, *stored),
                    skipped=(*(item for item in delivery.skipped if item.what != _named(artifact)), *missing),
                )
            )
        return delivery

    def _put(self, artifact: PlannedArtifact, run: RunState) -> tuple[Skipped, ...]:
        """Nothing, or why the file could not land."""
        file = Path(artifact.file)
        if not artifact.file or not file.is_file():
            why = REQUIRED_MISSING if artifact.is_required else _MISSING
            return (Skipped(what=_named(artifact), why=why + (artifact.file or artifact.path)),)
        try:
            self._gateway.put_artifact(run, artifact.path, file)
        except DestinationError as error:
            if error.code != TOO_LARGE:
                raise
            return (Skipped(what=_named(artifact), why=str(error)),)
        return ()

    def _with_inputs(self, delivery: Delivery) -> None:
        if delivery.phase != "batched":
            return
        if self._plan.datasets:
            self._gateway.log_datasets(delivery.run_id, self._plan.datasets)
        self._outbox.advance(replace(delivery, phase="inputs"))

    def _with_traces(self, run: RunState) -> None:
        if self._plan.traces.choice:
            is_new = self._is_new_run
            self._traces = land_traces(self._plan.traces, self._gateway, run, is_new=is_new, progress=self._progress)

    def _completed(self, delivery: Delivery, experiment: ExperimentState, run: RunState) -> Receipt:
        """The receipt of a run that is whole already: files and tags asked for since are added, nothing is changed."""
        is_ours = delivery.run_id == run.run_id and delivery.receipt is not None
        landed = delivery.artifacts if is_ours else self._listed(run)
        delivery = replace(delivery, artifacts=landed, run_id=run.run_id, experiment_id=experiment.id)
        if any(self._is_owed(item, delivery) for item in self._plan.artifacts):
            delivery = self._stored(self._outbox.advance(replace(delivery, phase="inputs")), run)
        self._with_traces(run)
        asked = {name: tag for name, tag in self._plan.tags.items() if not name.startswith(_OURS)}
        for batch in batches((), {}, {name: tag for name, tag in asked.items() if name not in run.tags}):
            self._gateway.log_batch(run.run_id, batch)
        return self._finished(delivery, experiment, run, is_existing=True, kept=self._kept(run, asked))

    def _listed(self, run: RunState) -> tuple[str, ...]:
        """Which of the plan's files a run holds that another machine has landed."""
        planned = {item.path for item in self._plan.artifacts}
        folders = sorted({path.rpartition("/")[0] for path in planned})
        found = {path for folder in folders for path in self._gateway.list_artifacts(run, folder)}
        return tuple(item.path for item in self._plan.artifacts if item.path in found)

    def _is_owed(self, artifact: PlannedArtifact, delivery: Delivery) -> bool:
        """Whether a file has not landed and was not found to be what MLflow does not take."""
        why = next((item.why for item in delivery.skipped if item.what == _named(artifact)), "")
        is_refused = bool(why) and not why.startswith((REQUIRED_MISSING, _MISSING))
        return artifact.path not in delivery.artifacts and not is_refused and Path(artifact.file).is_file()

    def _kept(self, run: RunState, asked: Mapping[str, str]) -> tuple[Skipped, ...]:
        """What the plan says otherwise than the run that is there, which stays as it is."""
        named = {"run name": ("mlflow.runName", self._plan.run_name)}
        named["description"] = (NOTE_TAG, self._plan.tags.get(NOTE_TAG, ""))
        named |= {f"tag {name}": (name, value) for name, value in asked.items()}
        return tuple(
            Skipped(what=what, why=f"the run is there already and says {run.tags[tag]!r:.80}, not {value!r:.80}")
            for what, (tag, value) in named.items()
            if value and run.tags.get(tag, value) != value
        )

    def _skipped(self, delivery: Delivery, experiment: ExperimentState, run: RunState) -> Receipt:
        """The receipt of a run of somebody else's, or of another delivery, that is as good as ours: nothing of ours."""
        receipt = replace(self._receipt(experiment, run), is_existing=True)
        self._outbox.finish(delivery, receipt)
        return receipt

    def _finished(
        self,
        delivery: Delivery,
        experiment: ExperimentState,
        run: RunState,
        *,
        is_existing: bool = False,
        kept: tuple[Skipped, ...] = (),
    ) -> Receipt:
        receipt = replace(
            self._receipt(experiment, run),
            metrics_logged=len({point.name for point in self._plan.metrics}),
            params_logged=len(self._plan.params),
            artifacts_logged=len(delivery.artifacts),
            traces_logged=self._traces.count,
            skipped=(*self._plan.skipped, *delivery.skipped, *self._traces.skipped, *kept),
            is_existing=is_existing,
        )
        self._outbox.finish(delivery, receipt)
        return receipt

    def _receipt(self, experiment: ExperimentState, run: RunState) -> Receipt:
        """Which run it is and where."""
        return Receipt(
            run_id=run.run_id,
            run_url=run_url(self._gateway.tracking_uri, experiment.id, run.run_id),
            experiment_id=experiment.id,
            experiment_name=experiment.name,
            task=self._plan.task,
            status=run.status,
        )


def _named(artifact: PlannedArtifact) -> str:
    return f"artifact {artifact.path}"


def _latest(runs: Sequence[RunState]) -> RunState | None:
    """The last of runs of one source that no other of them supersedes: their start, the evaluation's, is the same."""
    replaced = {run.tags.get(_SUPERSEDES, "") for run in runs}
    return next((run for run in reversed(runs) if run.run_id not in replaced), None)
