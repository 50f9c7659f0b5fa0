"""The commands around `run`: what they print, for people and for programs, and how they end."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from installed import SCRIPT, Installed, ended, one_error, until
from sums import TASK, write_sums
from tracking import Tracking

from mlflow_server import free_port
from mock_endpoint import MockEndpoint

COMMANDS = (
    "demo",
    "run",
    "ls",
    "status",
    "info",
    "logs",
    "samples",
    "sync",
    "doctor",
    "ui",
    "serve",
    "up",
    "submit",
    "keys",
)
CLOSED = "http://127.0.0.1:1"
NO_NETWORK = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), CLOSED),
    "NO_PROXY": "",
}


class Demo:
    """The main job, run once where no network answers."""

    def __init__(self, folder):
        self.evaltrail = Installed(folder, **NO_NETWORK)
        self.done = self.evaltrail("demo", timeout=120)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return Demo(tmp_path_factory.mktemp("demo"))


class Scored:
    """One finished evaluation of ten sums: one is wrong, one is unscored; nothing was delivered."""

    def __init__(self, folder):
        self.evaltrail = Installed(folder)
        cwd = self.evaltrail.cwd
        write_sums(cwd, 10)
        rows = [json.loads(line) for line in (cwd / "sums.jsonl").read_text().splitlines()]
        rows[3]["answer"] = "=1+1"
        rows[5]["question"] = "no sum, so the answer has no such form"
        (cwd / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        metrics = "[exact_match, token_f1]\nextract: {regex: '^(?!42).+$'}"
        (cwd / "sums.yaml").write_text(TASK.format(name="sums").replace("[exact_match]", metrics))
        with MockEndpoint() as endpoint:
            words = ("--url", endpoint.url, "--no-deliver", "--json", "--out", "out")
            self.done = self.evaltrail("run", "sums.yaml", "--model", "m", *words)
        self.id = self.done.object["evaluation_id"]

    def samples(self, *words):
        """Ids of the samples that are shown."""
        shown = self.evaltrail("samples", self.id, "--json", *words)
        assert shown.code == 0, shown.err
        return [sample["id"] for sample in shown.object["samples"]]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    return Scored(tmp_path_factory.mktemp("scored"))


def test_the_demo_works_without_network_and_key(demo):
    """Exit 0, a table with two models, run ids, and what to type next."""
    assert demo.done.code == 0, demo.done.err
    assert "baseline:extractive" in demo.done.out
    assert "baseline:random" in demo.done.out
    assert "evaltrail ui" in demo.done.out


def test_the_demo_lands_in_the_default_store(demo):
    """Documents, questions and two evaluations are FINISHED runs in MLflow's own default store, their ids printed."""
    tracking = Tracking(f"sqlite:///{demo.evaltrail.cwd / 'mlflow.db'}")
    uploads, (generation,), evaluations = map(tracking.runs, ("data_upload_api", "data_generation", "evaluation"))
    assert (len(uploads), len(evaluations)) == (4, 2)
    assert {run.info.status for run in (*uploads, generation, *evaluations)} == {"FINISHED"}
    assert all(run.info.run_id in demo.done.out for run in (*uploads, generation, *evaluations))


def test_a_run_of_the_demo_is_followed_back_to_its_documents(demo):
    """Tags and dataset inputs lead from an evaluation to the questions, and from these to each document's run."""
    tracking = Tracking(f"sqlite:///{demo.evaltrail.cwd / 'mlflow.db'}")
    uploads, (generation,), evaluations = map(tracking.runs, ("data_upload_api", "data_generation", "evaluation"))
    dataset = generation.data.tags["evaltrail.dataset"]
    for run in evaluations:
        assert run.data.tags["evaltrail.dataset"] == dataset
        assert run.data.tags["evaltrail.generation_run_id"] == generation.info.run_id
        (asked,) = run.inputs.dataset_inputs
        assert {tag.key: tag.value for tag in asked.tags} == {"mlflow.data.context": "evaluation"}
    assert set(generation.data.tags["evaltrail.upload_run_id"].split(",")) == {run.info.run_id for run in uploads}
    used = generation.inputs.dataset_inputs
    assert {each.dataset.digest for each in used} == {run.data.tags["evaltrail.upload"] for run in uploads}
    assert {tag.value for each in used for tag in each.tags} == {"generation"}


@pytest.mark.slow
def test_what_the_demo_tells_to_type_works(demo):
    """The `samples` line of its last words can be typed as it stands."""
    lines = [line.strip() for line in demo.done.out.splitlines()]
    line = next(line for line in lines if line.startswith("evaltrail samples"))
    shown = demo.evaltrail(*line.split("   ")[0].split()[1:])
    assert shown.code == 0, shown.err
    assert "expected:" in shown.out


