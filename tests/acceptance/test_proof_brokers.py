"""Queued evaluations on a broker and PostgreSQL, however often what works is killed: one whole run."""

from __future__ import annotations

import pytest
from proof_place import killed_and_landed

pytestmark = pytest.mark.slow

POINTS = {"rabbitmq": 5, "redis": 5}


@pytest.mark.parametrize("name", POINTS)
def test_killed_at_random_points_it_lands_whole_and_once(place, name, tracking, experiment, mlflow_url):
    """kill -9 of workers, parts of them, servers, who delivers: only what was in flight is asked again; one run."""
    landed = killed_and_landed(place, name, POINTS[name], tracking, experiment, mlflow_url)
    assert landed == ("FINISHED", 0.9)
