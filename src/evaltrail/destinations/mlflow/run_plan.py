"""RunPlan: one MLflow run as a value, complete before anything is sent; printable and stored in the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.core.delivery import Skipped
from evaltrail.core.trace_choice import TraceChoice
from evaltrail.destinations.mlflow.naming import NameMap

SAMPLES_FILE = "samples.parquet"
TABLE_FILE = "eval_results_table.json"
NAME_MAP_FILE = "name_map.json"
EVALUATED_ON = "evaluation"
"""MLflow's context of a dataset that a run evaluates on."""
CONTEXT_TAG = "mlflow.data.context"
"""Tag of a dataset input that tells what a run used it for."""
NOTE_TAG = "mlflow.note.content"
"""Tag that MLflow shows as the description of a run or an experiment."""
KEY_TAG, ID_TAG, PROVIDER_TAG = "evaltrail.key", "evaltrail.id", "evaltrail.provider"
"""Which delivery a run is of, which result it holds, and who made that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMetric:
    """One point of one metric."""

    name: str
    value: float
    """Finite."""
    timestamp_ms: int
    """The same at every attempt, so that MLflow stores the point once."""
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArtifact:
    """One file and the path it gets in the run."""

    path: str
    file: str = ""
    """Where the bytes lie; empty = made from the bundle when the delivery begins."""
    is_required: bool = False
    """Whether the run is incomplete without it."""
    may_hold_secrets: bool = False
    """Whether what lands is a copy without them, where there are some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDataset:
    """One dataset input of the run."""

    name: str
    digest: str
    source_type: str
    """``hugging_face``, ``http`` or ``local``: MLflow's words for where a dataset lies."""
    source: str
    """JSON as MLflow's dataset source of that type reads it."""
    profile: str = ""
    """JSON with the number of records, or empty."""
    context: str = EVALUATED_ON
    """What the run used it for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTraces:
    """Which samples of the run become traces."""

    choice: TraceChoice = 0
    file: str = ""
    """Where they lie, one JSON object a line; made from the bundle when the delivery begins."""
    count: int = 0
    """Lines of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentLabels:
    """What the experiment of a run is to say of itself; what others wrote there under other names stays."""

    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    """Only for an experiment that has none."""

    def whole(self) -> dict[str, str]:
        """The tags of an experiment that is made now; a description is one of them."""
        return {NOTE_TAG: self.description, **self.tags} if self.description else dict(self.tags)

    def missing(self, known: Mapping[str, str]) -> dict[str, str]:
        """The tags that an experiment with these tags lacks, or has with another value."""
        has_description = bool(known.get(NOTE_TAG))
        wanted = self.tags if has_description else self.whole()
        return {name: value for name, value in wanted.items() if known.get(name) != value}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Everything one run gets."""

    key: str
    """Identity of the delivery: same key, same run."""
    parent_key: str = ""
    """Key of the plan whose run is this run's parent; empty = none."""
    parent_run_id: str = ""
    """Known parent run; empty = none, or found by ``parent_key``."""
    run_id: str = ""
    """Existing run to land in; empty = a new one."""
    stays_open: bool = False
    """Whether the existing run goes on: its status is not ours to set."""
    key_tag: str = KEY_TAG
    """Tag of the run that tells the key; of a part of a run it ends in the part's name, as its other tags do."""
    experiment: str = ""
    experiment_id: str = ""
    """Set instead of the name."""
    experiment_labels: ExperimentLabels = ExperimentLabels()
    run_name: str
    user: str = ""
    task: str = ""
    """Task of a run that holds one of several; empty for the run of the whole bundle."""
    family: tuple[str, str] = ("", "")
    """Tag and value that every run of the same source bears; empty = only the key tells."""
    skip_existing: bool = False
    """Whether a complete run of the same source, however it was delivered, is as good as this one."""
    started_ms: int
    ended_ms: int
    status: str
    """Terminal status: FINISHED, FAILED or KILLED."""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[PlannedMetric, ...] = ()
    artifacts: tuple[PlannedArtifact, ...] = ()
    datasets: tuple[PlannedDataset, ...] = ()
    traces: PlannedTraces = PlannedTraces()
    skipped: tuple[Skipped, ...] = ()
    names: NameMap = field(default_factory=NameMap)

    @property
    def source_id(self) -> str:
        """Id of the result that the run, or this part of it, holds."""
        part = self.key_tag.removeprefix(KEY_TAG)
        return self.tags.get(f"{ID_TAG}{part}", "")

    def to_json(self) -> bytes:
        """The plan as JSON, for the outbox and for ``--dry-run``."""
        return msgspec.json.encode(self)

    @staticmethod
    def from_json(data: bytes) -> RunPlan:
        """The plan that ``to_json`` wrote."""
        return decoded(data, RunPlan)
