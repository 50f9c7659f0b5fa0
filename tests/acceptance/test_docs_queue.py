"""The page on the queue, run as a reader would."""

from __future__ import annotations

import pytest
from reader import blocks, paste


@pytest.mark.slow
def test_the_page_on_the_queue_works_as_written(evaltrail, endpoint, tracking):
    """An order is accepted, a worker carries it out and leaves, and one run has landed."""
    (tour,) = blocks("docs/queue.md", "sh tour")
    paste(evaltrail, tour, ends_at_errors=False, URL=endpoint.url, MODEL="m")
    assert [run.info.status for run in tracking.runs("queue")] == ["FINISHED"]
