"""Files that are asked for later, by another attempt at the same time, or after one that was cut short."""

from __future__ import annotations

import threading

import pytest
from exporting import Exporting, only_receipt

from evaltrail.config.settings import load_settings
from evaltrail.service.deliver import open_destination
from launcher_jobs import INVOCATION, REQUIRED
from mlflow_proxy import unreliable
from mlflow_server import content_of

LOGS = {"stdout.log", "stage.pre-start", "stage.running", "stage.exit"}
PUT = "PUT"


@pytest.fixture
def export(tmp_path, mlflow_url, experiment):
    return Exporting(tmp_path, mlflow_url, experiment)


def files(export):
    """The names of the only run's files."""
    return {path.rpartition("/")[2] for path in content_of(export.url, export.run().raw)["artifacts"]}


def test_what_is_added_is_told_by_name_not_by_number(export):
    """Four logs landed before do not pass for the script that is asked for now."""
    export.jobs.add()
    only_receipt(export(INVOCATION, log_logs=True))
    later = only_receipt(export(INVOCATION, only_required=False))
    assert files(export) == REQUIRED | LOGS | {"run.sh"}
    assert later.artifacts_logged == 9


def test_another_machine_finds_out_which_files_a_run_has(export, tmp_path):
    """A run without files is not told as having them: they are sent."""
    export.jobs.add()
    first = only_receipt(export(INVOCATION, copy_artifacts=False))
    export.environ = export.environ | {"EVALTRAIL_HOME": str(tmp_path / "another machine")}
    later = only_receipt(export(INVOCATION))
    assert (later.run_id, later.artifacts_logged) == (first.run_id, 4)
    assert files(export) == REQUIRED


@pytest.mark.slow
def test_an_attempt_with_other_files_goes_on_where_one_was_cut_short(export):
    """What was sent is known by its path, so that no file is taken for another."""
    export.jobs.add()
    puts = []

    def judge(method, path, _count):
        puts.extend([path] if method == PUT else [])
        return "refuse" if len(puts) > 6 else "forward"

    with unreliable(export.url, judge) as proxy:
        export.environ["MLFLOW_TRACKING_URI"] = proxy.url
        cut = export(INVOCATION, only_required=False, log_logs=True)
        assert cut.exit_code == 3
        proxy.judge = lambda *_: "forward"
        receipt = only_receipt(export(INVOCATION, exclude_patterns=["stage.*"]))
    assert receipt.status == "FINISHED"
    assert files(export) >= REQUIRED


@pytest.mark.slow
def test_what_could_not_be_added_waits_for_sync(export):
    """Exit 3 promises that sync sends the rest, also where the run itself was whole already."""
    export.jobs.add()
    with unreliable(export.url, lambda *_: "forward") as proxy:
        export.environ["MLFLOW_TRACKING_URI"] = proxy.url
        only_receipt(export(INVOCATION))
        proxy.judge = lambda method, *_: "refuse" if method == PUT else "forward"
        assert export(INVOCATION, log_logs=True).exit_code == 3
        proxy.judge = lambda *_: "forward"
        (sent,) = open_destination(load_settings(export.environ, None)).sync()
    assert (sent.error, sent.receipt.is_existing) == (None, True)
    assert files(export) == REQUIRED | LOGS
    assert not list((export.folder / "home" / "outbox" / "staged").iterdir())


def test_two_attempts_at_once_with_other_files_mix_nothing_up(export):
    """Each has files of its own; every file lands with its own content."""
    job = export.jobs.add()
    inside = threading.Event()

    def judge(method, _path, _count):
        if method == PUT:
            inside.set()
        return "forward"

    with unreliable(export.url, judge) as proxy:
        export.environ["MLFLOW_TRACKING_URI"] = proxy.url
        first = threading.Thread(target=export, args=(INVOCATION,), kwargs={"only_required": False})
        first.start()
        assert inside.wait(20)
        second = export(INVOCATION, log_logs=True, exclude_patterns=["eval_factory_metrics.json"])
        first.join()
    assert second.exit_code == 0
    landed = content_of(export.url, export.run().raw)["artifacts"]
    assert files(export) == REQUIRED | LOGS | {"run.sh"}
    for name in REQUIRED:
        (path,) = (path for path in landed if path.endswith(name))
        assert landed[path] == (job / "artifacts" / name).read_bytes()


def test_an_invocation_that_has_grown_supersedes_what_was_told_of_it(export):
    """Another job has ended since: the new run of the whole names the earlier one."""
    export.jobs.add()
    export.jobs.add(number=1, task="gpqa", ending="running")
    partly = export(INVOCATION)
    assert partly.exit_code == 1
    ((early,),) = (outcome.receipts for outcome in partly.outcomes)
    logs = export.jobs.outputs.glob("*/gpqa.1/logs")
    (next(logs) / "stage.exit").write_text("2025-12-19T11:30:33Z 1\n")
    whole = only_receipt(export(INVOCATION))
    tags = {run.id: run.tags for run in export.landed()}
    assert tags[whole.run_id]["evaltrail.supersedes"] == early.run_id


def test_a_name_or_note_that_is_given_later_is_told_as_left_out(export):
    """The run keeps its own; the receipt does not pass it over."""
    export.jobs.add()
    only_receipt(export(INVOCATION))
    later = only_receipt(export(INVOCATION, description="hello", run_name="other"))
    assert sorted(item.what for item in later.skipped) == ["description", "run name"]
