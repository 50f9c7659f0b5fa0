"""`evaltrail submit`: an evaluation that the service's workers do, without curl."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence

from evaltrail.cli import values
from evaltrail.cli.show import ProgressLine, print_json, print_notice, print_text, table
from evaltrail.cli.submission_file import read_submission
from evaltrail.client.answers import Evaluation, Wire
from evaltrail.client.client import Client
from evaltrail.client.order_body import order_body
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EvaltrailError, InputError, InterruptError
from evaltrail.core.progress import Progress
from evaltrail.core.values import Json

EXAMPLE = "evaltrail submit --model NAME --server vllm --benchmark lm_evaluation_harness/arc_easy,num_fewshot=5 --wait"
_WORDS = ("model", "server", "url", "benchmark", "collection", "experiment", "tag", "config")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "file", nargs="?", default="", metavar="FILE", help="the whole request, .json or .yaml; - = from stdin"
    )
    parser.add_argument("--model", default="", metavar="NAME", help="as its server calls it")
    parser.add_argument("--server", default="", metavar="ID", help="one that the service knows: vllm")
    parser.add_argument("--url", default="", metavar="URL", help="of an endpoint, instead")
    parser.add_argument(
        "--benchmark",
        action="append",
        default=[],
        metavar="PROVIDER/ID[,K=V...]",
        help="with settings of its own; may be given several times",
    )
    parser.add_argument("--collection", default="", metavar="ID", help="benchmarks that go together")
    parser.add_argument("--experiment", default="", metavar="NAME", help="MLflow's, without prefix")
    parser.add_argument("--tag", action="append", default=[], metavar="K=V", help="of the experiment and its runs")
    parser.add_argument("--config", action="append", default=[], metavar="K=V", help="generation setting of them all")
    parser.add_argument(
        "--service",
        default="",
        metavar="URL",
        help="default EVALTRAIL_SERVICE_URL, else http://127.0.0.1 with EVALTRAIL_PORT; its key is EVALTRAIL_API_KEY",
    )
    parser.add_argument(
        "--idempotency-key", default="", metavar="TEXT", help="the same key and request are the same evaluation"
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="until it has ended; exits 0 completed, 1 failed in part or whole, 130 cancelled; Ctrl-C ends the waiting "
        "alone (130)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Submit; with --wait say what it came to."""
    body = _body(arguments)
    environ = load_settings().environ
    url = arguments.service or environ.get("EVALTRAIL_SERVICE_URL") or _local(environ)
    with Client(url, api_key=environ.get("EVALTRAIL_API_KEY", "")) as client:
        accepted = client.submit(body, idempotency_key=arguments.idempotency_key)
        if not arguments.json:
            _show_accepted(accepted, client.url)
        if not arguments.wait:
            if arguments.json:
                _print_object(accepted, client.url, code=0)
            return 0
        return _wait(client, accepted, as_json=arguments.json)


def exit_code_of(evaluation: Evaluation) -> int:
    """What `--wait` ends with: 0 completed, 130 cancelled, 1 everything else."""
    if evaluation.state == "completed":
        return 0
    return InterruptError.exit_code if evaluation.state == "cancelled" else EvaltrailError.exit_code


def read_benchmark(word: str) -> Mapping[str, Json]:
    """The benchmark of ``PROVIDER/ID,KEY=VALUE,...``; values are what they are as JSON, else texts.

    Raises:
        InputError: no benchmark is named, or a setting is no KEY=VALUE.
    """
    name, *settings = word.split(",")
    provider, slash, identity = name.partition("/")
    if not name or (slash and not (provider and identity)):
        hint = "write --benchmark PROVIDER/ID,num_fewshot=5"
        raise InputError(f"--benchmark {word!r:.80} names none", code="usage", hint=hint)
    benchmark: dict[str, Json] = {"provider_id": provider, "id": identity} if slash else {"id": name}
    return {**benchmark, "config": read_settings(settings, f"--benchmark {name},")} if settings else benchmark


