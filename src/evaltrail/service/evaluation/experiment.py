"""Where evaluations on questions land. In a file of its own, as what makes the questions loads nothing of the tasks."""

from __future__ import annotations

EXPERIMENT = "evaluation"
"""Experiment of evaluations on data sets of questions, as seed 003 calls it."""
