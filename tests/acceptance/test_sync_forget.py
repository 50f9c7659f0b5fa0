"""`sync --dry-run` and `sync --forget`: what waits for an MLflow that never comes back."""

from __future__ import annotations

import pytest
from installed import one_error
from sums import write_sums

from evaltrail.bundle.layout import MANIFEST
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.plan import plan_bundle
from mlflow_bundles import some_bundle
from mlflow_server import free_port, runs_in


@pytest.mark.slow
def test_a_delivery_that_never_lands_is_given_up_and_its_results_stay(evaltrail, mlflow_url, experiment):
    """Listed with its key, given up by it; then nothing waits, and the bundle, where it is said to lie, can be sent."""
    task = write_sums(evaltrail.cwd, 5)
    uri = f"http://127.0.0.1:{free_port()}"
    away = evaltrail("run", task, "--model", "baseline:majority", "--tracking-uri", uri, "--json")
    assert away.code == 3, away.err
    identity = away.object["evaluation_id"]
    listed = evaltrail.here("sync", "--dry-run", "--json").object
    (waiting,) = listed["waiting"]
    assert (listed["ok"], listed["exit_code"], waiting["evaluation_id"], waiting["attempts"]) == (True, 0, identity, 1)
    done = evaltrail.here("sync", "--forget", waiting["key"][:8], "--json").object
    assert (done["ok"], done["exit_code"], done["forgotten"]) == (True, 0, [waiting])
    assert waiting["folder"] == str(evaltrail.home / "runs" / identity)
    assert (evaltrail.home / "runs" / identity / MANIFEST).is_file()
    assert evaltrail.here("sync").out == "nothing waits\n"
    sent = evaltrail.here("export", identity, "-o", f"export.mlflow.experiment_name={experiment}")
    assert sent.code == 0, sent.err
    assert len(runs_in(mlflow_url, experiment)) == 1


def test_people_are_told_what_waits_and_where_its_results_lie(evaltrail, tmp_path):
    """One line a delivery with the beginning of its key; a run that was begun is named, since it stays."""
    (plan,) = plan_bundle(some_bundle(tmp_path / "bundle"), DeliveryOptions(run_name="nightly"), version="0")
    with Outbox(evaltrail.home / "outbox") as outbox:
        begun = outbox.put(plan, "http://user:pass@gone:5000")
        outbox._rows.execute("UPDATE deliveries SET run_id = 'r1'")
        outbox.fail(begun, "cannot be reached")
    shown = evaltrail.here("sync", "--dry-run")
    assert (shown.code, shown.out) == (
        0,
        f"{plan.key[:12]}: nightly, for http://gone:5000, tried 1x: cannot be reached\n",
    )
    assert evaltrail.here("sync", "--forget", plan.key[:12]).out.splitlines() == [
        "forgotten: nightly, for http://gone:5000",
        "  the run r1 was begun there, and stays as it is",
        f"  its results lie in {tmp_path / 'bundle'}",
    ]
    assert evaltrail.here("sync", "--dry-run").out == "nothing waits\n"
    assert "nothing waits" in evaltrail.here("doctor").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--forget", "abc"), "nothing waits at all"),
        (("--forget", "abc", "--dry-run"), "keep one"),
        (("--forget",), "--forget: needs a value"),
        (("--forget", " "), "a blank"),
        (("--tracking-uri", "http://x"), "sync --forget KEY"),
    ],
)
def test_what_cannot_be_given_up_is_told(evaltrail, words, said):
    """Exit 2, one line with the next step."""
    done = evaltrail.here("sync", *words)
    assert (done.code, said in one_error(done)) == (2, True), done.err
