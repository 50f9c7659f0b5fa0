"""`evaltrail run TASK...`: task files against an endpoint, several models beside each other."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evaltrail.cli import values
from evaltrail.cli.show import (
    ProgressLine,
    print_error,
    print_json,
    print_notice,
    print_text,
    results_table,
    skipped_lines,
)
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import EndpointError, EvaltrailError, InputError
from evaltrail.core.ids import slug
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.core.values import Scalar
from evaltrail.providers.catalog import names_dataset, needs_no_url
from evaltrail.providers.questions.mode import MODE
from evaltrail.service.evaluation.evaluate import carry_out
from evaltrail.service.evaluation.judge_facts import judge_lines
from evaltrail.service.evaluation.lineage import in_usual_experiment
from evaltrail.service.evaluation.options import with_judge
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.prepare import prepare
from evaltrail.service.evaluation.preview import preview
from evaltrail.service.evaluation.result_record import result_object
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.record import failure_object


def execute(arguments: argparse.Namespace) -> int:
    """Evaluate each model in turn."""
    for name in ("task", "model"):
        if not getattr(arguments, name):
            flag = "TASK" if name == "task" else "--model ID"
            raise InputError(f"{flag} is missing", code="usage", hint="or name a run configuration: --config FILE")
    _check_queue_flags(arguments)
    settings = load_settings()
    orders = [_order(arguments, model, settings) for model in arguments.model]
    _check_several(orders, settings)
    if arguments.show is not None or arguments.dry_run:
        return _preview(arguments, orders, settings)
    return (_detach if arguments.detach else _carry_out)(arguments, orders, settings)


def _carry_out(arguments: argparse.Namespace, orders: Sequence[Order], settings: Settings) -> int:
    """Evaluate here and now; the exit code."""
    prepared = [prepare(order, settings) for order in orders]
    results: list[Result] = []
    objects: list[dict[str, Any]] = []
    errors: list[EvaltrailError] = []
    for one in prepared:
        try:
            with ProgressLine() as progress:
                result = carry_out(one, settings, Watch(progress=progress, notice=print_notice))
        except EvaltrailError as stopped:
            errors.append(stopped)
            objects.append(failure_object(stopped))
            if not isinstance(stopped, EndpointError):
                break
        else:
            results.append(result)
            errors += result.errors
            objects.append(result_object(result))
    if arguments.json:
        print_json(objects[0] if len(orders) == 1 else {"evaluations": objects})
    else:
        show_results(results)
    for error in errors:
        print_error(error)
    return max((error.exit_code for error in errors), default=0)


def show_results(results: Sequence[Result], *, has_slices: bool = True) -> None:
    """The table, and where everything lies, for people; ``has_slices``: with metrics of a type or a source alone."""
    if results:
        print_text(results_table(results, has_slices=has_slices))
    for result in results:
        print_text(f"\n{result.bundle.model}: evaluation {result.evaluation_id}, {result.state}, in {result.out}")
        for line in dict.fromkeys(line for task in result.bundle.tasks for line in judge_lines(task.config)):
            print_text(f"  {line}")
        for receipt in result.receipts:
            place = receipt.run_url or f"run {receipt.run_id}"
            print_text(
                f"  MLflow: {place} ({receipt.experiment_name}), {receipt.metrics_logged} metrics, "
                f"{receipt.params_logged} params, {receipt.artifacts_logged} artifacts"
                + (f", {receipt.traces_logged:,} traces" if receipt.traces_logged else "")
            )
            for line in skipped_lines(receipt.skipped):
                print_text(f"  {line}")


def _detach(arguments: argparse.Namespace, orders: Sequence[Order], settings: Settings) -> int:
    """Leave the orders to workers."""
    from evaltrail.service.working.detach import QueueChoice, detach  # noqa: PLC0415  SQLAlchemy, no need of it here

    choice = QueueChoice(
        queue_name=arguments.queue or "default",
        priority=arguments.priority or 0,
        idempotency_key=arguments.idempotency_key or "",
    )
    try:
        accepted = detach(orders, settings, choice, notice=print_notice)
    except InputError as error:
        error.where = _QUEUE_FLAGS.get(error.where, error.where)
        raise
    objects = [
        {"ok": True, "exit_code": 0, "evaluation_id": each.job_id, "job_id": each.job_id, "state": each.state}
        | {"is_new": each.is_new}
        for each in accepted
    ]
    if arguments.json:
        print_json(objects[0] if len(orders) == 1 else {"evaluations": objects})
        return 0
    for each in accepted:
        print_text(each.job_id)
    for each in accepted:
        if not each.is_new:
            print_notice(f"{each.job_id} was accepted before under this key, and is {each.state}")
    if any(each.is_new for each in accepted):
        print_notice("accepted; workers do what is queued")
    print_notice(f"`evaltrail status {accepted[0].job_id} --watch` follows it")
    return 0


_QUEUE_FLAGS = {"queue": "--queue", "priority": "--priority", "idempotency_key": "--idempotency-key"}
"""What an order to the queue calls a field, and the flag that fills it."""


def _check_queue_flags(arguments: argparse.Namespace) -> None:
    """Refuse flags of the queue where nothing is queued, and names that no worker could be given."""
    for name, flag in _QUEUE_FLAGS.items():
        if getattr(arguments, name) is not None and not arguments.detach:
            hint = f"add --detach, or leave out {flag}"
            raise InputError(f"{flag} means nothing without --detach", code="usage", hint=hint)
    queue = arguments.queue or ""
    if "," in queue or queue != queue.strip():
        raise InputError(
            f"{queue!r} cannot be the name of a queue",
            code="bad_queue",
            where="--queue",
            hint="leave out commas, and blanks around it: `evaltrail worker --queues` takes names with commas between",
        )


def _check_several(orders: Sequence[Order], settings: Settings) -> None:
    """Refuse what would let several evaluations overwrite each other."""
    folders = [order.out for order in orders if order.out is not None]
    if len(set(folders)) < len(folders):
        raise InputError("two models would share a folder below --out", code="usage", hint="give them two commands")
    if len(orders) > 1 and settings.run_id and orders[0].delivery is not None:
        raise InputError(
            "several models cannot land in the one run that MLFLOW_RUN_ID names",
            code="usage",
            hint="unset MLFLOW_RUN_ID",
        )


def _preview(arguments: argparse.Namespace, orders: Sequence[Order], settings: Settings) -> int:
    prompts, with_plan = arguments.show or 0, arguments.dry_run
    shown = [preview(order, settings, prompts=prompts, with_plan=with_plan) for order in orders]
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "previews": [item.data for item in shown]})
    else:
        print_text("\n\n".join(item.text for item in shown))
    return 0


def _order(arguments: argparse.Namespace, model: str, settings: Settings) -> Order:
    several = len(arguments.model) > 1
    out = arguments.out / slug(model) if arguments.out and several else arguments.out
    delivery = in_usual_experiment(delivery_of(arguments), arguments.task, settings)
    return Order(
        request=_request(arguments, model, settings.openai_base_url),
        delivery=None if arguments.no_deliver else delivery,
        out=out,
        fresh=arguments.fresh,
        allow_unscored=arguments.allow_unscored,
    )


def _request(arguments: argparse.Namespace, model: str, default_url: str) -> EvaluationRequest:
    headers = {name: str(value) for name, value in values.read_pairs(arguments.header, "--header").items()}
    target = ModelTarget(id=model, url=arguments.url, api_key_env=arguments.api_key_env, headers=headers)
    if target.is_baseline:
        target = replace(target, url="")
    elif not target.url:
        if not default_url and not all(map(needs_no_url, arguments.task)):
            raise InputError(
                "no endpoint is given", code="missing_url", hint="add --url http://host/v1, or set OPENAI_BASE_URL"
            )
        target = replace(target, url=default_url, is_asked=bool(default_url))
    return EvaluationRequest(
        tasks=tuple(arguments.task),
        target=target,
        limits=limits_of(arguments),
        limit=arguments.limit,
        sample_ids=tuple(part.strip() for part in arguments.samples.split(",") if part.strip()),
        seed=arguments.seed,
        repeats=arguments.repeats,
        params=with_judge(_params(arguments), arguments.judge),
        reuse_answers=arguments.reuse_answers,
    )


def _params(arguments: argparse.Namespace) -> dict[str, Scalar]:
    """The parameters, with the mode among them that data sets are asked in."""
    params = values.read_pairs(arguments.param, "--param")
    if not arguments.mode:
        return params
    if not any(map(names_dataset, arguments.task)):
        hint = "name a data set of questions, dataset:ID, or leave out --mode"
        raise InputError("--mode means nothing to these tasks", code="usage", where="--mode", hint=hint)
    if params.get(MODE, arguments.mode) != arguments.mode:
        raise InputError("two modes are named", code="usage", where="--mode", hint=f"leave out --param {MODE}=")
    return {**params, MODE: arguments.mode}


def limits_of(arguments: argparse.Namespace) -> RequestLimits:
    """What the flags say of how hard an endpoint may be pressed."""
    return RequestLimits(
        concurrency=arguments.concurrency,
        rpm=arguments.rpm,
        tpm=arguments.tpm,
        timeout_s=arguments.timeout,
        max_retries=arguments.max_retries,
    )


def delivery_of(arguments: argparse.Namespace) -> DeliveryOptions:
    """What the flags say of how a result is to land."""
    tags = {name: str(value) for name, value in values.read_pairs(arguments.tag, "--tag").items()}
    return DeliveryOptions(
        tracking_uri=arguments.tracking_uri,
        experiment=arguments.experiment,
        run_name=arguments.run_name,
        tags=tags,
        layout=arguments.layout,
        traces=arguments.traces,
    )
