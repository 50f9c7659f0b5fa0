"""EvaluationResult: what `evaluate()` gives back: metrics as they landed, one row a sample, and where it all is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaltrail.core.delivery import Receipt
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.metric import MetricValue
from evaltrail.core.sample import Sample, SampleStream
from evaltrail.destinations.mlflow.points import metric_points
from evaltrail.service.evaluation.order import Result
from evaltrail.service.frames.frame import Frame, pandas
from evaltrail.service.frames.roles import Roles

TABLE = "eval_results_table"
_LEADING = ("inputs", "targets", "outputs")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """A finished evaluation.

    Printed, it shows its metrics.
    """

    result: Result = field(repr=False)
    frame: Frame = field(repr=False)
    roles: Roles = field(repr=False)
    _made: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def metrics(self) -> dict[str, float]:
        """Name to number, under the names that land in MLflow: ``bleu``, ``bleu_stderr``, ``bleu_n``...

        A metric that nothing could be scored by is not among them; ``errors`` names it.
        """
        return {point.name: point.value for point in metric_points(self.result.bundle.tasks, timestamp_ms=0).metrics}

    @property
    def aggregates(self) -> dict[str, MetricValue]:
        """Name to the typed aggregate, with n, interval, and what is unscored by reason."""
        return {metric.name: metric for task in self.result.bundle.tasks for metric in task.metrics}

    @property
    def samples(self) -> SampleStream:
        """Every sample with its scores, read from disk when iterated."""
        streams = self.result.samples
        return next(iter(streams.values())) if streams else ()

    @property
    def tables(self) -> Mapping[str, object]:
        """``eval_results_table``: a pandas DataFrame with one row a sample.

        Its columns: ``inputs``, ``targets``, ``outputs``; the data's other columns; each metric's score under its name,
        and beside it ``<metric>_reason`` (why a sample is unscored) and ``<metric>_rationale`` (what a judge said)
        where some sample has one; ``error`` and ``detail`` where some output is missing.
        """
        if TABLE not in self._made:
            self._made[TABLE] = pandas().DataFrame(list(self._rows()))
        return self._made

    @property
    def run_id(self) -> str:
        """The MLflow run that holds it; empty where nothing was delivered."""
        return self.receipts[0].run_id if self.receipts else ""

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """What landed where."""
        return self.result.receipts

    @property
    def errors(self) -> tuple[EvaltrailError, ...]:
        """What did not go as it should: unscored samples, metrics without any score, a delivery that waits."""
        return self.result.errors

    @property
    def exit_code(self) -> int:
        """0 when all is scored and delivered, 3 when the delivery waits, 1 when something failed."""
        return self.result.exit_code

    @property
    def evaluation_id(self) -> str:
        """16 hex digits; `evaltrail info` and `evaltrail samples` take them."""
        return self.result.evaluation_id

    @property
    def out(self) -> Path:
        """The folder that holds the bundle."""
        return self.result.out

    def __repr__(self) -> str:
        """The metrics, and where they are."""
        return f"EvaluationResult(metrics={self.metrics}, run_id={self.run_id!r}, errors={len(self.errors)})"

    def _rows(self) -> Iterator[dict[str, object]]:
        samples = list(self.samples)
        names = [name for name, told in self._extras(samples).items() if told]
        used = {*self.roles.inputs} if len(self.roles.inputs) == 1 else set()
        used |= {self.roles.outputs} & set(_LEADING)
        others = [name for name in self.frame.columns if name not in {*used, *_LEADING}]
        asked = self.roles.asked(self.frame)
        for sample in samples:
            row: dict[str, object] = {"inputs": asked[sample.index]}
            if self.roles.targets:
                row["targets"] = self.frame.columns[self.roles.targets][sample.index]
            row["outputs"] = sample.output
            row |= {name: self.frame.columns[name][sample.index] for name in others}
            told = _told(sample, set(row))
            yield row | {name: told.get(name) for name in names}

    def _extras(self, samples: list[Sample]) -> dict[str, bool]:
        """Every column that scores make, and whether some sample has something in it."""
        found: dict[str, bool] = {}
        taken = {*_LEADING, *self.frame.columns}
        for sample in samples:
            for name, value in _told(sample, taken).items():
                is_score = not name.endswith(("_reason", "_rationale")) and name not in {"error", "detail", "repeat"}
                found[name] = found.get(name, False) or bool(value) or is_score
        return found


def _told(sample: Sample, taken: set[str]) -> dict[str, object]:
    told: dict[str, object] = {"repeat": sample.repeat or None}
    for name, score in sample.scores.items():
        column = f"score.{name}" if name in taken else name
        told |= {column: score.value, f"{column}_reason": score.reason, f"{column}_rationale": score.rationale}
    return told | {"error": sample.error, "detail": sample.detail}
