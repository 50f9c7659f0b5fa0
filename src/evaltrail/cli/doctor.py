"""`evaltrail doctor`: is everything there that a run needs?"""

from __future__ import annotations

import argparse

from evaltrail.cli.show import print_json, print_text, table
from evaltrail.config.settings import load_settings
from evaltrail.core.request import ModelTarget
from evaltrail.service.checks import check_all

EXAMPLE = "evaltrail doctor --url http://localhost:8000/v1 --model my-model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--url", default="", help="endpoint to ask one question")
    parser.add_argument("--model", default="", metavar="ID", help="model to ask for; needed with --url")
    parser.add_argument("--api-key-env", default="", metavar="NAME", help="variable that holds the key")
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI")


def execute(arguments: argparse.Namespace) -> int:
    """Check one thing after the other; 1 when something is wrong."""
    target = None
    if arguments.url:
        target = ModelTarget(id=arguments.model or "default", url=arguments.url, api_key_env=arguments.api_key_env)
    checks = check_all(load_settings(), target, arguments.tracking_uri)
    code = 0 if all(check.is_good for check in checks) else 1
    if arguments.json:
        shown = [{"what": check.what, "ok": check.is_good, "found": check.found} for check in checks]
        print_json({"ok": code == 0, "exit_code": code, "checks": shown})
    else:
        rows = [["ok" if check.is_good else "WRONG", check.what, check.found] for check in checks]
        print_text(table(["", "what", "found"], rows))
    return code
