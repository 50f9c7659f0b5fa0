"""A home with its queue, in which this process is the only worker."""

from __future__ import annotations

import json
import os

import pytest

from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import load_settings
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.hold import Hold
from evaltrail.service.evaluation.order import Order
from evaltrail.service.history.queued import describe_entries
from evaltrail.service.working.execute import UnitExecutor
from evaltrail.service.working.submit import check_order, submit_order
from evaltrail.store.ledger import Ledger

GOOD = ModelTarget(id="baseline:majority")


class Shop:
    """Orders, accepted and worked off.

    Args:
        folder: its own.
        environ: further variables.
    """

    def __init__(self, folder, **environ):
        self.folder = folder
        self.settings = load_settings(
            {
                "EVALTRAIL_HOME": str(folder / "home"),
                "EVALTRAIL_COMMANDS_DIR": str(folder / "commands"),
                "PATH": os.environ["PATH"],
                **environ,
            },
            dotenv=None,
        )

    def order(self, *tasks, delivery=None, **more):
        request = EvaluationRequest(
            **{"tasks": tuple(map(str, tasks)), "target": GOOD, "limits": RequestLimits(concurrency=2), **more}
        )
        return Order(request=request, delivery=delivery)

    def submit(self, queue, *tasks, key="", **more):
        checked = check_order(self.order(*tasks, **more), self.settings)
        return submit_order(checked, self.settings, queue, idempotency_key=key)

    def work_off(self, queue, *, most=200):
        """Do what is due until nothing is."""
        executor = UnitExecutor(self.settings)
        for _ in range(most):
            claim = queue.claim("here")
            if claim is None:
                return
            carry_out(Hold(queue, claim), queue, executor, first_pause_s=0.0)
        pytest.fail("it never ends")

    def result(self, job_id):
        return json.loads(Ledger(self.settings.home).find(job_id).result)

    def bundle(self, job_id):
        return read_bundle(self.settings.home / "runs" / job_id)

    def described(self, job_id):
        (found,) = describe_entries([Ledger(self.settings.home).find(job_id)], self.settings)
        return found
