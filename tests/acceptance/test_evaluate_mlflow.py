"""`evaltrail.evaluate` with MLflow's own objects: its metrics, judges, scorers and datasets."""

from __future__ import annotations

import json

import pytest

from judge_server import JudgeServer

_PROGRAM = """
import json, warnings
warnings.simplefilter("ignore")  # MLflow says that its metrics are deprecated
import mlflow, pandas as pd
from mlflow.genai.scorers import scorer
from mlflow.metrics import exact_match, make_metric
from mlflow.metrics.genai import EvaluationExample, make_genai_metric
from evaltrail import evaluate

@scorer
def short(inputs, outputs):
    return len(outputs) < len(inputs["question"])

def longer(predictions, targets):
    return [float(len(one) > len(other)) for one, other in zip(predictions, targets)]

tone = make_genai_metric(
    name="tone", definition="How calm it is.", grading_prompt="Rate on a scale of 1-5.", model="openai:/judge",
    examples=[EvaluationExample(input="i", output="o", score=3, justification="so")],
)
table = pd.DataFrame({"inputs": ["2+2?", "3+3?"], "ground_truth": ["4", "7"]})
data = mlflow.data.from_pandas(table, targets="ground_truth", name="sums")
own = make_metric(eval_fn=longer, greater_is_better=False, name="longer")
result = evaluate(lambda inputs: ["4", "6"], data, metrics=[exact_match(), own, short, tone], experiment=EXPERIMENT)
print(json.dumps({"metrics": result.metrics, "errors": [str(error) for error in result.errors]}))
"""


@pytest.mark.slow
def test_mlflows_own_objects_work(evaltrail, tracking, experiment):
    """Metrics row by row, a genai metric by our engine, a scorer as it is, a dataset under its name."""
    with JudgeServer(lambda _: {"rationale": "calm", "score": 4}) as judge:
        evaltrail.environ["OPENAI_API_BASE"] = judge.url
        done = evaltrail.python(f"EXPERIMENT = {experiment!r}\n{_PROGRAM}")
        assert [body["model"] for body in judge.bodies] == ["judge"] * 2
    assert done.code == 0, done.err
    found = json.loads(done.out.splitlines()[-1])
    assert found["errors"] == []
    expected = {"exact_match": 0.5, "longer": 0.0, "short": 1.0, "tone": 4.0}
    assert expected.items() <= found["metrics"].items()
    run = tracking.run(experiment)
    assert [item.dataset.name for item in run.inputs.dataset_inputs] == ["sums"]
    assert run.data.metrics == found["metrics"]
