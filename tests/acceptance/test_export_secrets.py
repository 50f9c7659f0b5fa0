"""Secrets in what the launcher leaves on disk go nowhere: not to MLflow, not to the outbox, not to the terminal."""

from __future__ import annotations

import base64
import json
import os
import signal

import pytest
from exporting import Exporting
from installed import ended, holding

from launcher_jobs import INVOCATION, write_yaml
from mlflow_proxy import unreliable
from mlflow_server import content_of

PLAIN = "plum-otter-99182-key"
LITERAL = "velvet-anchor-4409-literal"
TOKEN = "hf_quarrelsomeotter7731"
KEYLIKE = "sk-sesamebread08127731"
PASSWORD = "marble-5521-login"
BEARER = "dGhpcy1pcy1hLXRva2Vu"
SECRETS = (PLAIN, LITERAL, TOKEN, KEYLIKE, PASSWORD, BEARER)


@pytest.fixture
def export(tmp_path, mlflow_url, experiment):
    return Exporting(tmp_path, mlflow_url, experiment)


def add_with_secrets(export):
    """A job with secrets wherever settings, commands and logs may hold them."""
    config = {
        "execution": {"type": "local", "env_vars": {"HF_TOKEN": TOKEN, "EXTRA": f"lit:{LITERAL}"}},
        "target": {"api_endpoint": {"api_key": PLAIN, "url": f"http://user:{PASSWORD}@host/v1"}},
        "env_vars": {"NAME": "host:NAME"},
    }
    command = f"run_eval --api_key {KEYLIKE} --api-key={PLAIN} --model_url http://user:{PASSWORD}@host/v1"
    extra = {"headers": {"Authorization": f"Bearer {BEARER}"}, "note": f"uses {PLAIN} at http://user:{PASSWORD}@host"}
    folder = export.jobs.add(config=config, command=command, params={"extra": extra})
    target = {"api_endpoint": {"model_id": "m", "api_key": PLAIN, "url": f"http://user:{PASSWORD}@host/v1"}}
    write_yaml(
        folder / "artifacts" / "run_config.yml", {"framework_name": "x", "config": {"type": "mmlu"}, "target": target}
    )
    log = (
        f"env EXTRA={LITERAL}\nAuthorization: Bearer {BEARER}\nkey {KEYLIKE}, token {TOKEN}, {PLAIN}\nPASS={PASSWORD}\n"
    )
    (folder / "logs" / "stdout.log").write_text(log)
    encoded = base64.b64encode(json.dumps(config).encode()).decode()
    (folder / "run.sh").write_text(f"export EXTRA={LITERAL}\nexport HF_TOKEN='{TOKEN}'\necho {encoded} | base64 -d\n")
    return encoded


def test_no_secret_leaves_the_machine(evaltrail, export):
    """Everything is asked for: logs, all files, configuration as params; the texts land without the secrets alone."""
    encoded = add_with_secrets(export)
    options = ("log_logs=true", "only_required=false", "log_config_params=true", "runs=nested")
    options += (f"experiment_name={export.experiment}", "extra_metadata.api_key=" + PLAIN, f"tags.secret={LITERAL}")
    words = [word for text in options for word in ("-o", f"export.mlflow.{text}")]
    done = evaltrail("export", INVOCATION, *words, "--json")
    assert (done.code, done.errors) == (0, []), done.err
    runs = [content_of(export.url, run) for run in export.runs()]
    assert len(runs) == 2
    landed = repr(runs) + done.out + done.err
    for secret in (*SECRETS, encoded):
        assert secret not in landed, secret
        assert holding(export.folder / "home", secret) == []
    files = {
        path.partition("/")[2]: text.decode()
        for path, text in max(runs, key=lambda run: len(run["artifacts"]))["artifacts"].items()
    }
    assert "EXTRA: lit:***" in files["artifacts/metadata.yaml"]
    assert "NAME: host:NAME" in files["artifacts/metadata.yaml"]
    assert "env EXTRA=***" in files["logs/stdout.log"]
    assert files["artifacts/results.yml"].count("***") >= 5


def test_what_waits_in_the_outbox_holds_no_secret(evaltrail, export):
    """Killed midway: the plan and the copies that wait for `sync` are without them, and so is what `sync` sends."""
    encoded = add_with_secrets(export)
    started = []

    def judge(_method, _path, before):
        if before == 5 and len(started) == 1:
            os.kill(started[0].pid, signal.SIGKILL)
        return "forward"

    with unreliable(export.url, judge) as proxy:
        options = (f"tracking_uri={proxy.url}", f"experiment_name={export.experiment}", "log_logs=true")
        words = [word for text in options for word in ("-o", f"export.mlflow.{text}")]
        started.append(evaltrail.start("export", INVOCATION, *words, "--only-required"))
        assert ended(started[0]).code == -signal.SIGKILL
        for secret in (*SECRETS, encoded):
            assert holding(export.folder / "home", secret) == []
        assert holding(export.folder / "home", "lit:***") != []
        assert evaltrail("sync").code == 0
    run = content_of(export.url, export.run().raw)
    assert (run["status"], len(run["artifacts"])) == ("FINISHED", 8)
    assert not any(secret in repr(run) for secret in SECRETS)


def test_errors_name_no_secret(evaltrail, export):
    """Neither a URI's login nor a setting of a job that cannot be read is shown."""
    add_with_secrets(export)
    for uri in (f"ftp://user:{PASSWORD}@host", f"http://user:{PASSWORD}@127.0.0.1:1:2"):
        done = evaltrail("export", INVOCATION, "-o", f"export.mlflow.tracking_uri={uri}", "--json")
        assert done.code == 2
        assert PASSWORD not in done.out + done.err
    login = export.url.replace("://", f"://user:{PASSWORD}@")
    place = ("-o", f"export.mlflow.experiment_name={export.experiment}")
    done = evaltrail("export", INVOCATION, "-o", f"export.mlflow.tracking_uri={login}", *place, "--json")
    assert (done.code, done.object["metadata"]["tracking_uri"]) == (0, export.url)
    assert PASSWORD not in done.out + done.err
