"""What the launcher's own exporter loses or lets pass: each of its known weaknesses is a rule here."""

from __future__ import annotations

import os
import signal

import pytest
from exporting import Exporting, only_receipt
from installed import ended, one_error

from evaltrail.core.errors import InputError
from evaltrail.service.exporting.export_config import overridden, read_options
from evaltrail.service.exporting.export_table import Given
from launcher_jobs import INVOCATION, REQUIRED, many_results, results_of, score
from mlflow_proxy import unreliable
from mlflow_server import ask, content_of, free_port


@pytest.fixture
def export(tmp_path, mlflow_url, experiment):
    return Exporting(tmp_path, mlflow_url, experiment)


def with_score(name, scores):
    return {"groups": {}, "tasks": {"mmlu": {"metrics": {name: {"scores": scores}}}}}


def test_log_metrics_is_honoured_whatever_the_case(evaltrail, export):
    """Parts of names, raw or as MLflow takes them, choose what lands; what is left out is counted."""
    export.jobs.add(results=results_of("mmlu"))
    passed = with_score("pass@1", {"pass@1": score(0.25), "pass@1[maj]": score(0.5)})
    export.jobs.add("5555aaaa5555aaaa", task="code", results=passed)
    words = ("--dest", "mlflow", "-o", f"export.mlflow.experiment_name={export.experiment}", "--json")
    done = evaltrail.here("export", "8abcd123", *words, "--log-metrics", "SCORE_Macro", "Stem")
    assert (done.code, done.errors) == (0, []), done.err
    chosen = export.run()
    assert chosen.metrics == {"mmlu_score_macro": 0.6825, "stem_score_micro": 0.5375}
    assert [item["what"] for item in done.object["receipts"][0]["skipped"]] == ["7 metrics"]
    for wanted in (["pass@1"], ["PASS_AT_1"]):
        export("5555", log_metrics=wanted, run_name="code")
    assert [run.metrics for run in export.landed() if run.name == "code"] == [
        {"mmlu_pass_at_1": 0.25, "mmlu_pass_at_1_pass_at_1_maj_": 0.5}
    ]


def test_a_filter_that_nothing_fits_is_an_error_that_lists_what_there_is(evaltrail, export):
    """Exit 2 before anything is sent: neither a run nor an experiment comes of it."""
    export.jobs.add()
    place = f"export.mlflow.experiment_name={export.experiment}"
    done = evaltrail.here("export", INVOCATION, "-o", place, "--log-metrics", "acuracy")
    assert done.code == 2
    said = one_error(done)
    assert "acuracy" in said
    assert "mmlu_score_macro" in said
    assert "stem_score_micro" in said
    assert export.experiment not in str(ask(export.url, "experiments/search", max_results=1000))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("ffff",), 2, "no evaluation, invocation or job has the id 'ffff'"),
        ((INVOCATION, "-o", "export.mlflow.tracking_uri=ftp://host"), 2, "begins with 'ftp'"),
        ((INVOCATION, "--dest", "mlfow"), 2, "did you mean 'mlflow'?"),
        (("5555",), 2, "results.yml"),
        ((INVOCATION, "5555"), 1, "results.yml"),
    ],
)
def test_a_failure_is_an_exit_code(evaltrail, export, words, code, said):
    """What did not land is named on stderr, and scripts see it: nothing at all 2, some of it 1."""
    export.jobs.add()
    broken = export.jobs.add("5555aaaa5555aaaa")
    (broken / "artifacts" / "results.yml").write_text("{ no yaml")
    done = evaltrail("export", *words, environ={"MLFLOW_EXPERIMENT_NAME": export.experiment})
    assert done.code == code, done.err
    assert said in one_error(done)
    assert len(export.runs()) == (1 if code == 1 else 0)


def test_a_refusal_of_mlflow_is_exit_1_and_sync_sends_it_later(export):
    """A deleted experiment of that name: named with what to do, and nothing is lost meanwhile."""
    export.jobs.add()
    place = ask(export.url, "experiments/create", name=export.experiment, _=1)["experiment_id"]
    ask(export.url, "experiments/delete", experiment_id=place, _=1)
    done = export(INVOCATION)
    assert (done.exit_code, [error.code for error in done.errors]) == (1, ["deleted_experiment"])
    ask(export.url, "experiments/restore", experiment_id=place, _=1)
    receipt = only_receipt(export(INVOCATION))
    assert (receipt.run_id, receipt.status) == (export.run().id, "FINISHED")


@pytest.mark.slow
def test_an_mlflow_that_is_away_is_exit_3_and_sync_sends_what_waits(evaltrail, export):
    """The results are safe in the outbox, of every invocation."""
    export.jobs.add()
    export.jobs.add("5555aaaa5555aaaa")
    away = f"export.mlflow.tracking_uri=http://127.0.0.1:{free_port()}"
    done = evaltrail("export", "8abc", "5555", "-o", away, "--json")
    assert (done.code, done.object["exit_code"], done.object["success"]) == (3, 3, False)
    assert "evaltrail sync" in one_error(done)
    assert all(not entry["success"] for entry in done.object["invocations"].values())
    assert "2 deliveries wait" in evaltrail("doctor").out


