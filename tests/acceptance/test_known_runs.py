"""`ls runs`, `info`, `status` and `logs` over our ledger and the launcher's execution database."""

from __future__ import annotations

import shutil

import pytest
from exporting import Exporting, own_evaluation
from installed import Installed, one_error

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.service.history.evaluations import find_known
from evaltrail.service.history.invocations import describe_invocation
from evaltrail.service.history.known_runs import latest_runs
from launcher_jobs import INVOCATION, MODEL

OWN = "00c0ffee00c0ffee"
_LIST = """
import sys
import evaltrail.cli.main as cli
code = cli.main(sys.argv[1:])
heavy = ("mlflow", "sqlalchemy", "yaml", "pyarrow", "numpy", "pandas", "jinja2", "asyncio")
print("LOADED", code, *(name for name in heavy if name in sys.modules))
"""


class User:
    """One user's home; nothing here asks MLflow."""

    def __init__(self, folder):
        self.export = Exporting(folder, "", "")
        self.jobs = self.export.jobs
        self.evaltrail = Installed(folder)
        self.settings = load_settings(self.export.environ, None)

    def described(self, wanted):
        """An invocation as `status --json` tells it."""
        return describe_invocation(find_known(self.settings, wanted), self.settings)


@pytest.fixture
def user(tmp_path):
    return User(tmp_path)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """An evaluation of ours, and an invocation with a job of every state."""
    user = User(tmp_path_factory.mktemp("mixed"))
    own_evaluation(user.export, OWN)
    endings = ("success", "failed", "killed", "interrupted", "running", "pending")
    for number, ending in enumerate(endings):
        user.jobs.add(number=number, task=f"task_{number}", ending=ending)
    user.jobs.broken_line("{oops")
    return user


def test_runs_of_both_kinds_are_listed_newest_first(mixed):
    """One table: ids, states, progress in samples or jobs, tasks; broken lines of the database are a notice."""
    done = mixed.evaltrail("ls", "runs")
    assert done.code == 0
    assert done.err.splitlines() == [
        line for line in done.err.splitlines() if "exec.v1.jsonl:7: it holds no job" in line
    ]
    _, _, first, second = done.out.splitlines()
    assert first.split()[:5] == [OWN, "completed", "5/5", "samples", "model-a"]
    assert second.split()[:5] == [INVOCATION, "running", "4/6", "jobs", MODEL]
    assert "simple_evals.task_0, simple_evals.task_1, simple_evals.task_2, simple_evals.task_3, 2 more" in second
    assert len(mixed.evaltrail("ls", "--limit", 1).out.splitlines()) == 3


def test_programs_get_the_same_list(mixed):
    """`--json`: one object, the same names for both kinds, the launcher's with their jobs."""
    runs = mixed.evaltrail.runs()
    assert [run["evaluation_id"] for run in runs] == [OWN, INVOCATION]
    assert [run["source"] for run in runs] == ["evaltrail", "nemo-evaluator-launcher"]
    assert runs[0].keys() == runs[1].keys() - {"jobs"}
    assert runs[1]["progress"] == {"done": 4, "total": 6}


@pytest.mark.parametrize("words", [("ls", "runs"), ("status",), ("logs", f"{INVOCATION}.0")])
def test_listing_loads_nothing_heavy(mixed, words):
    """It answers at once: no YAML, no MLflow, no database library."""
    done = mixed.evaltrail.python(_LIST, *words)
    assert done.out.splitlines()[-1] == "LOADED 0"


def test_the_status_of_an_invocation_names_every_job(mixed):
    """Pending, running, killed (by flag or by file) and failed ones, each with what to do."""
    done = mixed.evaltrail("status", "8abcd123")
    states = ["success", "failed", "killed", "killed", "running", "pending"]
    head, *lines = done.out.splitlines()
    assert head == f"{INVOCATION}: running, 4 of 6 jobs, model {MODEL}, started 2025-12-19 11:27:33"
    codes = {1: ", exit code 1"}
    assert [line for line in lines if not line.startswith("    ")] == [
        f"  {INVOCATION}.{number}: {state}, simple_evals.task_{number}{codes.get(number, '')}"
        for number, state in enumerate(states)
    ]
    assert lines[2] == f"    job {INVOCATION}.1 failed with exit code 1 (`evaltrail logs {INVOCATION}.1` shows its log)"
    assert [lines[place].partition(" (")[0] for place in (4, 6)] == [
        f"    job {INVOCATION}.{number} was killed" for number in (2, 3)
    ]


def test_the_status_for_programs(mixed):
    """State, progress and errors under the names that an evaluation of ours has them."""
    found = mixed.evaltrail("status", INVOCATION, "--json").object
    own = mixed.evaltrail("status", OWN, "--json").object
    assert found.keys() - own.keys() == {"jobs"}
    assert (found["state"], found["progress"], found["ended_at"]) == ("running", {"done": 4, "total": 6}, None)
    assert [error["code"] for error in found["errors"]] == ["job_failed", "job_killed", "job_killed"]
    assert (own["state"], own["progress"]) == ("completed", {"done": 5, "total": 5})


@pytest.mark.parametrize("wanted", [INVOCATION, f"{INVOCATION}.0", OWN])
@pytest.mark.parametrize("command", ["status", "info"])
def test_programs_read_ok_and_the_exit_code_of_one_id_too(mixed, command, wanted):
    """As every other object says it."""
    found = mixed.evaltrail.here(command, wanted, "--json").object
    assert (found["ok"], found["exit_code"]) == (True, 0)
    assert found["evaluation_id"] in wanted


