"""What tells one order from another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.service.evaluation.order import Order
from evaltrail.service.evaluation.prepare import prepare
from native_tasks import records, write_data, write_task


@pytest.fixture
def order(tmp_path):
    """An order of three records to an endpoint nobody asks."""
    write_data(tmp_path / "data.jsonl", records(3))
    task = write_task(tmp_path)
    target = ModelTarget(id="m", url="http://127.0.0.1:9/v1", headers={"X-Route": "a"})
    return Order(request=EvaluationRequest(tasks=(str(task),), target=target), delivery=None)


def _key(order, tmp_path):
    return prepare(order, load_settings({"EVALTRAIL_HOME": str(tmp_path)}, None)).resume_key


@pytest.mark.parametrize(
    "change",
    [{"id": "n"}, {"url": "http://127.0.0.1:10/v1"}, {"headers": {"X-Route": "b"}}, {"headers": {}}],
)
def test_another_target_is_other_work(order, tmp_path, change):
    """Model, URL and every header, its value included, tell evaluations apart."""
    other = replace(order, request=replace(order.request, target=replace(order.request.target, **change)))
    assert _key(other, tmp_path) != _key(order, tmp_path)


def test_patience_and_delivery_do_not_make_other_work(order, tmp_path):
    """More slots, more retries or another folder go on with what was begun."""
    limits = RequestLimits(concurrency=3, max_retries=1)
    other = replace(order, request=replace(order.request, limits=limits), out=tmp_path / "out", allow_unscored=0.5)
    assert _key(other, tmp_path) == _key(order, tmp_path)


@pytest.mark.parametrize(
    "limits",
    [{"concurrency": 0}, {"max_retries": -1}, {"timeout_s": 0}, {"timeout_s": float("nan")}, {"rpm": 0}, {"tpm": -5}],
)
def test_limits_that_mean_nothing_are_refused(order, tmp_path, limits):
    """Also from Python, where no flag checks them."""
    other = replace(order, request=replace(order.request, limits=RequestLimits(**limits)))
    with pytest.raises(InputError, match=r"not|no time|below"):
        _key(other, tmp_path)
