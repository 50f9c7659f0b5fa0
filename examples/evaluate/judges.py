"""A function's answers graded by a model.

The judge is the one that EVALTRAIL_JUDGE names, such as `openai:/gpt-4o-mini` (with OPENAI_API_KEY) or
`http://localhost:8000/v1#my-model`.
"""

from __future__ import annotations

from heuristics import DATA, model_predict

from evaltrail import evaluate
from evaltrail.metrics import answer_correctness, answer_relevance

if __name__ == "__main__":
    results = evaluate(
        model=model_predict,
        data=DATA,
        targets="ground_truth",
        extra_metrics=[answer_correctness(), answer_relevance()],
    )
    print(results.metrics)
    print(results.errors)
