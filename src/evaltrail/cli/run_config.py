"""`evaltrail run --config`: a run configuration, launched, followed, told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from evaltrail.cli.show import ProgressLine, print_json, print_notice, print_text, table
from evaltrail.cli.values import settings_with
from evaltrail.config.composition.compose import Composed, compose, compose_file
from evaltrail.config.composition.configuration import read_run_config
from evaltrail.core.errors import InputError
from evaltrail.service.launching.launch import launch
from evaltrail.service.launching.launch_plan import LaunchPlan, plan_launch

ELSEWHERE = {
    "task": "-t TASK",
    "model": "-o target.api_endpoint.model_id=ID",
    "url": "-o target.api_endpoint.url=URL",
    "api_key_env": "-o target.api_endpoint.api_key_name=NAME",
    "limit": "-o evaluation.nemo_evaluator_config.config.params.limit_samples=N",
    "concurrency": "-o evaluation.nemo_evaluator_config.config.params.parallelism=N",
    "timeout": "-o evaluation.nemo_evaluator_config.config.params.request_timeout=S",
    "max_retries": "-o evaluation.nemo_evaluator_config.config.params.max_retries=N",
    "out": "-o execution.output_dir=DIR",
    "experiment": "-o export.mlflow.experiment_name=NAME",
    "traces": "-o export.mlflow.traces=failures|N|all",
    "run_name": "-o export.mlflow.run_name=NAME",
    "tracking_uri": "-o export.mlflow.tracking_uri=URI",
    "tag": "-o export.mlflow.tags.KEY=VALUE",
    "no_deliver": "-o execution.auto_export.destinations=[]",
    "header": "-o evaluation.nemo_evaluator_config.config.params.extra.headers.NAME=VALUE",
    "samples": "-o evaluation.nemo_evaluator_config.config.params.extra.samples=[IDS]",
    "seed": "-o evaluation.nemo_evaluator_config.config.params.extra.seed=N",
    "repeats": "-o evaluation.nemo_evaluator_config.config.params.extra.repeats=N",
    "judge": "-o evaluation.nemo_evaluator_config.config.params.extra.judge=SPEC",
    "param": "-o evaluation.nemo_evaluator_config.config.params.extra.KEY=VALUE",
    "mode": "-o evaluation.nemo_evaluator_config.config.params.extra.mode=MODE",
    "rpm": "-o evaluation.nemo_evaluator_config.config.params.extra.rpm=N",
    "tpm": "-o evaluation.nemo_evaluator_config.config.params.extra.tpm=N",
    "layout": "-o export.mlflow.runs=nested",
    "show": "--dry-run",
    "detach": "task files instead: a launch has executors of its own",
    "queue": "task files instead: a launch has executors of its own",
    "priority": "task files instead: a launch has executors of its own",
    "idempotency_key": "task files instead: each launch is a new one",
    "fresh": "nothing: each launch starts anew, and `evaltrail resume ID` goes on",
    "reuse_answers": "nothing: a launch asks the model anew",
}
"""Flags of `run TASK` to what says the same of a run configuration."""


def execute(arguments: argparse.Namespace, usual: argparse.Namespace) -> int:
    """Launch a run configuration.

    Args:
        arguments: of the command line.
        usual: what the flags are where they are not given.
    """
    for flag, other in ELSEWHERE.items():
        if getattr(arguments, flag) != getattr(usual, flag):
            name = "TASK" if flag == "task" else "--" + flag.replace("_", "-")
            raise InputError(f"{name} is not for a run configuration", code="usage", hint=f"write {other}")
    settings = settings_with(arguments.env_file)
    config = read_run_config(_composed(arguments, settings.environ), tasks=arguments.only)
    plan = plan_launch(config, settings, command=_command(), allow_unscored=arguments.allow_unscored)
    for told in plan.notices:
        print_notice(told)
    if arguments.dry_run:
        return _show_plan(plan, as_json=arguments.json)
    with ProgressLine() as progress:
        launched = launch(
            plan, settings, progress=progress, notice=print_notice, asks_endpoint=not arguments.no_endpoint_check
        )
    from evaltrail.cli.launched import tell_launched  # noqa: PLC0415  readers and tables, needed once the work is done

    return tell_launched([launched], settings, as_json=arguments.json)


def _composed(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Composed:
    if arguments.config and arguments.config_name:
        raise InputError("--config and --config-name say the same", code="usage", hint="keep one of them")
    if arguments.config:
        return compose_file(arguments.config, arguments.override, environ, arguments.config_dir)
    if not arguments.config_name:
        raise InputError("no run configuration is named", code="usage", hint="add --config FILE, or --config-name NAME")
    return compose(arguments.config_dir or [Path.cwd()], arguments.config_name, arguments.override, environ)


def _command() -> list[str]:
    return ["evaltrail", *sys.argv[1:]]


def _show_plan(plan: LaunchPlan, *, as_json: bool) -> int:
    jobs = [
        {"task": spec.task, "provider": spec.provider, "place": spec.place, "folder": name, "model": spec.model}
        for spec, name in zip(plan.jobs, plan.names, strict=True)
    ]
    shown = plan.jobs[0].config
    if as_json:
        print_json({"ok": True, "exit_code": 0, "config": shown, "jobs": jobs, "notices": plan.notices})
        return 0
    import yaml  # noqa: PLC0415  only where it is shown

    print_text(yaml.safe_dump(msgspec.to_builtins(shown), sort_keys=False, allow_unicode=True))
    print_text(
        table(
            ["job", "task", "provider", "where"],
            [[str(n), j["task"], j["provider"], j["place"]] for n, j in enumerate(jobs)],
        )
    )
    to = ", ".join(plan.config.destinations) or "nowhere: no auto_export.destinations"
    print_text(f"\n{plan.config.executor}, {plan.config.mode}, below {plan.config.output_dir}; results go to {to}")
    return 0