def test_the_info_of_an_invocation_shows_its_metrics(mixed):
    """Metrics by job; a job that has not ended is no complaint."""
    found = mixed.evaltrail("info", "8abcd123", "--json").object
    assert found["metrics"][f"{INVOCATION}.0"]["task_0_score_macro"] == 0.6825
    assert found["metrics"][f"{INVOCATION}.0"]["task_0_score_micro_stderr"] == 0.0041
    assert found["unread"] == []
    shown = mixed.evaltrail("info", "8abcd123").out
    assert "task_0_score_macro" in shown
    assert "0.6825" in shown
    assert f"folder: {mixed.jobs.outputs}" in shown


def test_the_log_of_a_job_is_shown(mixed):
    """One job's log; of several jobs each line with its job's id, and a job without a log says so."""
    done = mixed.evaltrail("logs", "8abcd123.1")
    assert (done.code, done.out) == (0, "the job began\nit is failed\n")
    several = mixed.evaltrail("logs", "8abcd123")
    assert several.out.splitlines()[2:4] == [f"{INVOCATION}.1: the job began", f"{INVOCATION}.1: it is failed"]
    none = mixed.evaltrail("logs", "8abcd123.5", "--json")
    assert (none.code, none.object["errors"][0]["code"]) == (2, "no_log")
    assert "evaltrail status" in one_error(none)


@pytest.mark.parametrize(
    ("endings", "state"),
    [
        (("success", "success"), "completed"),
        (("success", "failed"), "partially_failed"),
        (("success", "killed"), "partially_failed"),
        (("failed", "failed"), "failed"),
        (("failed", "killed"), "cancelled"),
        (("killed",), "cancelled"),
        (("pending", "pending"), "pending"),
        (("success", "pending"), "running"),
        (("failed", "running"), "running"),
    ],
)
def test_one_word_says_how_an_invocation_stands(user, endings, state):
    """The words are those of our own evaluations; it has ended when all of its jobs have."""
    for number, ending in enumerate(endings):
        user.jobs.add(number=number, ending=ending)
    found = user.described(INVOCATION)
    assert found["state"] == state
    assert found["progress"]["total"] == len(endings)
    has_exit = "success" in endings or "failed" in endings
    assert (found["ended_at"] is not None) == (has_exit and not {"pending", "running"}.intersection(endings))


def test_a_folder_that_is_gone_is_told(user):
    """A job without a folder here has not failed: it is pending, with the reason and the path."""
    folder = user.jobs.add()
    shutil.rmtree(folder)
    user.jobs.line(INVOCATION, 1, None)
    found = user.described(INVOCATION)
    assert [job["state"] for job in found["jobs"]] == ["pending", "pending"]
    (error,) = found["errors"]
    assert (error["code"], error["where"]) == ("no_folder", str(folder))
    shown = user.evaltrail("info", INVOCATION)
    assert shown.code == 0
    assert f"the folder of job {INVOCATION}.0 is not here" in shown.out


def test_an_id_may_name_one_job(user):
    """`status <inv>.<n>` is about this job alone."""
    user.jobs.add()
    user.jobs.add(number=1, task="gpqa", ending="failed")
    found = user.described("8abc.1")
    assert ([job["job_id"] for job in found["jobs"]], found["state"]) == ([f"{INVOCATION}.1"], "failed")
    assert found["out"] == found["jobs"][0]["folder"]


@pytest.mark.parametrize("command", ["status", "info", "logs"])
def test_a_beginning_of_both_kinds_of_id_is_ambiguous(user, command):
    """Exit 2 with both; more of the id tells them apart."""
    own_evaluation(user.export, "8abcd123deadbeef")
    user.jobs.add()
    done = user.evaltrail(command, "8abcd123")
    assert done.code == 2
    assert f"8abcd123deadbeef (evaltrail), {INVOCATION} (NeMo launcher)" in one_error(done)
    assert find_known(user.settings, "8abcd123d").id == "8abcd123deadbeef"
    assert find_known(user.settings, "8abcd123f")[0].invocation_id == INVOCATION


def test_an_unknown_id_is_refused_with_the_nearest(user):
    """Exit 2; where nothing is near, the way to see all."""
    user.jobs.add()
    with pytest.raises(InputError, match=f"did you mean '{INVOCATION}'"):
        find_known(user.settings, INVOCATION.replace("f", "e"))
    done = user.evaltrail("status", "zz")
    assert (done.code, "`evaltrail ls runs` shows them" in one_error(done)) == (2, True)


def test_the_database_may_lie_elsewhere_and_hold_anything(user, tmp_path):
    """NEMO_EVALUATOR_EXEC_DB_FILE names it; ids of digits, lines without a time and broken ones do no harm."""
    user.jobs.add("1234567812345678")
    user.jobs.broken_line('{"invocation_id": 77, "job_id": "77.0", "data": null, "timestamp": "soon", "config": []}')
    user.jobs.broken_line('{"invocation_id": "x"}')
    user.jobs.broken_line("\U0001f600 [")
    moved = tmp_path / "other.jsonl"
    user.jobs.database.rename(moved)
    assert latest_runs(user.settings, limit=9).items == ()
    settings = load_settings({**user.export.environ, "NEMO_EVALUATOR_EXEC_DB_FILE": str(moved)}, None)
    latest = latest_runs(settings, limit=9)
    assert [item["evaluation_id"] for item in latest.items] == ["1234567812345678", "77"]
    assert [note.what for note in latest.notes] == ["other.jsonl:3", "other.jsonl:4"]


def test_nothing_at_all_is_said_kindly(user):
    """Neither a ledger nor a database is no error."""
    assert "nothing ran yet" in user.evaltrail("ls", "runs").out
