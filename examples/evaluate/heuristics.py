"""A function's answers scored without any model: offline, in milliseconds, landed in MLflow."""

from __future__ import annotations

from evaltrail import evaluate

DATA = {
    "inputs": ["What is MLflow?", "What is Spark?"],
    "ground_truth": ["MLflow tracks machine learning models for life.", "Spark processes big data on many machines."],
}


def model_predict(inputs: list[str]) -> list[str]:
    """Answers for all questions at once; one question at a time would do as well."""
    known = {
        "What is MLflow?": "MLflow tracks machine learning models.",
        "What is Spark?": "Spark processes data on many machines.",
    }
    return [known[question] for question in inputs]


if __name__ == "__main__":
    results = evaluate(
        model=model_predict,
        data=DATA,
        targets="ground_truth",
        metrics=["token_count", "toxicity", "bleu", "rougeL"],
    )
    print(results.metrics)
    print(results.tables["eval_results_table"])
