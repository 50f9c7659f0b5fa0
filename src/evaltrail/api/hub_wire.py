"""The body of a job as today's Eval Hub clients send it (eval-hub-sdk 1.0.6), and what it means here."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from evaltrail.api.form import Form, mistake, read_form, spelled
from evaltrail.api.wire import AuthForm, BenchmarkForm, ExperimentForm, Options, Order, PassCriteriaForm, Text, Word
from evaltrail.core.submission import ModelChoice, SubmissionRequest

_MOST_BENCHMARKS = 200
_MOST_TAGS = 200
_NO_QUEUE = "queue has no effect: it names one of Kubernetes, and here workers take what waits"


def _refused(message: str, hint: str) -> BeforeValidator:
    """Refuses a field that would change what is evaluated, or where it ends up, if it were passed over."""

    def check(value: object) -> None:
        if value is not None:
            raise mistake(message, hint)

    return BeforeValidator(check)


_NO_TEST_DATA = _refused(
    "is not followed: another data set would be evaluated",
    "put the data below the service's data root and give parameters.dataset_path, or hf://OWNER/NAME there",
)
_NO_EXPORT = _refused(
    "is not known: results are not sent to OCI registries", "leave it out; results and artifacts land in MLflow"
)
_NO_LOCATION = _refused("cannot be chosen by a request", "leave it out: MLflow says where its artifacts lie")


_UNUSED = {
    "dataset": "would be passed over: write dataset_path, a path below the service's data root or hf://OWNER/NAME",
    "metrics": "would be passed over: a benchmark's metrics are all measured, and primary_score says which one counts",
}
"""Parameters that clients make of flags of their own; to pass them over would be to evaluate something else."""


def _without_unused(parameters: dict[str, object]) -> dict[str, object]:
    for name, why in _UNUSED.items():
        if name in parameters:
            raise mistake(f"has {name}, which {why}", f"leave {name} out")
    return parameters


class HubModelForm(Form):
    """The model under test: by its URL, or, without one, by the server that ``auth.secret_ref`` names."""

    name: Word = Field(description="as the server calls it")
    url: Annotated[str, Field(max_length=2000)] | None = Field(
        default=None, description="of an OpenAI-compatible endpoint; empty = that of the server that auth names"
    )
    auth: AuthForm | None = None

    def choice(self) -> ModelChoice:
        """The model as the core knows it."""
        reference = self.auth.secret_ref if self.auth else ""
        if self.url:
            return ModelChoice(name=self.name, url=self.url, secret_ref=reference)
        return ModelChoice(name=self.name, server=reference)


class HubBenchmarkForm(BenchmarkForm):
    """One benchmark that is to be run."""

    config: Annotated[Options, AfterValidator(_without_unused)] | None = Field(
        default=None, validation_alias=spelled("parameters", "config")
    )
    test_data_ref: Annotated[None, _NO_TEST_DATA] = Field(default=None, description="is refused")


Benchmarks = Annotated[list[HubBenchmarkForm], Field(min_length=1, max_length=_MOST_BENCHMARKS)]


class HubCollectionForm(Form):
    """The collection that is to be run, or those of its benchmarks that are named."""

    id: Word
    benchmarks: Benchmarks | None = None


class HubExperimentForm(ExperimentForm):
    """The MLflow experiment that the results land in."""

    artifact_location: Annotated[None, _NO_LOCATION] = Field(default=None, description="is refused")


class HubExportsForm(Form):
    """Where else results are to go."""

    oci: Annotated[None, _NO_EXPORT] = Field(default=None, description="is refused")


class HubQueueForm(Form):
    """A queue of Kubernetes; it has no effect."""

    name: Word
    kind: Word | None = None


class HubJobForm(Form):
    """The body of a job: benchmarks or a collection."""

    name: Text | None = None
    description: Annotated[str, Field(max_length=5000)] | None = None
    tags: Annotated[list[Word], Field(max_length=_MOST_TAGS)] | None = None
    model: HubModelForm
    benchmarks: Benchmarks | None = None
    collection: HubCollectionForm | None = None
    experiment: HubExperimentForm | None = None
    pass_criteria: PassCriteriaForm | None = Field(default=None, description="of the weighted score of all benchmarks")
    exports: HubExportsForm | None = None
    queue: HubQueueForm | None = Field(default=None, description="has no effect")

    @model_validator(mode="after")
    def _says_once_what_is_run(self) -> Self:
        if self.benchmarks and self.collection:
            raise mistake(
                "has both benchmarks and a collection", "keep one of them; collection.benchmarks runs a part of it"
            )
        return self

    def request(self, tenant: str) -> SubmissionRequest:
        """The submission as the core knows it.

        Args:
            tenant: whose it is said to be.
        """
        members = self.collection.benchmarks if self.collection else self.benchmarks
        experiment = self.experiment or HubExperimentForm()
        return SubmissionRequest(
            model=self.model.choice(),
            benchmarks=tuple(each.choice() for each in members or ()),
            collection=self.collection.id if self.collection else "",
            threshold=self.pass_criteria.threshold if self.pass_criteria else None,
            experiment=experiment.name or "",
            tags=experiment.tags or {},
            name=self.name or "",
            description=self.description or "",
            labels=tuple(dict.fromkeys(self.tags or ())),
            tenant=tenant,
        )


def read_job(body: bytes, tenant: str) -> Order:
    """The submission that a body asks for.

    Args:
        body: JSON.
        tenant: whose it is said to be; empty = nobody's.

    Raises:
        InputError: it is no JSON.
        RefusedBodyError: it has another form; every mistake is told.
    """
    form = read_form(HubJobForm, body)
    return Order(request=form.request(tenant), warnings=(_NO_QUEUE,) if form.queue else ())
