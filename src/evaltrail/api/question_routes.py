"""The endpoints of documents, generations, data sets and edits, and those of seed 003."""

from __future__ import annotations

from functools import partial

from evaltrail.api.backend import Backend
from evaltrail.api.datasets import DatasetRoutes
from evaltrail.api.description import question_examples
from evaltrail.api.documents import DocumentRoutes
from evaltrail.api.endpoint import Endpoint, Wire
from evaltrail.api.event_stream import EVENT_STREAM, LAST_EVENT, EventRoutes
from evaltrail.api.generations import GenerationRoutes
from evaltrail.api.llm_eval import LlmEvalRoutes
from evaltrail.api.question_objects import DATASETS, DOCUMENTS, EDITS, GENERATIONS
from evaltrail.api.question_wire import (
    DatasetEvaluationForm,
    DownloadQuery,
    EditsQuery,
    GenerationForm,
    GenerationsQuery,
    ListQuery,
)
from evaltrail.api.replies import QueryForm
from evaltrail.api.run_pages import RunPageRoutes
from evaltrail.api.submissions import KEY_HEADER

_TAG = "questions"
_SEED = "seed 003"
_IN_BODY = (400, 413, 415, 422)
_KEY = {KEY_HEADER: "the same key and request are the same job; another request under it is refused"}
_NAME = {"File-Name": "what the document is called; a label, never a path"}
_WINDOWS = {
    "Window-Size": "chunks that are read together; default 4",
    "Window-Step": "chunks from one window's begin to the next one's; default 2",
    "Window-Scope": "upload (default), or document: then no window goes over the end of a file",
    "Questions-Per-Window": "default 3",
    "Model-Name": "who writes: SERVER/NAME, or NAME of the server openai; left out = the operator's, else cloze",
}
_MODEL = {
    "Model-Name": "SERVER/NAME, or NAME of the server openai",
    "Benchmark-Uri": "id of a data set, runs:/RUN_ID/PATH.csv, or mlflow-artifacts:/PATH.csv",
    "Mode": "closed_book, oracle_context (default), noisy_context or rag_endpoint",
}
_BYTES: Wire = {"type": "string", "format": "binary"}
_CHUNKS: Wire = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
    "examples": [question_examples()["chunks"]],
}
_FILE: Wire = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": _BYTES, "run_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
}
_DOCUMENT: Wire = {"type": "object", "required": ["file"], "properties": {"file": _BYTES}}


def question_endpoints(backend: Backend) -> tuple[Endpoint, ...]:
    """Every endpoint that has to do with questions."""
    return (
        *_seed(backend),
        *_documents(backend),
        *_generations(backend),
        *_datasets(backend),
        *_runs(backend),
        *_events(backend),
    )


def _seed(backend: Backend) -> tuple[Endpoint, ...]:
    routes = LlmEvalRoutes(backend)
    post = partial(Endpoint, method="POST", tag=_SEED, status=202)
    return (
        post(
            path="/post_json",
            handler=routes.post_json,
            refusals=(*_IN_BODY, 409),
            contents={"application/json": _CHUNKS},
            headers=_NAME | _WINDOWS | _KEY,
        ),
        post(
            path="/upload_data_generation_edits",
            handler=routes.edits,
            refusals=(*_IN_BODY, 409),
            contents={"multipart/form-data": _FILE},
            headers=_KEY,
        ),
        post(path="/evaluate_model", handler=routes.evaluate_model, refusals=(409, 422), headers=_MODEL | _KEY),
    )


def _documents(backend: Backend) -> tuple[Endpoint, ...]:
    routes = DocumentRoutes(backend)
    get = partial(Endpoint, method="GET", tag=_TAG)
    kinds = ("application/json", "application/octet-stream", "application/pdf", "text/plain", "text/markdown")
    return (
        Endpoint(
            method="POST",
            path=DOCUMENTS,
            handler=routes.add,
            tag=_TAG,
            status=201,
            refusals=_IN_BODY,
            contents={**dict.fromkeys(kinds, _BYTES), "multipart/form-data": _DOCUMENT},
            headers=_NAME,
        ),
        get(path=DOCUMENTS, handler=routes.page, refusals=(404, 422), query=ListQuery),
        get(path=f"{DOCUMENTS}/{{document_id}}", handler=routes.show, refusals=(404, 422), query=QueryForm),
    )


def _generations(backend: Backend) -> tuple[Endpoint, ...]:
    routes = GenerationRoutes(backend)
    one = f"{GENERATIONS}/{{generation_id}}"
    get = partial(Endpoint, method="GET", tag=_TAG, refusals=(404, 422), query=QueryForm)
    return (
        Endpoint(
            method="POST",
            path=GENERATIONS,
            handler=routes.submit,
            tag=_TAG,
            status=202,
            refusals=(*_IN_BODY, 409),
            body=GenerationForm,
            examples={"cloze": question_examples()["generation"], "a_model": question_examples()["by_model"]},
            headers=_KEY,
        ),
        get(path=GENERATIONS, handler=routes.page, refusals=(422,), query=GenerationsQuery),
        get(path=one, handler=routes.show),
        Endpoint(method="DELETE", path=one, handler=routes.cancel, tag=_TAG, status=202, refusals=(404, 409, 422)),
        get(path=f"{one}/rejects", handler=routes.rejects, media_type="text/csv"),
        get(path=f"{EDITS}/{{job_id}}", handler=routes.edits),
    )


def _datasets(backend: Backend) -> tuple[Endpoint, ...]:
    routes = DatasetRoutes(backend)
    one = f"{DATASETS}/{{dataset_id}}"
    get = partial(Endpoint, method="GET", tag=_TAG, refusals=(404, 422), query=QueryForm)
    post = partial(Endpoint, method="POST", tag=_TAG, status=202, refusals=(*_IN_BODY, 404, 409), headers=_KEY)
    return (
        get(path=DATASETS, handler=routes.page, query=ListQuery),
        get(path=one, handler=routes.show),
        get(path=f"{one}/versions", handler=routes.versions),
        get(path=f"{one}/download", handler=routes.download, query=DownloadQuery, media_type="text/csv"),
        post(path=f"{one}/edits", handler=routes.edit, query=EditsQuery, contents={"multipart/form-data": _FILE}),
        post(
            path=f"{one}/evaluations",
            handler=routes.evaluate,
            body=DatasetEvaluationForm,
            examples={"oracle": question_examples()["evaluation"]},
        ),
    )


def _runs(backend: Backend) -> tuple[Endpoint, ...]:
    routes = RunPageRoutes(backend)
    get = partial(Endpoint, method="GET", tag=_TAG, status=303, refusals=(404, 409, 422), query=QueryForm)
    return (
        get(path="/api/v1/evaluations/{evaluation_id}/run", handler=routes.evaluation),
        get(path=f"{GENERATIONS}/{{generation_id}}/run", handler=routes.generation),
        get(path=f"{EDITS}/{{job_id}}/run", handler=routes.edits),
    )


def _events(backend: Backend) -> tuple[Endpoint, ...]:
    routes = EventRoutes(backend)
    get = partial(Endpoint, method="GET", tag=_TAG, refusals=(404, 422), query=QueryForm, headers=LAST_EVENT)
    return (
        get(path=f"{GENERATIONS}/{{generation_id}}/events", handler=routes.generation, media_type=EVENT_STREAM),
        get(path=f"{EDITS}/{{job_id}}/events", handler=routes.edits, media_type=EVENT_STREAM),
    )
