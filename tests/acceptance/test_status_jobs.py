"""`status` over jobs of ours: what runs, what never began, what ended without a word, and what became of deliveries."""

from __future__ import annotations

import time

import pytest
from exporting import own_evaluation
from installed import Installed, one_error

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.service.history.evaluations import find_known
from evaltrail.service.history.invocations import describe_invocation
from evaltrail.store.job_files import JobOutcome
from launcher_jobs import LauncherJobs
from mlflow_bundles import some_bundle
from own_jobs import AWAY, INVOCATION, RUN_URL, OwnJobs, counted, delivered

OTHER = "0123456789abcdef"
OWN = "00c0ffee00c0ffee"
URI = "http://127.0.0.1:5000"


class User:
    """One user's home with jobs of ours; no server is asked."""

    def __init__(self, folder):
        self.jobs = OwnJobs(folder / "user")
        self.evaltrail = Installed(folder)
        self.folder = folder
        self.settings = load_settings(self.evaltrail.environ, None)

    def described(self, wanted=INVOCATION):
        """An invocation as `status --json` tells it."""
        return describe_invocation(find_known(self.settings, wanted), self.settings)

    def slurm(self, *queue):
        """A Slurm with such a queue on the PATH; the file in which its calls are noted."""
        tools, calls = self.folder / "slurm", self.folder / "calls"
        tools.mkdir()
        for name, lines in (("squeue", queue), ("sacct", ())):
            script = (
                f"#!/bin/sh\necho {name} >> {calls}\ncat <<'END'\n" + "".join(f"{line}\n" for line in lines) + "END\n"
            )
            (tools / name).write_text(script)
            (tools / name).chmod(0o755)
        self.evaltrail.environ["PATH"] = f"{tools}:{self.evaltrail.environ['PATH']}"
        return calls

    def plan(self, **tags):
        """The plan of a delivery with these tags."""
        options = DeliveryOptions(tags=tags)
        (plan,) = plan_bundle(some_bundle(self.folder / "bundle"), options, version="0")
        return plan

    def waits(self, **tags):
        """Put a delivery with these tags into the outbox."""
        with Outbox(self.settings.home / "outbox") as outbox:
            return outbox.put(self.plan(**tags), URI)

    def sent(self, waiting):
        """A delivery that waited is finished."""
        with Outbox(self.settings.home / "outbox") as outbox:
            outbox.finish(waiting, Receipt(run_id="r", experiment_id="1", status="FINISHED"))


@pytest.fixture
def user(tmp_path):
    return User(tmp_path)


def test_a_running_job_tells_its_samples(user):
    """Done of how many, as its folder says; the whole runs as long as one of its jobs does."""
    user.jobs.add(0, outcome=JobOutcome(task_code=0, counts=counted(40)))
    with user.jobs.running(user.jobs.add(1, "running", progress=120, total=200)):
        done = user.evaltrail("status", "5eed")
    assert done.out.splitlines() == [
        f"{INVOCATION}: running, 1 of 2 jobs, model model-a, started 2026-01-01 12:00:00",
        f"  {INVOCATION}.0: success, native.capitals, 40 samples",
        f"  {INVOCATION}.1: running, native.capitals, 120 of 200 samples",
    ]


def test_samples_of_a_harness_have_no_total(user):
    """What nothing says is not made up."""
    with user.jobs.running(user.jobs.add(0, "running", progress=7)):
        (job,) = user.described()["jobs"]
    assert job["progress"] == {"done": 7, "total": None}


def test_a_job_without_its_launcher_never_counts_as_running(user):
    """It waits for nobody: the invocation is over, and the next step is to resume it."""
    user.jobs.add(0)
    user.jobs.add(1, "pending")
    done = user.evaltrail("status", "5eed")
    assert done.out.splitlines()[0].startswith(f"{INVOCATION}: partially_failed, 1 of 2 jobs")
    assert done.out.splitlines()[2:] == [
        f"  {INVOCATION}.1: not started, native.capitals",
        f"    job {INVOCATION}.1 was not started: its launcher is gone (`evaltrail resume {INVOCATION}.1` starts it)",
    ]
    found = user.evaltrail("status", f"{INVOCATION}.1", "--json").object
    assert (found["state"], found["errors"][0]["code"]) == ("cancelled", "not_started")
    assert (found["jobs"][0]["state"], found["progress"]) == ("pending", {"done": 0, "total": 1})


