"""What a job asks for, whether a person queued it by `run --detach` or the service accepted it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.submission import Submission
from evaltrail.jobs.claim import Claim
from evaltrail.service.evaluation.broken_task import BROKEN, BrokenTask
from evaltrail.service.evaluation.prepare import Prepared, prepare_apart
from evaltrail.service.working.confining import check_confined
from evaltrail.service.working.dataset_reference import is_reference
from evaltrail.service.working.fetched_dataset import fetch_dataset
from evaltrail.service.working.order_spec import OrderSpec, check_content, spec_from_json
from evaltrail.service.working.submission_spec import SUBMISSION, spec_of_submission, submission_from_json
from evaltrail.service.working.submit import order_of

OF = "evaluation"
"""Key of a spec that names the evaluation which it is about, where that is another job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a unit's job asks for."""

    evaluation_id: str
    spec: OrderSpec
    submission: Submission | None = None
    """Of the service; None = it was checked whole before it was queued."""

    def settings(self, own: Settings) -> Settings:
        """A worker's settings as this job has them."""
        return self.spec.settings(own)

    def prepared(self, settings: Settings) -> Prepared:
        """The order, checked here.

        Raises:
            InputError: it cannot be carried out; of a submission every task by itself tells that.
        """
        if self.submission is not None:
            return prepare_apart(
                self.spec.order(settings.environ), settings, partial(_settings_of, self.submission, self.evaluation_id)
            )
        prepared = order_of(self.spec, settings)
        check_content(self.spec, prepared)
        return prepared

    def check_unit(self, claim: Claim, prepared: Prepared) -> None:
        """Return where the unit's task is the one that was planned.

        Raises:
            InputError: its data or its settings are others by now.
        """
        match claim.place:
            case {"task": int(number), "content": str(content)} if number < len(prepared.tasks):
                task = prepared.tasks[number]
                if isinstance(task, BrokenTask):
                    return  # it tells what is wrong here
                # what nobody could open then was never asked, and is not yet known to be another
                if content not in {task.identity, BROKEN}:
                    raise InputError(
                        f"{task.name!r}, its data or a metric is no longer what it was when the work was planned",
                        code="changed",
                        where=self.spec.request.tasks[number],
                        hint=f"put it back and `evaltrail jobs retry {self.evaluation_id}`, or submit it anew",
                    )


def _settings_of(submission: Submission, evaluation_id: str, settings: Settings, number: int) -> Settings:
    """A worker's settings as one benchmark has them.

    A judge that the request names for it gets the key of its own server or none; the operator's judge, which grades the
    others, keeps its own.

    Raises:
        InputError: the benchmark's files are none of the request's any more, or what it refers to is not there.
        DestinationError: the questions that it refers to cannot be fetched.
    """
    check_confined(submission, settings.home, number)
    task = submission.benchmarks[number].task
    if is_reference(task):
        fetch_dataset(task, evaluation_id, settings)
    if "judge" not in {**submission.model.configuration, **submission.benchmarks[number].config}:
        return settings
    return replace(settings, judge_api_key_env=submission.judge_api_key_env)


def understand(claim: Claim) -> Understood:
    """What the unit's job asks for.

    Raises:
        InputError: this version does not understand it.
    """
    evaluation_id = str(claim.spec.get(OF) or claim.job_id)
    if SUBMISSION not in claim.spec:
        return Understood(evaluation_id=evaluation_id, spec=spec_from_json(claim.spec))
    submission = submission_from_json(claim.spec)
    spec = spec_of_submission(submission, evaluation_id)
    return Understood(evaluation_id=evaluation_id, spec=spec, submission=submission)