def test_a_run_that_an_earlier_export_left_half_done_is_repaired(export):
    """A RUNNING run with our key is completed, from another machine too and with skip_existing; it is never skipped."""
    export.jobs.add()
    plan = export.plan(INVOCATION)
    place = ask(export.url, "experiments/create", name=export.experiment, _=1)["experiment_id"]
    tags = {**plan.tags, "mlflow.user": plan.user, "mlflow.runName": plan.run_name}
    words = {"experiment_id": place, "start_time": plan.started_ms}
    words["tags"] = [{"key": name, "value": value} for name, value in tags.items()]
    half = ask(export.url, "runs/create", **words)["run"]["info"]["run_id"]
    receipt = only_receipt(export(INVOCATION, skip_existing=True))
    assert (receipt.run_id, receipt.is_existing, receipt.status) == (half, False, "FINISHED")
    repaired = content_of(export.url, export.run().raw)
    assert {path.rpartition("/")[2] for path in repaired["artifacts"]} == REQUIRED
    other = f"{export.experiment} whole"
    export(INVOCATION, experiment_name=other)
    assert repaired == content_of(export.url, export.run(other).raw)


@pytest.mark.parametrize("moment", [4, *(pytest.param(moment, marks=pytest.mark.slow) for moment in (1, 2, 3, 5, 7))])
def test_an_export_that_was_killed_is_completed_by_the_same_command(evaltrail, export, moment):
    """Killed at the nth request: the next attempt goes on in the same run, and nothing waits afterwards."""
    export.jobs.add()
    started = []

    def judge(_method, _path, before):
        if before == moment and len(started) == 1:
            os.kill(started[0].pid, signal.SIGKILL)
        return "forward"

    with unreliable(export.url, judge) as proxy:
        place = f"export.mlflow.experiment_name={export.experiment}"
        words = ("export", INVOCATION, "-o", place, "-o", f"export.mlflow.tracking_uri={proxy.url}", "--json")
        started.append(evaltrail.start(*words))
        assert ended(started[0]).code == -signal.SIGKILL
        again = evaltrail(*words)
    assert again.code == 0, again.err
    run = export.run()
    assert again.object["metadata"]["run_id"] == run.id
    content = content_of(export.url, run.raw)
    assert (content["status"], len(content["artifacts"]), len(content["metrics"])) == ("FINISHED", 4, 9)
    assert evaltrail("sync").out == "nothing waits\n"


@pytest.mark.slow
def test_twenty_tasks_of_one_name_keep_every_value(export):
    """20 jobs of 59 values, all different: 1180 under unique names in one run, and 59 in each job's own."""
    for number in range(20):
        export.jobs.add(number=number, results=many_results("mmlu", job=number))
    values = {job + place / 1000 for job in range(20) for place in range(59)}
    receipt = only_receipt(export(INVOCATION))
    whole = export.run()
    measured = {name: value for name, value in whole.metrics.items() if "runtime/" not in name}
    assert (len(measured), set(measured.values())) == (1180, values)
    assert receipt.metrics_logged == len(whole.metrics)
    assert measured["mmlu.7/mmlu_score_macro"] == 7.001
    done = export(INVOCATION, runs="job", run_name="own")
    assert done.exit_code == 0
    own = [run for run in export.landed() if run.name == "own"]
    assert len(own) == 20
    found = [value for run in own for name, value in run.metrics.items() if not name.startswith("runtime/")]
    assert (len(found), set(found)) == (1180, values)


def test_an_evaluation_that_failed_lands_as_failed(evaltrail, export):
    """It was delivered well, so exit 0; that it failed is said by the run's status and by the receipt."""
    export.jobs.add()
    export.jobs.add(number=1, task="gpqa", ending="failed")
    export.jobs.add(number=2, task="arc", ending="killed")
    place = f"export.mlflow.experiment_name={export.experiment}"
    done = evaltrail.here("export", INVOCATION, "--json", "-o", place, "-o", "export.mlflow.runs=job")
    assert (done.code, done.errors) == (0, []), done.err
    assert {run.tags["task_name"]: run.status for run in export.landed()} == {
        "mmlu": "FINISHED",
        "gpqa": "FAILED",
        "arc": "KILLED",
    }
    jobs = done.object["jobs"]
    assert [jobs[f"{INVOCATION}.{number}"]["metadata"]["status"] for number in range(3)] == [
        "FINISHED",
        "FAILED",
        "KILLED",
    ]
    assert all(job["success"] for job in jobs.values())


