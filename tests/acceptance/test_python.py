"""`evaltrail.run` from Python, as a script of the user's."""

from __future__ import annotations

import json

import pytest
from sums import write_sums

_ALONE = """
import json, sys
import evaltrail

result = evaltrail.run("sums.yaml", model="m", url=sys.argv[1], experiment=sys.argv[2], tags={"team": "blue"})
metric = result.metrics["sums/exact_match"]
print(json.dumps({"value": metric.value, "n": metric.n, "run_id": result.receipts[0].run_id,
                  "samples": len(list(result.samples["sums"])), "mlflow": "mlflow" in sys.modules}))
"""

_BELOW = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow
import evaltrail

mlflow.set_tracking_uri(sys.argv[3])
mlflow.set_experiment(sys.argv[2])
with mlflow.start_run() as parent:
    result = evaltrail.run("sums.yaml", model="m", url=sys.argv[1])
print(json.dumps({"parent": parent.info.run_id, "child": result.receipts[0].run_id}))
"""


def _script(evaltrail, program, *words):
    done = evaltrail.python(program, *words)
    assert done.code == 0, done.err
    return json.loads(done.out.splitlines()[-1])


def test_run_gives_metrics_samples_and_receipts_without_importing_mlflow(evaltrail, endpoint, tracking, experiment):
    """The Python face lands the same run as the command, over HTTP without MLflow's own import."""
    write_sums(evaltrail.cwd, 20)
    said = _script(evaltrail, _ALONE, endpoint.url, experiment)
    assert (said["value"], said["n"], said["samples"], said["mlflow"]) == (0.9, 20, 20, False)
    landed = tracking.run(experiment)
    assert (landed.info.run_id, landed.data.tags["team"]) == (said["run_id"], "blue")


@pytest.mark.slow
def test_an_active_run_becomes_the_parent(evaltrail, endpoint, tracking, experiment, mlflow_url):
    """Within `with mlflow.start_run()` the evaluation lands below that run, in its experiment."""
    write_sums(evaltrail.cwd, 10)
    said = _script(evaltrail, _BELOW, endpoint.url, experiment, mlflow_url)
    child = tracking.client.get_run(said["child"])
    assert child.data.tags["mlflow.parentRunId"] == said["parent"]
    assert child.info.experiment_id == tracking.client.get_run(said["parent"]).info.experiment_id
