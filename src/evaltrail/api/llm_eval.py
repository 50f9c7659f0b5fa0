"""The routes of seed 003: chunks in, edited questions in, a model evaluated on a benchmark."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.backend import Backend
from evaltrail.api.datasets import accept_evaluation
from evaltrail.api.edits_upload import take_edits
from evaltrail.api.links import address_of
from evaltrail.api.llm_eval_headers import (
    BENCHMARK_URI,
    FILE_NAME,
    MODE,
    MODEL_NAME,
    header_text,
    plan_of,
    shown,
)
from evaltrail.api.question_objects import GENERATIONS
from evaltrail.api.replies import QueryForm, check_json_type, json_reply, read_query
from evaltrail.api.request_record import record_of
from evaltrail.api.submissions import REPLAYED_HEADER, idempotency_key
from evaltrail.core.errors import EvaltrailError, InputError, PartialError
from evaltrail.core.submission import BenchmarkChoice, SubmissionRequest
from evaltrail.service.submitting.dataset_choice import DATASET
from evaltrail.service.submitting.generation_order import model_choice
from evaltrail.service.submitting.received import received_body
from evaltrail.service.submitting.upload_desk import JsonOrder, StartedGeneration

_EVALUATIONS = "/api/v1/evaluations"
_HEADERS = {"model": MODEL_NAME, "benchmarks.0.id": BENCHMARK_URI, "benchmarks.0.config": MODE}
"""Field of a submission to the header that says it here."""


class LlmEvalRoutes:
    """Speaks as seed 003 does.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def post_json(self, request: Request) -> Response:
        """Send a list of chunks, of which questions are made."""
        read_query(QueryForm, request)
        check_json_type(request)
        model = header_text(request, MODEL_NAME)
        order = JsonOrder(
            name=header_text(request, FILE_NAME),
            plan=plan_of(request),
            model=model_choice(model) if model else None,
            key=idempotency_key(request),
        )
        desk = self._backend.desk
        try:
            async with received_body(request.stream(), self._backend.documents) as file:
                started = await desk.serve(file, partial(desk.generate_from_json, file, order))
        except (InputError, PartialError) as error:
            _place_in_headers(error)
            raise
        record_of(request.scope).job_id = started.job_id
        headers = {"Location": f"{GENERATIONS}/{started.job_id}"}
        return json_reply(
            started_object(request, started), 202, headers if started.is_new else {**headers, REPLAYED_HEADER: "true"}
        )

    async def edits(self, request: Request) -> Response:
        """Send edited questions: the file of a form, with run_id where they go into a run that there is."""
        read_query(QueryForm, request)
        return await take_edits(request, self._backend)

    async def evaluate_model(self, request: Request) -> Response:
        """Evaluate a model on a benchmark that headers name."""
        read_query(QueryForm, request)
        model, uri = _needed(request, MODEL_NAME), _needed(request, BENCHMARK_URI)
        mode = header_text(request, MODE)
        wanted = SubmissionRequest(
            model=model_choice(model),
            benchmarks=(BenchmarkChoice(id=uri, provider_id=DATASET, config={"mode": mode} if mode else {}),),
        )
        try:
            account, is_new = await accept_evaluation(request, self._backend, wanted)
        except (InputError, PartialError) as error:
            _place_in_headers(error)
            raise
        own = f"{_EVALUATIONS}/{account.id}"
        told = {
            "job_id": account.id,
            "status": account.state,
            "status_url": address_of(request, own),
            "run_url": address_of(request, f"{own}/run"),
            "model_name": model,
            "benchmark_uri": uri,
            "mode": account.benchmarks[0].config.get("mode"),
        }
        headers = {"Location": own}
        return json_reply(told, 202, headers if is_new else {**headers, REPLAYED_HEADER: "true"})


def started_object(request: Request, started: StartedGeneration) -> dict[str, object]:
    """What is told of a generation that was accepted.

    Args:
        request: that is answered.
        started: the generation.
    """
    own = f"{GENERATIONS}/{started.job_id}"
    plan, model = started.spec.plan, started.spec.model
    return {
        "job_id": started.job_id,
        "status": "pending",
        "status_url": address_of(request, own),
        "run_url": address_of(request, f"{own}/run"),
        "document_id": started.document.stored.id,
        "file_name": started.document.name,
        "chunks": started.document.chunks,
        "window_size": plan.window_size,
        "window_step": plan.window_step,
        "window_scope": plan.window_scope,
        "questions_per_window": plan.questions_per_window,
        "generator": plan.generator,
        "model": None if model is None else f"{model.server}/{model.name}",
    }


def _needed(request: Request, names: tuple[str, ...]) -> str:
    found = header_text(request, names)
    if found:
        return found
    name = shown(names)
    raise InputError(f"the header {name} is missing", code="missing_header", where=name, hint=f"send {name}: ...")


def _place_in_headers(error: EvaltrailError) -> None:
    """Name the headers where errors name the fields of a submission."""
    for each in error.errors if isinstance(error, PartialError) else (error,):
        for field, names in _HEADERS.items():
            if each.where == field or each.where.startswith(f"{field}."):
                each.where = shown(names)
                break
