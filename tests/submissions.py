"""Submissions made by hand, accepted by the real acceptor and worked off here."""

from __future__ import annotations

from evaltrail.core.submission import Benchmark, ModelChoice, Submission, SubmissionRequest, SubmittedModel
from evaltrail.jobs.hints import open_hints
from evaltrail.service.submitting.acceptor import Acceptor

MODEL = SubmittedModel(name="baseline:majority")


def request(**more):
    """What a submission could be made of."""
    return SubmissionRequest(model=ModelChoice(name="baseline:majority"), **more)


def submission(*tasks, **more):
    """One of task files, or of ``provider/task`` with its settings."""
    made = []
    for task in tasks:
        name, config = task if isinstance(task, tuple) else (task, {})
        provider, _, plain = str(name).partition("/")
        if str(name).endswith(".yaml"):
            provider, plain = "native", name.stem
        made.append(Benchmark(id=plain, provider_id=provider, config=config, task=str(name)))
    return Submission(**{"model": MODEL, "benchmarks": tuple(made), "experiment": "eval-hub_x", **more})


def accepted(queue, settings, made, **more):
    """The accepted submission."""
    with open_hints(settings) as hints, Acceptor(queue, hints) as acceptor:
        return acceptor.accept(made, request(), **more).result(30)
