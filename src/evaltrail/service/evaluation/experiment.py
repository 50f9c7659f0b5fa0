"""Where evaluations on questions land. In a file of its own, as what makes the questions loads nothing of the tasks."""

from __future__ import annotations

EXPERIMENT = "evaluation"
"""Experiment of evaluations on data sets of questions, as seed 003 calls it."""
DESCRIPTION = "Models evaluated on data sets of questions; each run is one evaluation"
"""What such an experiment is of, whichever evaluation is the first in it."""
