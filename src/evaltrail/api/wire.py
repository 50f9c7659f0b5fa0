"""The bodies of submissions as seed 001 and today's clients spell them, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self, cast

from pydantic import BeforeValidator, Field, model_validator

from evaltrail.api.form import Form, mistake, read_form, spelled
from evaltrail.core.submission import BenchmarkChoice, ModelChoice, PrimaryScore, SubmissionRequest
from evaltrail.core.values import Json

_MOST_BENCHMARKS = 200
_MOST_TAGS = 200
_MOST_SETTINGS = 200
_LONGEST_MINUTES = 60 * 24 * 7
_TAG_FORMS = 'write {"KEY": "VALUE"}, or [{"key": "KEY", "value": "VALUE"}]'


def _tag_map(value: object) -> object:
    """A list of {key, value} as the map that it means; everything else as it is."""
    if not isinstance(value, list):
        return value
    found: dict[str, object] = {}
    for place, each in enumerate(value):
        if not isinstance(each, dict) or set(each) != {"key", "value"} or not isinstance(each["key"], str):
            raise mistake(f"has an entry {place} that is no pair of key and value", _TAG_FORMS)
        if each["key"] in found:
            raise mistake(f"has the key {each['key'][:80]!r} twice", "say each key once")
        found[each["key"]] = each["value"]
    return found


def _collection_id(value: object) -> object:
    """The id of {id: ...}; everything else as it is."""
    if not isinstance(value, dict):
        return value
    if set(value) != {"id"}:
        raise mistake("is an object that does not hold an id alone", 'write "ID", or {"id": "ID"}')
    return value["id"]


Word = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(max_length=500)]
Address = Annotated[str, Field(min_length=1, max_length=2000)]
Options = Annotated[dict[str, object], Field(max_length=_MOST_SETTINGS)]
TagKey = Annotated[str, Field(min_length=1, max_length=250)]
Tags = Annotated[
    dict[TagKey, Annotated[str, Field(max_length=5000)]],
    Field(max_length=_MOST_TAGS),
    BeforeValidator(_tag_map, json_schema_input_type=dict[str, str] | list[dict[str, str]]),
]
CollectionId = Annotated[Word, BeforeValidator(_collection_id, json_schema_input_type=str | dict[str, str])]


class AuthForm(Form):
    """``auth`` of a model: a reference, never a key."""

    secret_ref: Word = Field(description="name of a server's entry, whose key is meant")


class ModelForm(Form):
    """The model under test: by an entry of the server registry, or by a URL."""

    name: Word = Field(description="as the server calls it")
    server: Word | None = Field(default=None, description="entry of the server registry")
    url: Address | None = Field(default=None, description="of an OpenAI-compatible endpoint, instead of a server")
    configuration: Options | None = Field(
        default=None, validation_alias=spelled("configuration", "parameters"), description="generation settings"
    )
    auth: AuthForm | None = None

    @model_validator(mode="after")
    def _is_said_once(self) -> Self:
        if (self.server is None) == (self.url is None):
            said = "neither server nor url" if self.url is None else "both server and url"
            raise mistake(f"has {said}", "give one of them; GET /api/v1/servers lists the servers")
        if self.auth is not None and self.url is None:
            raise mistake("has auth beside a server", "leave it out: the server's entry says which key is sent")
        return self

    def choice(self) -> ModelChoice:
        """The model as the core knows it."""
        return ModelChoice(
            name=self.name,
            server=self.server or "",
            url=self.url or "",
            configuration=_settings(self.configuration),
            secret_ref=self.auth.secret_ref if self.auth else "",
        )


class PrimaryScoreForm(Form):
    """Which metric of a benchmark counts."""

    metric: Word
    lower_is_better: bool = False

    def choice(self) -> PrimaryScore:
        """The score as the core knows it."""
        return PrimaryScore(metric=self.metric, lower_is_better=self.lower_is_better)


class PassCriteriaForm(Form):
    """What a score has to reach."""

    threshold: float = Field(description="in the metric's own unit")


class BenchmarkForm(Form):
    """One benchmark that is to be run."""

    id: Word = Field(validation_alias=spelled("benchmark_id", "id"))
    provider_id: Word | None = None
    config: Options | None = Field(default=None, validation_alias=spelled("config", "parameters"))
    weight: Annotated[float, Field(gt=0, le=1e9)] | None = None
    primary_score: PrimaryScoreForm | None = None
    pass_criteria: PassCriteriaForm | None = None

    def choice(self) -> BenchmarkChoice:
        """The benchmark as the core knows it."""
        return BenchmarkChoice(
            id=self.id,
            provider_id=self.provider_id or "",
            config=_settings(self.config),
            weight=self.weight,
            primary_score=self.primary_score.choice() if self.primary_score else None,
            threshold=self.pass_criteria.threshold if self.pass_criteria else None,
        )


class ExperimentForm(Form):
    """The MLflow experiment that the results land in."""

    name: Text | None = Field(default=None, description="without the prefix; left out = a name is made")
    tags: Tags | None = Field(default=None, description="of the experiment and its runs")


class OrderForm(Form):
    """What every submission may say."""

    model: ModelForm
    experiment: ExperimentForm | None = None
    name: Text | None = None
    description: Annotated[str, Field(max_length=5000)] | None = None
    labels: Annotated[list[Word], Field(max_length=_MOST_TAGS)] | None = None
    pass_criteria: PassCriteriaForm | None = Field(default=None, description="of the weighted score of all benchmarks")
    layout: Literal["per_bundle", "nested"] | None = Field(default=None, description="nested = a child run a benchmark")
    callback_url: Address | None = Field(default=None, description="is sent the result when the evaluation has ended")
    timeout_minutes: Annotated[float, Field(gt=0, le=_LONGEST_MINUTES)] = 60.0
    retry_attempts: Annotated[int, Field(ge=0, le=20)] = 3
    priority: Annotated[int, Field(ge=-100, le=100)] = 0

    def request(self, *, benchmarks: tuple[BenchmarkChoice, ...] = (), collection: str = "") -> SubmissionRequest:
        """The submission as the core knows it.

        Args:
            benchmarks: that are to be run.
            collection: whose benchmarks are to be run.
        """
        experiment = self.experiment or ExperimentForm()
        return SubmissionRequest(
            model=self.model.choice(),
            benchmarks=benchmarks,
            collection=collection,
            threshold=self.pass_criteria.threshold if self.pass_criteria else None,
            experiment=experiment.name or "",
            tags=experiment.tags or {},
            name=self.name or "",
            description=self.description or "",
            labels=tuple(self.labels or ()),
            layout=self.layout or "",
            callback_url=self.callback_url or "",
            timeout_minutes=self.timeout_minutes,
            retry_attempts=self.retry_attempts,
        )


class EvaluationForm(OrderForm):
    """The body of a submission: benchmarks, or a collection, or neither: then the experiment's tags say which."""

    benchmarks: Annotated[list[BenchmarkForm], Field(min_length=1, max_length=_MOST_BENCHMARKS)] | None = None
    collection: CollectionId | None = Field(default=None, validation_alias=spelled("collection", "collection_id"))