@pytest.mark.slow
def test_ui_serves_mlflows_pages_until_interrupted(demo):
    """`ui` prints its address, GET / answers 200 over the demo's store, and Ctrl-C ends it and all it started."""
    port = free_port()
    process = demo.evaltrail.start("ui", "--port", port, "--json")

    def answers():
        assert process.poll() is None, process.communicate()
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
                return page.status == 200
        except (URLError, OSError):
            return False

    try:
        until(answers, seconds=60, pause=0.2)
        process.send_signal(signal.SIGINT)
        done = ended(process, timeout=30)
    finally:
        demo.evaltrail.end_all()
    assert done.code in {0, 130}
    assert str(port) in done.object["url"]
    with pytest.raises((URLError, OSError)):
        urlopen(f"http://127.0.0.1:{port}/", timeout=2)


def test_ui_of_a_server_says_where_it_is(evaltrail, mlflow_url):
    """For a tracking server there is nothing to start: its address is printed."""
    assert evaltrail.here("ui").out.strip() == mlflow_url
    assert evaltrail.here("ui", "--json").object["url"] == mlflow_url


@pytest.mark.slow
def test_ui_on_a_port_that_is_taken_says_so(demo, mlflow_url):
    """Somebody else's pages are not ours: exit 2 with another port as the next step."""
    done = demo.evaltrail("ui", "--port", mlflow_url.rpartition(":")[2], timeout=60)
    assert done.code == 2
    assert "--port" in one_error(done)


def test_ls_status_info_and_logs_agree(scored):
    """Every way to look at an evaluation tells the same id, state and counts; any unique prefix will do."""
    (listed,) = scored.evaltrail.runs()
    status = scored.evaltrail("status", scored.id[:5], "--json").object
    info = scored.evaltrail("info", scored.id[:5], "--json").object
    assert listed["evaluation_id"] == status["evaluation_id"] == info["evaluation_id"] == scored.id
    assert listed["state"] == status["state"] == info["state"] == "completed"
    assert status["progress"] == {"done": 10, "total": 10}
    assert info["metrics"] == scored.done.object["metrics"]
    lines = scored.evaltrail("logs", scored.id, "--json").object["lines"]
    assert any("asking m at" in line for line in lines)


@pytest.mark.parametrize("command", ["ls", "status", "info", "logs", "samples"])
def test_people_get_text(scored, command):
    """Without --json the same commands print plain lines that name the evaluation or its content."""
    words = () if command == "ls" else (scored.id,)
    done = scored.evaltrail(command, *words)
    assert (done.code, done.err) == (0, "")
    wanted = {"logs": "asking m at", "samples": "Item 1: What is 1 + 3?"}
    assert wanted.get(command, scored.id) in done.out


def test_ls_in_an_empty_home_says_what_to_do(tmp_path):
    """Nothing ran yet: exit 0 and a next step."""
    done = Installed(tmp_path)("ls")
    assert (done.code, "evaltrail demo" in done.out) == (0, True)


def test_metrics_are_listed(evaltrail):
    """Every one with its kind and needs; a word chooses; nothing else is looked for."""
    done = evaltrail.here("ls", "metrics", "f1")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1].split() == ["token_f1", "heuristic", "0..1", "higher", "target"]
    (safety,) = evaltrail.here("ls", "metrics", "safety", "--limit", 1, "--json").object["metrics"]
    assert safety == {"name": "safety", "kind": "judge", "values": "true/false", "better": "higher", "needs": "judge"}
    assert evaltrail.here("ls", "metrics", "nothingatall").err == "no metric is like 'nothingatall'\n"
    assert evaltrail.here("ls", "tasks", "nothingatall").err == "no task is like 'nothingatall'\n"
    assert one_error(evaltrail.here("ls", "providers", "word"))


@pytest.mark.slow
def test_failed_and_unscored_samples_are_chosen(scored):
    """--failed shows what scored below 1, --unscored what has no score; --metric lets one metric decide."""
    assert len(scored.samples()) == 10
    assert scored.samples("--failed") == ["q3", "q7"]
    assert scored.samples("--unscored") == ["q5"]
    assert scored.samples("--failed", "--metric", "exact_match") == ["q3", "q7"]
    assert scored.samples("--limit", "2") == ["q0", "q1"]


def test_samples_of_a_folder_are_those_of_the_evaluation(scored):
    """A bundle folder is named in place of an id."""
    shown = scored.evaltrail("samples", "out", "--failed", "--json").object["samples"]
    assert [sample["id"] for sample in shown] == ["q3", "q7"]
    assert shown[1]["output"] == "11"
    assert shown[0]["reference"] == ["=1+1"]