def read_settings(words: Sequence[str], flag: str) -> dict[str, Json]:
    """The settings of KEY=VALUE words; values are what they are as JSON (``0``, ``true``, ``null``), else texts.

    Raises:
        InputError: a word is no KEY=VALUE, or a key stands twice.
    """
    return {name: _value(str(text)) for name, text in values.read_pairs(words, flag).items()}


def _value(text: str) -> Json:
    try:
        value: Json = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return value


def _body(arguments: argparse.Namespace) -> Mapping[str, Json]:
    given = [word for word in _WORDS if getattr(arguments, word)]
    if arguments.file:
        if given:
            hint = "give one of them; the file holds the whole request"
            raise InputError(f"a file and --{given[0]} are given", code="usage", hint=hint)
        return read_submission(arguments.file)
    if not arguments.model:
        hint = f"give a FILE, or {EXAMPLE.removeprefix('evaltrail submit ')}"
        raise InputError("neither a file nor --model is given", code="usage", hint=hint)
    if not (arguments.server or arguments.url):
        hint = "give --server ID, one that the service knows, or --url URL"
        raise InputError("where the model is served is not said", code="usage", hint=hint)
    return order_body(
        model=arguments.model,
        server=arguments.server,
        url=arguments.url,
        configuration=read_settings(arguments.config, "--config"),
        benchmarks=[read_benchmark(word) for word in arguments.benchmark],
        collection=arguments.collection,
        experiment=arguments.experiment,
        tags={name: str(value) for name, value in values.read_pairs(arguments.tag, "--tag").items()},
    )


def _local(environ: Mapping[str, str]) -> str:
    port = environ.get("EVALTRAIL_PORT") or environ.get("API_PORT") or environ.get("UPLOAD_PORT") or "8000"
    return f"http://127.0.0.1:{port}"


def _show_accepted(accepted: Evaluation, url: str) -> None:
    known = " (known already by its key)" if accepted.is_replayed else ""
    print_text(f"{accepted.id}: {accepted.state}{known}")
    print_text(f"  {url}/api/v1/evaluations/{accepted.id}")
    for warning in accepted.warnings:
        print_notice(f"note: {warning}")
    sys.stdout.flush()


def _wait(client: Client, accepted: Evaluation, *, as_json: bool) -> int:
    try:
        with ProgressLine() as progress:
            ended = client.wait(accepted.id, on_progress=lambda found: progress(_progress(found)))
    except KeyboardInterrupt:
        print_notice(f"no longer waited for: {accepted.id} goes on")
        if as_json:
            _print_object(accepted, client.url, code=InterruptError.exit_code)
        return InterruptError.exit_code
    code = exit_code_of(ended)
    if as_json:
        _print_object(ended, client.url, code=code)
    else:
        _show_ended(ended, client.summary(ended.id))
    return code


def _progress(found: Evaluation) -> Progress:
    return Progress(task=found.id, done=found.done, total=found.total, tokens=found.tokens)


def _show_ended(ended: Evaluation, summary: Wire) -> None:
    print_text(f"{ended.id}: {ended.state}, {ended.message}")
    benchmarks = summary.get("benchmarks")
    rows = [_row(each) for each in benchmarks if isinstance(each, dict)] if isinstance(benchmarks, list) else []
    if rows:
        print_text(table(["benchmark", "state", "metric", "value", "n", "verdict"], rows, numbers=(3, 4)))
    for url in ended.run_urls:
        print_text(f"MLflow: {url}")
    if ended.mlflow_sync == "pending":
        print_notice("MLflow is away: the results wait, and land by themselves")


def _row(benchmark: Wire) -> list[str]:
    value, n = benchmark.get("value"), benchmark.get("n")
    return [
        "/".join(str(benchmark[name]) for name in ("provider_id", "id") if benchmark.get(name)),
        str(benchmark.get("status", "")),
        str(benchmark.get("metric") or "-"),
        f"{value:.3f}" if isinstance(value, int | float) else "-",
        "-" if n is None else str(n),
        str(benchmark.get("verdict", "")),
    ]


def _print_object(evaluation: Evaluation, url: str, *, code: int) -> None:
    own = f"{url}/api/v1/evaluations/{evaluation.id}"
    print_json({"ok": code == 0, "exit_code": code, "evaluation_id": evaluation.id, "url": own, **evaluation.raw})
