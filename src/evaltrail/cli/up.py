"""`evaltrail up`: service, workers and MLflow on this machine, by one command."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text
from evaltrail.config.service_settings import Auth, load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.service.standing.plan import StandingPlan, Wish, plan_standing
from evaltrail.service.standing.supervisor import Supervisor

EXAMPLE = "evaltrail up --concurrency 4"
_BODY = '{"model": {"server": "vllm", "name": "NAME"}, "benchmarks": [{"id": "arc_easy"}]}'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--host", default="", metavar="HOST", help="address of the service; default EVALTRAIL_HOST, else 127.0.0.1"
    )
    parser.add_argument(
        "--port",
        type=values.count,
        default=None,
        metavar="N",
        help="of the service; default EVALTRAIL_PORT, else 8000; 0 = a free one",
    )
    parser.add_argument(
        "--mlflow-port",
        type=values.count,
        default=None,
        metavar="N",
        help="of MLflow, on 127.0.0.1; default PORT, else EVALTRAIL_MLFLOW_PORT, else 5000; 0 = a free one",
    )
    parser.add_argument("--workers", type=values.positive, default=1, metavar="N", help="workers (default 1)")
    parser.add_argument(
        "--concurrency",
        type=values.positive,
        default=2,
        metavar="N",
        help="units that each worker does at a time (default 2)",
    )
    parser.add_argument(
        "--no-mlflow",
        action="store_true",
        help="start no MLflow; results land where MLFLOW_TRACKING_URI says, else at http://localhost:5000. None is "
        "started either where MLFLOW_TRACKING_URI names a server, or one listens at PORT",
    )
    parser.add_argument("--verbose", action="store_true", help="show on stderr what all of them print")


def execute(arguments: argparse.Namespace) -> int:
    """Keep everything standing until Ctrl-C or SIGTERM, which are the usual way to end it: exit code 0."""
    settings = load_settings(dotenv=None)  # as the service, which takes no word from the working folder
    service = load_service_settings(settings, host=arguments.host, port=arguments.port)
    mlflow_port = service.mlflow_port if arguments.mlflow_port is None else arguments.mlflow_port
    wish = Wish(
        port=service.port,
        mlflow_port=mlflow_port,
        workers=arguments.workers,
        concurrency=arguments.concurrency,
        has_mlflow=not arguments.no_mlflow,
    )
    plan = plan_standing(settings, service, wish)
    lines = _Lines()
    supervisor = Supervisor(
        plan.orders,
        plan.logs,
        notice=_tell,
        show=lines.take if arguments.verbose else lambda _name, _data: None,
        lasting=int(plan.has_own_mlflow),
    )
    print_notice(f"starting {', '.join(order.name for order in plan.orders)} ...")

    def show() -> None:
        if arguments.json:
            print_json(_object(plan, supervisor))
        else:
            _show(plan, supervisor, auth=service.auth, concurrency=wish.concurrency)
        sys.stdout.flush()

    supervisor.run(show)
    _tell("all of them have ended")
    return 0


def _tell(line: str) -> None:
    """Print a notice; that nobody reads them any more is no reason to end what stands."""
    with suppress(OSError):
        try:
            print_notice(line)
            sys.stderr.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _object(plan: StandingPlan, supervisor: Supervisor) -> dict[str, object]:
    pids = dict(supervisor.pids)
    return {
        "ok": True,
        "exit_code": 0,
        "url": plan.url,
        "docs": f"{plan.url}/docs",
        "mlflow_url": plan.mlflow_url or None,
        "home": str(plan.home),
        "logs": str(plan.logs),
        "pid": os.getpid(),
        "service_pid": pids["service"],
        "mlflow_pid": pids.get("MLflow"),
        "worker_pids": _worker_pids(supervisor),
    }


def _show(plan: StandingPlan, supervisor: Supervisor, *, auth: Auth, concurrency: int) -> None:
    mlflow = plan.mlflow_url or "no server: results land in a store without pages"
    if plan.mlflow_url and not plan.has_own_mlflow:
        mlflow += " (not started here)"
    workers = ", ".join(map(str, _worker_pids(supervisor)))
    rows = {
        "service": plan.url,
        "docs": f"{plan.url}/docs",
        "MLflow": mlflow,
        "workers": f"{workers} ({concurrency} at a time each)",
        "home": str(plan.home),
        "logs": str(plan.logs),
        "stop": f"Ctrl-C, or kill {os.getpid()}",
    }
    for name, value in rows.items():
        print_text(f"{name:8}  {value}")
    key = ' -H "Authorization: Bearer $EVALTRAIL_API_KEY"' if auth == "keys" else ""
    words = f"-H 'Content-Type: application/json'{key} -d '{_BODY}'"
    print_text(f"\ncurl {plan.url}/api/v1/evaluations {words}")
    print_text("evaltrail submit --model NAME --server vllm --benchmark arc_easy --wait")


def _worker_pids(supervisor: Supervisor) -> list[int]:
    return [pid for name, pid in supervisor.pids if name.startswith("worker")]


class _Lines:
    """Shows what several processes print: whole lines, each behind the name of who printed it."""

    def __init__(self) -> None:
        self._begun: dict[str, bytes] = {}

    def take(self, name: str, data: bytes) -> None:
        """Take some bytes, and show the lines that they complete."""
        *whole, rest = (self._begun.pop(name, b"") + data).split(b"\n")
        self._begun[name] = rest
        for line in whole:
            _tell(f"{name} | {line.decode('utf-8', 'replace')}")
