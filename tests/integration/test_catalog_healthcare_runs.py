"""The collection that the seed's tags mean runs offline: its data from a mirror, its model a mock."""

from __future__ import annotations

import pytest

from evaltrail.service.catalog.layers import shipped_shelf
from evaltrail.service.catalog.verdict import judge
from healthcare_mirror import healthcare_mirror
from lm_eval_tasks import make_task, run_task
from mock_endpoint import MockEndpoint

pytestmark = pytest.mark.slow


def test_every_benchmark_of_the_collection_runs_here(tmp_path):
    """Each leaves its primary metric under the name that the catalog has, so that there is a verdict."""
    benchmarks = shipped_shelf().collection_for({"compliance": "healthcare"}).benchmarks
    mirror = healthcare_mirror(tmp_path / "mirror")
    measured = {}
    with MockEndpoint() as endpoint:
        for place, benchmark in enumerate(benchmarks):
            folder = tmp_path / benchmark.id
            folder.mkdir()
            (result,) = run_task(make_task(benchmark.id, endpoint.url, mirror=mirror), folder).tasks
            measured[place] = {metric.name: metric.value for metric in result.metrics}
    found = judge(benchmarks, measured, 0.0)
    assert (found.missing, found.verdict) == ((), "pass")
    assert [one.metric for one in found.benchmarks] == ["acc,none"] * len(benchmarks)
