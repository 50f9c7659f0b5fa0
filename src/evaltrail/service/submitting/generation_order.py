"""From a request to a generation that can be queued: documents, model, plan; every mistake found at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TypeVar

from evaltrail.config.service_settings import ServiceSettings
from evaltrail.core.errors import InputError, PartialError
from evaltrail.core.generation import GenerationPlan, Thresholds
from evaltrail.core.ids import digest, nearest
from evaltrail.core.question import QUESTION_TYPES
from evaltrail.core.submission import ModelChoice, SubmittedModel
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.labels import check_tag_names
from evaltrail.generation.windows import make_windows
from evaltrail.jobs.order import NewJob
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.generating.order import NamedUpload
from evaltrail.service.submitting.benchmark_settings import check_settings
from evaltrail.service.submitting.resolve import resolve_model
from evaltrail.service.working.found_by import job_name, labels
from evaltrail.service.working.generation_spec import (
    GENERATION,
    GenerationSpec,
    generate_unit,
    generation_to_json,
)
from evaltrail.store.document_store import DocumentStore, StoredUpload

_Value = TypeVar("_Value")
_MOST_DOCUMENTS = 1000
_MOST_QUESTIONS = 1_000_000
_MOST_OF_WINDOW = 1_000_000
_USUAL_SERVER = "openai"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """A generation as it was asked for, whichever face it came in by."""

    documents: tuple[NamedUpload, ...]
    """Kept already; ids may be cut short."""
    plan: GenerationPlan = field(default_factory=GenerationPlan)
    """Its generator is found out."""
    generator: str = ""
    """``llm`` or ``cloze``; empty = llm where there is a model, named or by the operator's setting."""
    model: ModelChoice | None = None
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def model_choice(named: str) -> ModelChoice:
    """The model that ``NAME`` (of the server `openai`) or ``SERVER/NAME`` means; baselines are of no server."""
    if named.strip().startswith("baseline:"):
        return ModelChoice(name=named.strip())
    server, slash, name = named.strip().partition("/")
    return ModelChoice(name=name, server=server) if slash else ModelChoice(name=server, server=_USUAL_SERVER)


def resolve_generation(
    request: GenerationRequest, catalog: Catalog, settings: ServiceSettings, store: DocumentStore
) -> GenerationSpec:
    """The generation that a request means.

    Args:
        request: as it was sent, its fields of the right types.
        catalog: of the service.
        settings: of the service.
        store: of documents.

    Raises:
        InputError: something of it cannot be.
        PartialError: several things cannot be; each with the path of its field in ``where``.
    """
    found = _Mistakes()
    uploads = _documents(request.documents, store, found)
    model = _model(request, catalog, settings, found)
    found.add(_plan_mistakes(request, settings))
    found.attempt("tags", lambda: check_tag_names(request.tags))
    found.refuse()
    plan = replace(request.plan, generator="cloze" if model is None else "llm")
    return GenerationSpec(uploads=uploads, plan=plan, model=model, name=request.name, tags=request.tags)


def check_generation(request: GenerationRequest, catalog: Catalog, settings: ServiceSettings) -> None:
    """Find what is wrong with a request before its documents are kept; see ``resolve_generation``.

    Raises:
        InputError, PartialError: something is, beside that no document is named yet.
    """
    found = _Mistakes()
    _model(request, catalog, settings, found)
    found.add(_plan_mistakes(request, settings))
    found.refuse()


def generation_job(spec: GenerationSpec, *, key: str = "", priority: int = 0, queue: str = "default") -> NewJob:
    """The job of a generation.

    Args:
        spec: resolved.
        key: the same key and the same request are the same generation; empty = each is a new one.
        priority: from -100 to 100; higher goes first.
        queue: which of the queues.
    """
    body = generation_to_json(spec)
    model = spec.plan.generator if spec.model is None else spec.model.name
    first = spec.uploads[0].name or spec.uploads[0].id
    return NewJob(
        kind=GENERATION,
        spec=body,
        units=(generate_unit(),),
        name=job_name(spec.name or first),
        queue=queue,
        priority=priority,
        idempotency_key=key,
        body_digest=digest([dict(body), queue, priority]) if key else "-",
        labels={**labels(spec.tags, model=model), "document": spec.uploads[0].id},
    )


