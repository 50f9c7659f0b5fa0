"""Decoding: what several threads decode is made known to msgspec before they begin.

msgspec 0.22 lets a second thread see what it knows of a class while the first is still finding it out, and crashes
(measured Nov 2026: one process in some hundreds; every time with a switch interval of a microsecond).
"""

from __future__ import annotations

import msgspec

from evaltrail.bundle.layout import Manifest
from evaltrail.core.delivery import Receipt, Skipped
from evaltrail.core.sample import Sample
from evaltrail.destinations.mlflow.rest_bodies import (
    ErrorBody,
    ExperimentBody,
    FilesBody,
    NewExperimentBody,
    RunBody,
    RunsBody,
)
from evaltrail.destinations.mlflow.run_plan import RunPlan
from evaltrail.destinations.mlflow.trace import PlannedTrace

KINDS = (
    ErrorBody,
    ExperimentBody,
    FilesBody,
    Manifest,
    NewExperimentBody,
    PlannedTrace,
    Receipt,
    RunBody,
    RunPlan,
    RunsBody,
    Sample,
    Skipped,
)
"""Every class of ours that is decoded while bundles are read and delivered."""


def prepare_decoding() -> None:
    """Let msgspec find out about these classes, in one thread."""
    for kind in KINDS:
        msgspec.json.Decoder(kind)