def test_a_value_that_is_missing_loses_only_itself(export):
    """Null, NaN, a score without `value`: each is listed with its place, all others land."""
    scores = {
        "good": score(0.5),
        "null": score(None),
        "nan": score(float("nan")),
        "word": score("N/A"),
        "bare": {"stats": {"stderr": 0.1}},
        "text": score("0.75"),
    }
    export.jobs.add(results=with_score("acc", scores))
    receipt = only_receipt(export(INVOCATION, log_metrics=["acc"]))
    assert export.run().metrics == {"mmlu_acc_good": 0.5, "mmlu_acc_text": 0.75, "mmlu_acc_bare_stderr": 0.1}
    for name in ("null", "nan", "word", "bare"):
        told = [item for item in receipt.skipped if f"acc.scores.{name}" in item.what]
        assert len(told) == 1, receipt.skipped
        assert told[0].why


def test_a_tag_may_be_any_plain_value(evaltrail, export):
    """`version: 3.1` is a number to YAML and a tag to people; on the command line it stays as it was written."""
    export.jobs.add()
    config = evaltrail.cwd / "export.yaml"
    place = f"{{experiment_name: '{export.experiment}', tags: {{version: 3.1, mini: true, seed: 7, gone: null}}}}"
    config.write_text(f"export: {{mlflow: {place}}}")
    done = evaltrail("export", INVOCATION, "--config", config, "-o", "export.mlflow.tags.release=3.10")
    assert done.code == 0, done.err
    tags = export.run().tags
    assert (tags["version"], tags["mini"], tags["seed"], tags["release"]) == ("3.1", "true", "7", "3.10")
    assert "gone" not in tags


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("export.mlflow.expriment_name=x", "did you mean 'experiment_name'?"),
        ("export.mlfow.experiment_name=x", "did you mean 'export.mlflow'?"),
        ("export.mlflow.log_metric=acc", "did you mean 'log_metrics'?"),
        ("experiment_name=x", "write -o export.mlflow.KEY=VALUE"),
        ("export.mlflow.skip_existing", "write -o export.mlflow.KEY=VALUE"),
    ],
)
def test_a_typo_in_an_override_is_an_error_with_the_nearest_name(override, hint):
    """Nothing that was asked for is ignored."""
    with pytest.raises(InputError) as caught:
        read_options(overridden(Given(), [override]))
    assert caught.value.exit_code == 2
    assert caught.value.hint == hint


def test_a_typo_stops_the_command_before_anything_is_sent(evaltrail, export):
    """Exit 2, one line, no run."""
    export.jobs.add()
    done = evaltrail.here("export", INVOCATION, "-o", f"export.mlflow.experimentname={export.experiment}")
    assert (done.code, "did you mean 'experiment_name'?" in one_error(done)) == (2, True)
    assert export.runs() == []


@pytest.mark.parametrize("tag", ["job_id", "invocation_id", "evaltrail.key", "mlflow.parentRunId"])
def test_tags_that_say_whose_run_it_is_cannot_be_set(export, tag):
    """A user's tag never replaces one that a run is found by; the same value is no replacement."""
    export.jobs.add()
    done = export(INVOCATION, tags={tag: "other"})
    assert (done.exit_code, [error.code for error in done.errors]) == (2, ["bad_tag"])
    assert tag in str(done.errors[0])
    assert export.runs() == []


def test_tags_that_describe_keep_what_is_true(export):
    """The seed's own example sets `benchmark`: where the job says otherwise, its word stays and the receipt tells."""
    export.jobs.add()
    receipt = only_receipt(export(INVOCATION, tags={"benchmark": "other", "family": "llama"}))
    tags = export.run().tags
    assert (tags["benchmark"], tags["family"]) == ("mmlu", "llama")
    assert [item.what for item in receipt.skipped] == ["tag benchmark"]


def test_a_long_param_lands_whole(export):
    """Beyond 250 characters too, up to the 6000 that MLflow keeps; what is cut there is said."""
    export.jobs.add(params={"extra": {"system_prompt": "s" * 450}})
    metadata = {"long": "x" * 5000, "longest": "y" * 7000, "model.card": {"text": "z" * 251}}
    receipt = only_receipt(export(INVOCATION, extra_metadata=metadata))
    params = export.run().params
    assert params["config.params.extra.system_prompt"] == "s" * 450
    assert (params["long"], params["model.card.text"]) == ("x" * 5000, "z" * 251)
    assert params["longest"] == "y" * 6000
    assert [item.what for item in receipt.skipped] == ["param longest"]
    assert "7000 characters" in receipt.skipped[0].why


def test_ids_of_digits_alone_are_ids(evaltrail, export):
    """No part of the way takes `12345678` for a number."""
    export.jobs.add("1234567812345678")
    export.jobs.add("1234567812345678", 1, "arc")
    place = f"export.mlflow.experiment_name={export.experiment}"
    done = evaltrail.here("export", "12345678", "-o", place, "--json")
    assert (done.code, done.object["invocation_id"]) == (0, "1234567812345678"), done.err
    again = evaltrail.here("export", "12345678.1", "-o", place, "-o", "export.mlflow.run_name=20251219", "--json")
    assert (again.code, list(again.object["jobs"])) == (0, ["1234567812345678.1"]), again.err
    assert {run.name for run in export.landed()} == {"eval-1234567812345678", "20251219"}
