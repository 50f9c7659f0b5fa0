"""The bodies and queries of documents, generations and data sets, and what they mean."""

from __future__ import annotations

from typing import Annotated, Literal, Self, cast

from pydantic import BeforeValidator, Field, model_validator

from evaltrail.api.form import Form, mistake, read_form
from evaltrail.api.replies import QueryForm
from evaltrail.api.wire import ModelForm, Options, Tags, Text, Word
from evaltrail.core.generation import GenerationPlan, WindowScope
from evaltrail.core.question import QuestionType
from evaltrail.core.values import Json
from evaltrail.service.generating.order import NamedUpload
from evaltrail.service.submitting.generation_order import GenerationRequest, model_choice, thresholds_of

_MOST_DOCUMENTS = 1000
_MOST_OF_WINDOW = 1_000_000
_MOST_TOKENS = 10**12
Chunks = Annotated[int, Field(ge=1, le=_MOST_OF_WINDOW)]
Price = Annotated[float, Field(ge=0, le=1e6)]
PageLimit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[str, Field(max_length=500, description="next_cursor of the page before")]
VersionNumber = Annotated[int, Field(ge=1, le=10**8)]


def _own_names(value: object) -> object:
    """Counts by the types' own names: ``multi-hop`` is ``multi_hop``."""
    if not isinstance(value, dict):
        return value
    found: dict[str, object] = {}
    for name, count in value.items():
        own = str(name).lower().replace("-", "_")
        if own in found:
            raise mistake(f"names {own:.60} twice", "keep one of its counts")
        found[own] = count
    return found


TypeCounts = Annotated[
    dict[QuestionType, Annotated[int, Field(ge=0, le=1_000_000)]], Field(max_length=20), BeforeValidator(_own_names)
]
Mode = Literal["closed_book", "oracle_context", "noisy_context", "rag_endpoint"]


class ListQuery(QueryForm):
    """Which part of a list is wanted."""

    limit: PageLimit = 50
    cursor: Cursor = ""


class GenerationsQuery(ListQuery):
    """Which generations are listed."""

    status: Literal["", "pending", "running", "completed", "partially_failed", "failed", "cancelled"] = ""


class DownloadQuery(QueryForm):
    """Which file of a data set is wanted."""

    format: Literal["csv", "jsonl", "parquet"] = "csv"
    version: VersionNumber | None = Field(default=None, description="left out = the latest")


class EditsQuery(QueryForm):
    """Which version of a data set was edited."""

    version: VersionNumber | None = Field(
        default=None, description="that was edited, of which others may have made versions since; left out = the latest"
    )


class GenerationForm(Form):
    """The body of a generation."""

    documents: Annotated[list[Word], Field(min_length=1, max_length=_MOST_DOCUMENTS)] = Field(
        description="ids of documents, in the order of their chunks"
    )
    model: ModelForm | Word | None = Field(default=None, description="who writes; SERVER/NAME, or an object")
    generator: Literal["llm", "cloze"] | None = Field(default=None, description="cloze asks no model")
    window_size: Chunks = 4
    window_step: Chunks = 2
    window_scope: WindowScope = "upload"
    questions_per_window: Annotated[int, Field(ge=1, le=1000)] = 3
    types: TypeCounts | None = Field(
        default=None, description="how many of each type in all, instead of questions_per_window"
    )
    gates: Options | None = Field(default=None, description="what a question has to reach, gate by gate, 0 to 1")
    rounds: Annotated[int, Field(ge=1, le=20)] = 3
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    budget_tokens: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] | None = None
    generation: Options | None = Field(default=None, description="settings that go into every request")
    price_prompt: Price | None = Field(default=None, description="of a million tokens of prompts")
    price_completion: Price | None = Field(default=None, description="of a million tokens of answers")
    personas: Annotated[list[Text], Field(max_length=50)] | None = None
    name: Text | None = None
    tags: Tags | None = None

    @model_validator(mode="after")
    def _are_prices_whole(self) -> Self:
        if (self.price_prompt is None) != (self.price_completion is None):
            raise mistake("has one price alone", "give both prices, or none")
        return self

    def request(self) -> GenerationRequest:
        """The generation as the service knows it.

        Raises:
            InputError: there is no such gate, or its threshold is none.
        """
        settings = {} if not isinstance(self.model, ModelForm) else self.model.configuration or {}
        plan = GenerationPlan(
            window_size=self.window_size,
            window_step=self.window_step,
            window_scope=self.window_scope,
            questions_per_window=self.questions_per_window,
            types=self.types or {},
            thresholds=thresholds_of(cast("dict[str, Json]", self.gates or {})),
            rounds=self.rounds,
            seed=self.seed,
            budget_tokens=self.budget_tokens,
            generation=cast("dict[str, Json]", {**settings, **(self.generation or {})}),
            price_prompt=self.price_prompt,
            price_completion=self.price_completion,
            personas=tuple(self.personas or ()),
        )
        choice = model_choice(self.model) if isinstance(self.model, str) else None
        if isinstance(self.model, ModelForm):
            choice = self.model.choice()
        return GenerationRequest(
            documents=tuple(NamedUpload(id=each) for each in self.documents),
            plan=plan,
            generator=self.generator or "",
            model=choice,
            name=self.name or "",
            tags=self.tags or {},
        )


class DatasetEvaluationForm(Form):
    """The body of an evaluation on a data set."""

    model: ModelForm | Word = Field(description="SERVER/NAME, NAME of the server openai, or an object")
    mode: Mode = "oracle_context"
    version: VersionNumber | None = Field(default=None, description="left out = the latest")
    config: Options | None = Field(default=None, description="settings as of a benchmark: limit, judge, ...")
    name: Text | None = None
    tags: Tags | None = None


def read_generation(body: bytes) -> GenerationRequest:
    """The generation that a body asks for.

    Raises:
        InputError: it is no JSON, or names a gate that there is not.
        RefusedBodyError: it has another form; every mistake is told.
    """
    return read_form(GenerationForm, body).request()