def test_a_job_that_waits_for_its_launcher_is_pending(user):
    """Whoever holds the lock may still start it; nothing is wrong."""
    user.jobs.add(0)
    user.jobs.add(1, "pending")
    with user.jobs.launching():
        found = user.described()
    assert (found["state"], [job["state"] for job in found["jobs"]]) == ("running", ["success", "pending"])
    assert found["errors"] == []


def test_a_launcher_that_has_just_written_its_jobs_down_is_no_gone_one(user):
    """It writes its jobs down before it holds its lock."""
    user.jobs.add(0, "pending", written=time.time())
    assert user.described()["state"] == "pending"


def test_a_job_in_the_queue_of_slurm_waits_for_no_launcher(user):
    """Where Slurm cannot be asked, the folder's word stands."""
    user.jobs.add(0, "pending", slurm_id="17")
    found = user.described()
    assert (found["state"], found["errors"]) == ("pending", [])


def test_slurm_is_asked_once_for_all_its_jobs(user):
    """Its word counts where a job has not put down its end; one that it does not know any more is over."""
    calls = user.slurm("17|RUNNING", "18|PENDING", "27|RUNNING")
    for number, how in enumerate(("running", "pending", "abandoned", "success")):
        user.jobs.add(number, how, slurm_id=str(17 + number))
    user.jobs.add(0, "running", invocation=OTHER, slurm_id="27")
    runs = user.evaltrail("status", "--json").object["runs"]
    assert [[job["state"] for job in run["jobs"]] for run in runs] == [
        ["running", "pending", "killed", "success"],
        ["running"],
    ]
    assert calls.read_text().count("squeue") == 1


def test_a_job_of_slurm_is_followed_until_it_is_gone(user):
    """Where it put down no end, Slurm's word is the end of `logs -f` too."""
    user.slurm()
    folder = user.jobs.add(0, "running", slurm_id="17")
    (folder / "logs" / "slurm-17.log").write_text("out of memory\n")
    done = user.evaltrail("logs", "-f", "5eed", timeout=20)
    assert (done.code, done.out) == (0, "out of memory\n")


def test_a_job_of_another_program_that_waits_is_pending(user):
    """Only our own launchers hold a lock."""
    LauncherJobs(user.folder / "user").add(ending="pending")
    assert user.described("8abcd123")["state"] == "pending"


def test_a_process_that_is_gone_is_told(user):
    """Neither an end nor a marker: it ended without a word."""
    user.jobs.add(0, "abandoned", progress=3, total=9)
    done = user.evaltrail("status", "5eed")
    assert done.out.splitlines()[1:] == [
        f"  {INVOCATION}.0: killed, native.capitals, 3 of 9 samples",
        f"    job {INVOCATION}.0: its process ended without a word (`evaltrail resume {INVOCATION}.0` goes on)",
    ]
    assert user.described()["state"] == "cancelled"


def test_a_job_that_was_told_to_end_says_what_it_has_put_down(user):
    """Its outcome's own error, not another one beside it."""
    error = {"code": "interrupted", "message": "the job was told to end", "hint": "resume it", "where": ""}
    user.jobs.add(0, "killed", outcome=JobOutcome(task_code=130, task_errors=(error,)))
    (job,) = user.described()["jobs"]
    assert (job["state"], job["exit_code"], job["errors"]) == ("killed", 130, (error,))


def test_a_job_tells_where_its_results_are(user):
    """The runs' URLs, and for programs whole receipts."""
    user.jobs.add(0, outcome=JobOutcome(task_code=0, delivery=delivered(f"{INVOCATION}.0")))
    assert user.evaltrail("status", "5eed").out.splitlines()[2] == f"    MLflow: {RUN_URL} (tests)"
    (job,) = user.described()["jobs"]
    assert (job["delivery"], job["exit_code"], job["receipts"][0]["run_url"]) == ("delivered", 0, RUN_URL)


