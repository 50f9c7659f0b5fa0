"""A judge by a rubric of one's own; its model is named as in `judges.py`."""

from __future__ import annotations

from heuristics import DATA, model_predict

from evaltrail import evaluate
from evaltrail.metrics import EvaluationExample, make_genai_metric

politeness = make_genai_metric(
    name="politeness",
    definition="How politely the answer speaks to who asked.",
    grading_prompt="Rate it on a scale of 1-5, where 1 is rude and 5 is very polite.",
    examples=[
        EvaluationExample(
            input="What is Spark?",
            output="Gladly: Spark processes data on many machines.",
            score=5,
            justification="It greets the question and answers it.",
        ),
        EvaluationExample(
            input="What is Spark?", output="Look it up.", score=1, justification="It sends who asked away."
        ),
    ],
    aggregations=["mean", "min", "p90"],
)

if __name__ == "__main__":
    results = evaluate(model=model_predict, data=DATA, targets="ground_truth", extra_metrics=[politeness])
    print(results.metrics)
    print(results.errors)