class _Mistakes:
    """What is wrong with a request."""

    def __init__(self) -> None:
        self._found: list[InputError] = []

    def add(self, more: Iterable[InputError]) -> None:
        """Note mistakes that were found."""
        self._found += more

    def attempt(self, where: str, work: Callable[[], _Value]) -> _Value | None:
        """What the work comes to; None where it finds a mistake, which is told with all others."""
        try:
            return work()
        except PartialError as error:
            self._found += [each for each in error.errors if isinstance(each, InputError)]
        except InputError as error:
            error.where = error.where or where
            self._found.append(error)
        return None

    def refuse(self) -> None:
        """Raise what was found."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise PartialError(self._found, exit_code=InputError.exit_code)


def _documents(named: Sequence[NamedUpload], store: DocumentStore, found: _Mistakes) -> tuple[NamedUpload, ...]:
    """The documents under their whole ids."""
    if not named:
        found.add([_wrong("documents", "no document is named", "send one first: POST /api/v1/documents tells its id")])
    if len(named) > _MOST_DOCUMENTS:
        hint = f"{_MOST_DOCUMENTS:,} are allowed; start several generations"
        found.add([_wrong("documents", f"{len(named):,} documents", hint)])
        return ()
    known: dict[str, NamedUpload] = {}
    for number, each in enumerate(named):
        where = f"documents.{number}"
        stored = found.attempt(where, partial(_stored, each.id, store))
        if stored is None:
            continue
        if stored.id in known:
            found.add([_wrong(where, "the document is named twice", "name each document once")])
        known[stored.id] = replace(each, id=stored.id, name=each.name or stored.name)
    return tuple(known.values())


def _stored(upload_id: str, store: DocumentStore) -> StoredUpload:
    try:
        return store.get(upload_id)
    except InputError as error:
        raise InputError(error.message, code="unknown_document", hint=error.hint) from error


def _model(
    request: GenerationRequest, catalog: Catalog, settings: ServiceSettings, found: _Mistakes
) -> SubmittedModel | None:
    """Who writes the questions; None = nobody has to."""
    if request.generator == "cloze":
        if request.model is not None:
            found.add([_wrong("model", "the generator cloze asks no model", "leave the model out, or use llm")])
        return None
    choice = request.model or (model_choice(settings.generation_model) if settings.generation_model else None)
    if choice is None:
        if request.generator == "llm":
            hint = "name one, or use cloze; the operator may set EVALTRAIL_GENERATION_MODEL"
            found.add([_wrong("model", "no model is named", hint)])
        return None
    if choice.name.startswith("baseline:") or not choice.name:
        said = f"{choice.name} writes no questions" if choice.name else "the model has no name"
        found.add([_wrong("model", said, "name a model at an endpoint, or use cloze")])
        return None
    return found.attempt("model", lambda: resolve_model(choice, catalog, settings))


def _plan_mistakes(request: GenerationRequest, settings: ServiceSettings) -> list[InputError]:
    plan = request.plan
    found = list(check_settings("", plan.generation, "generation", settings.data_root))
    try:
        make_windows(1, size=plan.window_size, step=plan.window_step)
    except InputError as error:
        error.where = error.where or "window_size"
        found.append(error)
    whole = {"window_size": plan.window_size, "window_step": plan.window_step}
    found += [
        _wrong(name, f"{value:,} chunks", f"{_MOST_OF_WINDOW:,} at most")
        for name, value in whole.items()
        if value > _MOST_OF_WINDOW
    ]
    for name, count in plan.types.items():
        if name not in QUESTION_TYPES:
            hint = nearest(name, QUESTION_TYPES) or f"known: {', '.join(QUESTION_TYPES)}"
            found.append(_wrong(f"types.{name}", f"there is no type {name!r:.60}", hint))
        elif not 0 <= count <= _MOST_QUESTIONS:
            found.append(_wrong(f"types.{name}", f"{count:,} questions", f"0 to {_MOST_QUESTIONS:,}"))
    if plan.types and not sum(plan.types.values()):
        found.append(_wrong("types", "not one question is asked for", "ask for some, or leave the types out"))
    return found


def thresholds_of(gates: Mapping[str, Json]) -> Thresholds:
    """The thresholds that a request names, the others at their defaults.

    Args:
        gates: name to what a question has to reach, from 0 to 1; 0 = the gate is left out.

    Raises:
        InputError: there is no such gate, or its value is no such number.
    """
    names = tuple(each.name for each in fields(Thresholds))
    given: dict[str, float] = {}
    for name, value in gates.items():
        if name not in names:
            hint = nearest(name, names) or f"known: {', '.join(names)}"
            raise InputError(f"there is no gate {name!r:.60}", code="unknown_gate", where=f"gates.{name}", hint=hint)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise _wrong(f"gates.{name}", f"{value!r:.40} is no threshold", "give a number from 0 to 1")
        given[name] = float(value)
    return Thresholds(**given)


def _wrong(where: str, message: str, hint: str) -> InputError:
    return InputError(message, code="bad_request", where=where, hint=hint)
