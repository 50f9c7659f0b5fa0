"""Run configurations through a real Slurm of one node: submitted, followed, delivered, ended, resumed."""

from __future__ import annotations

import pytest
from installed import until
from launching import Launching

from mlflow_server import runs_in
from slurm_cluster import only_cluster

pytestmark = pytest.mark.slow
SLURM = {"type": "slurm"}
EXPORT = {"destinations": ["mlflow"]}
PARAMS = {"nemo_evaluator_config": {"config": {"params": {"parallelism": 4}}}}


@pytest.fixture(scope="module")
def cluster():
    with only_cluster() as started:
        yield started


@pytest.fixture
def launching(cluster, evaltrail, endpoint, experiment):
    evaltrail.environ |= {name: cluster.environ[name] for name in ("PATH", "SLURM_CONF")}
    return Launching(evaltrail, endpoint.url, experiment)


def state(launching, invocation):
    return launching.status(invocation)["state"]


def submitted(launching, *, count=20, tasks=1, **execution):
    launching.native(
        count=count, evaluation={**PARAMS, "tasks": ["sums.yaml"] * tasks}, execution={**SLURM, **execution}
    )
    done = launching("--json")
    assert done.code == 0, done.err
    return done.object


def test_a_submitted_job_runs_and_delivers_itself(launching, endpoint, mlflow_url):
    """`run` submits and returns; the job leaves the same tree, and the last one delivers all in one run."""
    found = submitted(launching, tasks=2, auto_export=EXPORT)
    assert found["state"] == "pending"
    invocation = found["invocation_id"]
    until(lambda: state(launching, invocation) == "completed", seconds=60, pause=0.2)
    for folder in launching.folders():
        assert (folder / "run.sub").is_file()
        assert (folder / "logs" / "stage.exit").read_text().split()[1] == "0"
        assert (folder / "artifacts" / "results.yml").is_file()
    until(lambda: len(runs_in(mlflow_url, launching.experiment)) == 1, pause=0.2)
    until(lambda: runs_in(mlflow_url, launching.experiment)[0]["info"]["status"] != "RUNNING", pause=0.2)
    (run,) = runs_in(mlflow_url, launching.experiment)
    assert run["info"]["status"] == "FINISHED"
    assert all(line["data"]["slurm_job_id"] for line in launching.lines())
    assert all(line["executor"] == "slurm" for line in launching.lines())
    logs = launching.command("logs", f"{invocation[:8]}.0")
    assert "20 samples are answered" in logs.out


def test_a_slurm_job_is_ended_and_goes_on_from_its_journal(launching, endpoint):
    """`kill` gives the job time to write; `resume` submits it again and asks only what was in flight."""
    endpoint.configure(latency_ms=40)
    invocation = submitted(launching, count=200)["invocation_id"]
    until(lambda: endpoint.stats()["total"] >= 40, seconds=60)
    killed = launching.command("kill", invocation, "--json")
    assert killed.code == 0, killed.err
    until(lambda: state(launching, invocation) == "cancelled", seconds=60, pause=0.2)
    (folder,) = launching.folders()
    until((folder / "artifacts" / ".nemo_evaluator_interrupted").is_file)
    endpoint.configure(latency_ms=1)
    resumed = launching.command("resume", invocation, "--json")
    assert resumed.code == 0, resumed.err
    until(lambda: state(launching, invocation) == "completed", seconds=60, pause=0.2)
    assert endpoint.stats()["unique_ok"] == 200
    assert endpoint.stats()["repeats_after_ok"] <= 4


def test_what_slurm_refuses_is_one_line(launching, endpoint):
    """No such partition: exit code 2 with Slurm's reason, nothing put down."""
    launching.native(count=20, execution={**SLURM, "partition": "no-such-partition"})
    done = launching()
    assert done.code == 2
    assert "partition" in done.errors[0]
    assert launching.lines() == []
