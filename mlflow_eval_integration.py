"""Land downloaded NeMo Evaluator Microservice results in MLflow: the flags and the .env of seed 000.

    python mlflow_eval_integration.py --results_abs_dir DIR --mlflow_uri URI [--experiment_name NAME]

The same as `evaltrail ingest DIR --layout per_file`, which has more options.
"""

from __future__ import annotations

import sys
from pathlib import Path

from evaltrail.cli.nemo_script import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], beside=Path(__file__).resolve().parent))