class CollectionOrderForm(OrderForm):
    """The body of a submission to a collection's own path."""


class ComparisonForm(Form):
    """The evaluations that are set side by side."""

    ids: Annotated[list[Word], Field(min_length=2, max_length=20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A submission as it was read."""

    request: SubmissionRequest
    priority: int = 0
    warnings: tuple[str, ...] = ()
    """What of the body changes nothing here."""


def read_evaluation(body: bytes) -> Order:
    """The submission that a body asks for.

    Raises:
        InputError: it is no JSON.
        RefusedBodyError: it has another form; every mistake is told.
    """
    form = read_form(EvaluationForm, body)
    benchmarks = tuple(each.choice() for each in form.benchmarks or ())
    return Order(request=form.request(benchmarks=benchmarks, collection=form.collection or ""), priority=form.priority)


def read_collection_order(body: bytes, collection: str) -> Order:
    """The submission of a collection that the path names.

    Raises:
        InputError: it is no JSON.
        RefusedBodyError: it has another form; every mistake is told.
    """
    form = read_form(CollectionOrderForm, body)
    return Order(request=form.request(collection=collection), priority=form.priority)


def _settings(value: dict[str, object] | None) -> Mapping[str, Json]:
    """Settings of a form: they were read as JSON, which pydantic's ``object`` forgets."""
    return cast("Mapping[str, Json]", value or {})
