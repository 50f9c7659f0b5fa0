"""The page on questions, done as it stands there."""

from __future__ import annotations

import pytest
from reader import paste, whole_page


@pytest.mark.slow
def test_the_page_on_questions_works_as_written(evaltrail):
    """Every block of the tour in one shell, then the Python: exit code 0, and a data set that was evaluated on."""
    done = paste(evaltrail, whole_page("docs/generate.md"))
    assert "baseline:extractive" in done.out
    assert "->" in done.out
    assert (evaltrail.cwd / "questions.csv").read_bytes() == (evaltrail.cwd / "again.csv").read_bytes()