def test_a_delivery_is_told_to_wait_only_while_it_does(user):
    """Exit code 3 and its error, as long as the outbox holds something of the invocation."""
    delivery = delivered(f"{INVOCATION}.0", exit_code=3, errors=(AWAY,))
    user.jobs.add(0, outcome=JobOutcome(task_code=0, delivery=delivery))
    waiting = user.waits(invocation_id=INVOCATION)
    (job,) = user.described()["jobs"]
    assert (job["delivery"], job["exit_code"], job["errors"]) == ("waiting", 3, (AWAY,))
    assert "delivery waits in the outbox" in user.evaltrail("status", "5eed").out
    user.sent(waiting)
    (job,) = user.described()["jobs"]
    assert (job["delivery"], job["exit_code"], job["errors"]) == ("delivered_since", 0, ())
    assert user.evaltrail("status", "5eed").out.splitlines()[2:] == ["    it was delivered since"]


def test_a_delivery_that_was_given_up_is_not_told_to_be_delivered(user):
    """Neither waiting nor delivered: the error says what to do, until it is put again."""
    delivery = delivered(f"{INVOCATION}.0", exit_code=3, errors=(AWAY,))
    user.jobs.add(0, outcome=JobOutcome(task_code=0, delivery=delivery))
    waiting = user.waits(invocation_id=INVOCATION)
    assert user.evaltrail.here("sync", "--forget", INVOCATION).code == 0
    (job,) = user.described()["jobs"]
    assert (job["delivery"], job["exit_code"]) == ("forgotten", 1)
    assert [error["code"] for error in job["errors"]] == ["forgotten"]
    told = user.evaltrail.here("status", "5eed").out
    assert "delivery given up" in told
    assert f"`evaltrail resume {INVOCATION[:8]}` delivers it after all" in told
    user.waits(invocation_id=INVOCATION)
    assert user.described()["jobs"][0]["delivery"] == "waiting"
    user.sent(waiting)
    assert user.described()["jobs"][0]["delivery"] == "delivered_since"


def test_what_waits_of_another_job_does_not_count(user):
    """A job with a run of its own waits by itself."""
    for number in (0, 1):
        delivery = delivered(f"{INVOCATION}.{number}", exit_code=3, errors=(AWAY,))
        user.jobs.add(number, outcome=JobOutcome(task_code=0, delivery=delivery))
    user.waits(invocation_id=INVOCATION, job_id=f"{INVOCATION}.1")
    assert [job["delivery"] for job in user.described()["jobs"]] == ["delivered_since", "waiting"]


def test_nothing_is_claimed_of_an_outbox_that_is_not_there(user):
    """Then what the job has put down stands, and no outbox is made."""
    delivery = delivered(f"{INVOCATION}.0", exit_code=3, errors=(AWAY,))
    user.jobs.add(0, outcome=JobOutcome(task_code=0, delivery=delivery))
    (job,) = user.described()["jobs"]
    assert (job["delivery"], job["errors"]) == ("waiting", (AWAY,))
    assert not (user.settings.home / "outbox").exists()


def test_a_run_of_several_jobs_waits_for_all_of_them(user):
    """Its tag names them all, whichever of them has tried to deliver."""
    jobs = (f"{INVOCATION}.0", f"{INVOCATION}.1")
    user.jobs.add(0, outcome=JobOutcome(task_code=0))
    user.jobs.add(1, outcome=JobOutcome(task_code=0, delivery=delivered(*jobs, exit_code=3, errors=(AWAY,))))
    user.waits(invocation_id=INVOCATION, job_id=",".join(jobs))
    assert [job["delivery"] for job in user.described()["jobs"]] == ["waiting", "waiting"]


def test_what_was_refused_stays_told(user):
    """Beside a delivery that was made since, an error of another kind is not forgotten."""
    refused = {"code": "bad_options", "message": "no such option", "hint": "", "where": ""}
    delivery = delivered(f"{INVOCATION}.0", exit_code=3, errors=(AWAY, refused))
    user.jobs.add(0, outcome=JobOutcome(task_code=0, delivery=delivery))
    user.sent(user.waits(invocation_id=INVOCATION))
    (job,) = user.described()["jobs"]
    assert job["errors"] == (refused,)


