"""The verdict over a submission's result, for the documents and the run that tell of it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import msgspec

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.result import ResultBundle
from evaltrail.core.submission import Submission
from evaltrail.core.values import Json
from evaltrail.service.catalog.measured import judged, results_by_benchmark
from evaltrail.service.evaluation.result_documents import Appraisal, Appraise


def appraiser(submission: Submission) -> Appraise:
    """What appraises the result of a submission: its benchmarks' primary scores, weights and thresholds."""

    def appraise(bundle: ResultBundle) -> Appraisal:
        own = results_by_benchmark(submission.benchmarks, bundle.tasks)
        verdict = judged(submission, own)
        whole = cast("dict[str, Json]", msgspec.to_builtins(verdict))
        each = cast("list[dict[str, Json]]", whole.pop("benchmarks"))
        tasks = {results[0].name: said for results, said in zip(own, each, strict=True) if results}
        return Appraisal(whole=whole, tasks=tasks)

    return appraise


def with_verdict(options: DeliveryOptions, submission: Submission | None, bundle: ResultBundle) -> DeliveryOptions:
    """The options with the verdict among the run's tags, where the submission asked for one.

    Args:
        options: how the bundle is to land.
        submission: that it is of; None = nobody asked.
        bundle: the finished result.
    """
    asked = submission is not None and (
        submission.collection
        or submission.threshold is not None
        or any(each.threshold is not None for each in submission.benchmarks)
    )
    if submission is None or not asked:
        return options
    verdict = judged(submission, results_by_benchmark(submission.benchmarks, bundle.tasks))
    score = {} if verdict.score is None else {"score": f"{verdict.score:.6g}"}
    return replace(options, tags={**options.tags, "verdict": verdict.verdict, **score})
