"""The unit that tells somebody, by a POST, that an evaluation has ended."""

from __future__ import annotations

import msgspec

from evaltrail.config.settings import Settings
from evaltrail.core.errors import BusyError, InputError
from evaltrail.jobs.hold import Done, Hold
from evaltrail.models.outside import allowed_places
from evaltrail.service.answering.account import EvaluationAccount
from evaltrail.service.answering.answers import Answers
from evaltrail.service.working.callback import send_callback
from evaltrail.service.working.understanding import OF

_VERSION = 1


def call_back(hold: Hold, settings: Settings) -> Done:
    """The callback, sent and received.

    Args:
        hold: a unit of such a job.
        settings: of this process: the secret that signs, and what requests may reach.

    Raises:
        BusyError: the evaluation is being done again; it is sent when that has ended.
        EndpointError: nobody took it; it is sent again.
        InputError: it can never be sent.
    """
    spec = hold.claim.spec
    url, evaluation_id = spec.get("url"), spec.get(OF)
    if spec.get("version") != _VERSION or not isinstance(url, str) or not isinstance(evaluation_id, str):
        raise InputError("the callback is not understood", code="bad_spec", hint="submit the evaluation anew")
    account = Answers(settings, hold.queue).evaluation(evaluation_id)
    if not account.is_over:
        raise BusyError(f"evaluation {evaluation_id} is tried again", hint="its next end is what is told")
    body = callback_body(account)
    hold.check_ours()
    secret = settings.environ.get("EVALTRAIL_CALLBACK_SECRET", "")
    send_callback(url, body, secret, allowed_places(settings.environ))
    return Done()


def callback_body(account: EvaluationAccount) -> bytes:
    """What a receiver is told, as JSON: how the evaluation ended, and where there is more of it."""
    return msgspec.json.encode(
        {
            "event": "evaluation.ended",
            "id": account.id,
            "name": account.name,
            "status": account.state,
            "message": account.message.message,
            "experiment": account.experiment.name,
            "model": account.model.name,
            "created_at": account.created_at,
            "started_at": account.started_at,
            "ended_at": account.ended_at,
            "benchmarks": [
                {
                    "id": benchmark.id,
                    "provider_id": benchmark.provider_id,
                    "status": benchmark.state,
                    "error": benchmark.error.message if benchmark.error else None,
                }
                for benchmark in account.benchmarks
            ],
            "mlflow_sync": account.mlflow_sync,
            "links": dict(account.links),
        }
    )