def test_an_outcome_of_an_earlier_start_is_not_told(user):
    """A job that waits again has come to nothing yet."""
    old = {"code": "task_failed", "message": "it failed", "hint": "", "where": ""}
    user.jobs.add(0, "pending", outcome=JobOutcome(task_code=1, task_errors=(old,)))
    with user.jobs.launching():
        found = user.described()
    assert (found["state"], found["errors"]) == ("pending", [])


def test_an_outcome_that_cannot_be_read_does_no_harm(user):
    """The stages still tell the end."""
    folder = user.jobs.add(0, "failed")
    (folder / "outcome.json").write_text('{"task_code": "x"')
    error, missing = user.described()["errors"]
    assert error["message"] == f"job {INVOCATION}.0 failed with exit code 1"
    assert (missing["code"], "resume" in missing["hint"]) == ("not_delivered", True)


def test_several_ids_are_told_in_one_table(user):
    """Invocations, jobs and evaluations together, each once, in the order of the ids."""
    user.jobs.add(0)
    user.jobs.add(1, "failed")
    user.jobs.add(0, invocation=OTHER)
    own_evaluation(Home(user.folder), OWN)
    done = user.evaltrail("status", "0123", "5eed.1", "00c0")
    assert [line.split()[:4] for line in done.out.splitlines()[2:]] == [
        [f"{OTHER}.0", "completed", "1/1", "jobs"],
        [f"{INVOCATION}.1", "failed", "1/1", "jobs"],
        [OWN, "completed", "5/5", "samples"],
    ]
    found = user.evaltrail("status", "0123", "5eed.1", "5eed", "00c0", "--json").object
    assert (found["ok"], found["exit_code"]) == (True, 0)
    assert [(run["evaluation_id"], run["progress"]["total"]) for run in found["runs"]] == [
        (OTHER, 1),
        (INVOCATION, 2),
        (OWN, 5),
    ]


def test_without_an_id_everything_is_told(user):
    """Newest first, without a limit; a home in which nothing ran says so."""
    assert "nothing ran yet" in user.evaltrail("status").out
    for number in range(30):
        user.jobs.add(invocation=f"5eed{number:012x}", written=1767268800.0 + number)
    runs = user.evaltrail("status", "--json").object["runs"]
    assert [run["evaluation_id"] for run in runs] == [f"5eed{number:012x}" for number in reversed(range(30))]
    assert {run["source"] for run in runs} == {"evaltrail"}
    assert len(user.evaltrail("status").out.splitlines()) == 32


def test_one_unknown_id_refuses_all(user):
    """Exit 2, with the nearest."""
    user.jobs.add(0)
    done = user.evaltrail("status", INVOCATION, INVOCATION.replace("d", "c"))
    assert (done.code, done.out) == (2, "")
    assert f"did you mean '{INVOCATION}'" in one_error(done)


def test_the_tasks_that_can_be_named_are_listed(user):
    """Shipped ones and files of this folder, one a line; `ls` alone still lists runs."""
    (user.evaltrail.cwd / "mine.yaml").write_text("name: mine\n")
    named = user.evaltrail("ls", "tasks").out.splitlines()
    assert "native.reading" in named
    found = user.evaltrail("ls", "tasks", "--json").object
    assert (found["ok"], found["exit_code"], found["tasks"]) == (True, 0, named)
    assert len(user.evaltrail("ls", "tasks", "--limit", 1).out.splitlines()) == 1
    assert "nothing ran yet" in user.evaltrail("ls").out


def test_a_harness_that_cannot_be_used_is_a_notice(user):
    """The other tasks are listed all the same."""
    package = user.folder / "packages" / "core_evals" / "broken"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "framework.yml").write_text("evaluations: 7\n")
    user.evaltrail.environ["PYTHONPATH"] = str(user.folder / "packages")
    done = user.evaltrail("ls", "tasks", "--json")
    assert "native.reading" in done.object["tasks"]
    assert "the harness broken cannot be used" in done.err


class Home:
    """What an evaluation of ours is put into."""

    def __init__(self, folder):
        self.folder = folder
