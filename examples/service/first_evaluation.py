"""A first evaluation by the service: add a benchmark, submit, wait, read the result; the standard library is enough.

Start `evaltrail up` with EVALTRAIL_SERVER_VLLM_URL=http://HOST:PORT/v1, the place of a model, and name that model in
evaluation.json. Then: python examples/service/first_evaluation.py http://localhost:8000
"""

import json
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
SERVICE = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
OVER = {"completed", "partially_failed", "failed", "cancelled"}


def ask(path: str, body: bytes | None = None) -> dict:
    """The answer of the service: a GET, or a POST where there is a body."""
    headers = {"Content-Type": "application/json"}
    request = Request(f"{SERVICE}/api/v1/{path}", data=body, headers=headers)  # noqa: S310  whoever runs it says where
    with urlopen(request, timeout=30) as answer:  # noqa: S310  the same
        return json.load(answer)


try:
    ask("benchmarks", (HERE / "benchmark.json").read_bytes())
except HTTPError as error:
    if error.code != 409:  # 409: it was added before
        sys.exit(error.read().decode())

evaluation = ask("evaluations", (HERE / "evaluation.json").read_bytes())
path = f"evaluations/{evaluation['id']}"
while evaluation["status"] not in OVER:
    time.sleep(0.5)
    evaluation = ask(path)

print(f"{evaluation['status']}: {evaluation['message']['message']}")
for benchmark in ask(f"{path}/results")["benchmarks"]:
    for metric in benchmark["metrics"]:
        print(f"{benchmark['id']}/{metric['name']} {metric['value']} (of {metric['n']} samples)")
for run in evaluation["runs"]:
    print(f"in MLflow: {run['url']}")