def test_an_unknown_metric_is_named_with_the_nearest(scored):
    """A slip in --metric: exit 2 and the metric that was meant."""
    done = scored.evaltrail("samples", scored.id, "--metric", "exact_mach")
    assert (done.code, "exact_match" in done.err) == (2, True)


def test_the_csv_file_holds_every_sample_and_no_formula(scored):
    """One row a sample; a cell that a spreadsheet would run begins with an apostrophe."""
    done = scored.evaltrail("samples", scored.id, "--csv", "all.csv")
    assert done.code == 0, done.err
    with (scored.evaltrail.cwd / "all.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"q{number}" for number in range(10)]
    assert rows[3]["reference"] == "'=1+1"
    assert (rows[0]["exact_match"], rows[7]["exact_match"]) == ("True", "False")
    assert "no_match" in rows[5]["exact_match"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_sync_with_an_empty_outbox_is_fine(evaltrail):
    """Nothing waits: exit 0, for programs an empty list."""
    assert evaltrail.here("sync").out == "nothing waits\n"
    assert evaltrail.here("sync", "--json").object == {"ok": True, "exit_code": 0, "receipts": [], "errors": []}


def test_doctor_finds_everything_in_order(evaltrail, endpoint):
    """Server and endpoint answer: every check is ok, exit 0, and the endpoint was asked once."""
    done = evaltrail.here("doctor", "--url", endpoint.url, "--model", "m", "--json")
    assert (done.code, done.object["ok"]) == (0, True), done.out
    assert all(check["ok"] for check in done.object["checks"])
    assert {"MLflow", "endpoint", "outbox"} <= {check["what"] for check in done.object["checks"]}
    assert endpoint.stats()["total"] == 1


@pytest.mark.slow
def test_doctor_names_what_is_wrong(tmp_path):
    """Neither MLflow nor the endpoint answers: exit 1, both are named, the other checks are still made."""
    evaltrail = Installed(tmp_path, MLFLOW_TRACKING_URI=CLOSED)
    done = evaltrail("doctor", "--url", f"{CLOSED}/v1", "--model", "m")
    wrong = [line for line in done.out.splitlines() if line.startswith("WRONG")]
    assert done.code == 1
    assert [line.split()[1] for line in wrong] == ["MLflow", "endpoint"]
    assert "EVALTRAIL_HOME" in done.out


def test_doctor_names_a_key_that_is_not_set(evaltrail, endpoint):
    """The unset variable stands in the table as what is wrong with the endpoint."""
    words = ("--url", endpoint.url, "--model", "m", "--api-key-env", "NOT_SET_2")
    done = evaltrail.here("doctor", *words)
    assert (done.code, "NOT_SET_2" in done.out) == (1, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(tmp_path, command):
    """Every command's help ends with a line that could be typed, and names --json."""
    done = Installed(tmp_path)(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"example: evaltrail {command}" in done.out
    assert "--json" in done.out


def test_help_lists_every_command(tmp_path):
    """`--help` names each command; nothing is written to the home."""
    evaltrail = Installed(tmp_path)
    done = evaltrail("--help")
    assert done.code == 0
    assert all(f"    {command} " in done.out for command in COMMANDS)
    assert not evaltrail.home.exists()


def test_the_version_is_one_line(tmp_path):
    """`--version` prints name and version."""
    done = Installed(tmp_path)("--version")
    assert done.code == 0
    assert done.out.split()[0] == "evaltrail"
    assert done.out.count("\n") == 1


@pytest.mark.parametrize("command", ["samples", "logs", "ls"])
def test_a_reader_that_goes_away_is_no_error(scored, command):
    """`| head -1` closes the pipe: no traceback, nothing on stderr."""
    words = f"{command} {scored.id if command != 'ls' else ''}"
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{SCRIPT}' {words} | head -1"],
        cwd=scored.evaltrail.cwd,
        env=scored.evaltrail.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_a_closed_stdout_does_not_stop_a_run(evaltrail, endpoint):
    """Nobody reads the table: the evaluation is finished and recorded all the same."""
    write_sums(evaltrail.cwd, 10)
    process = evaltrail.start("run", "sums.yaml", "--model", "m", "--url", endpoint.url, "--no-deliver")
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert evaltrail.runs()[0]["state"] == "completed"


@pytest.mark.slow
def test_a_long_list_into_a_closed_pipe_is_no_error(evaltrail, endpoint):
    """More output than a pipe holds: the command ends quietly when its reader has gone."""
    write_sums(evaltrail.cwd, 2000)
    words = ("--url", endpoint.url, "--no-deliver", "--json")
    made = evaltrail("run", "sums.yaml", "--model", "m", *words).object
    process = evaltrail.start("samples", made["evaluation_id"], "--limit", 2000)
    process.stdout.readline()
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert err == ""
