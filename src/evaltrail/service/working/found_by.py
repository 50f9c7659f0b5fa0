"""What evaluations of the service are found by in the queue, and the jobs that belong to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from evaltrail.core.submission import Submission

CALLBACK = "callback"
"""The kind of the jobs that tell somebody that an evaluation has ended, and of their unit."""
_NAME_CHARACTERS = 200
_LABEL_CHARACTERS = 300
"""Longer ones are found by their beginning."""


def job_name(text: str) -> str:
    """The name of a job that an evaluation of that name has."""
    return text[:_NAME_CHARACTERS]


def labels(
    tags: Mapping[str, str],
    words: Collection[str] = (),
    *,
    experiment: str = "",
    model: str = "",
    collection: str = "",
    tenant: str = "",
) -> Mapping[str, str]:
    """The labels of a job of which so much is known; a tag may be empty, all else is then left out.

    Args:
        tags: of the experiment, as they are stored.
        words: that the evaluation bears without a value.
        experiment: its whole name.
        model: its name.
        collection: its id.
        tenant: whose it is said to be.
    """
    told = {"experiment": experiment, "model": model, "collection": collection, "tenant": tenant}
    known = {key: value for key, value in told.items() if value}
    known |= {f"tag:{key}": tags[key] for key in tags} | {f"label:{word}": "" for word in words}
    return {key[:_LABEL_CHARACTERS]: value[:_LABEL_CHARACTERS] for key, value in known.items()}


def labels_of(submission: Submission) -> Mapping[str, str]:
    """The labels of the submission's job."""
    return labels(
        submission.tags,
        submission.labels,
        experiment=submission.experiment,
        model=submission.model.name,
        collection=submission.collection,
        tenant=submission.tenant,
    )
