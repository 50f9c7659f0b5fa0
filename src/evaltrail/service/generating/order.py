"""What a generation is started with, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.generation import Generation, GenerationPlan
from evaltrail.core.question import Question, Rejected
from evaltrail.core.request import COMMAND_LINE, ModelTarget, RequestLimits, Wording
from evaltrail.core.result import ResultBundle, Status
from evaltrail.generation.documents.formats import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedUpload:
    """A document that is kept already."""

    id: str
    """32 hex digits, or as many of them as tell it."""
    name: str = ""
    """What it is called this time; empty = as it was called first."""
    kind: Kind | None = None
    """Its format where the name does not tell it, such as that of a request's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOrder:
    """One generation and what is to become of its result."""

    documents: tuple[Path, ...] = ()
    """Files, in the order in which their chunks are numbered; kept before anything is asked."""
    uploads: tuple[NamedUpload, ...] = ()
    """Documents that are kept already; they come before the files."""
    plan: GenerationPlan
    target: ModelTarget | None = None
    """Who writes the questions; None = nobody is asked, which is for ``cloze``."""
    limits: RequestLimits = field(default_factory=RequestLimits)
    delivery: DeliveryOptions | None = field(default_factory=DeliveryOptions)
    """None = nothing is delivered."""
    out: Path | None = None
    """File for the questions, ``.csv``, ``.jsonl`` or ``.parquet``; None = only the data set is kept."""
    name: str = ""
    """Of the data set; empty = that of its document."""
    id: str = ""
    """Of the generation where somebody has given it one, such as the queue; empty = a new one."""
    fresh: bool = False
    """Start over and ask anew what was answered before."""
    wording: Wording = COMMAND_LINE
    """What errors call the target's settings."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What the result itself says, such as who asked for it; a delivery's own tags come on top."""
    command: tuple[str, ...] = ()
    """How to repeat it, for the report."""

    @property
    def model_name(self) -> str:
        """Who writes: the model, or the generator that needs none."""
        return self.plan.generator if self.target is None else self.target.id


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationResult:
    """A finished generation: questions, what was rejected and why, receipts.

    ``dataset_id`` names the data set that ``evaltrail run dataset:ID`` evaluates on; it is empty where not one question
    was accepted.
    """

    bundle: ResultBundle
    generation: Generation
    folder: Path
    """The bundle."""
    dataset_id: str = ""
    dataset_version: int = 0
    out: Path | None = None
    """The file of the questions."""
    rejects: Path | None = None
    """The file of what was rejected, beside it."""
    receipts: tuple[Receipt, ...] = ()
    """Of the generation first, then of its documents."""
    run: Receipt | None = None
    """The generation's own; None = it has not landed."""
    errors: tuple[EvaltrailError, ...] = ()
    """What did not go as it should: missing questions, a delivery that waits."""

    @property
    def evaluation_id(self) -> str:
        """16 hex digits."""
        return self.bundle.id

    @property
    def state(self) -> Status:
        """completed, or failed where not one question was accepted."""
        return self.bundle.status

    @property
    def exit_code(self) -> int:
        """0 when all is there and delivered, 3 when the delivery waits, 1 when questions are missing."""
        return max((error.exit_code for error in self.errors), default=0)

    @property
    def questions(self) -> tuple[Question, ...]:
        """The accepted ones."""
        return self.generation.questions

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """The others, each with its reason."""
        return self.generation.rejected
