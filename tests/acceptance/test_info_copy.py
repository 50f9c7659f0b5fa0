"""`info`: metrics of native jobs, and copies of artifacts and logs."""

from __future__ import annotations

import pytest
from exporting import own_evaluation
from installed import Installed, one_error

from evaltrail.store.job_files import JobOutcome
from launcher_jobs import LauncherJobs
from own_jobs import INVOCATION, OwnJobs, metric

OWN = "00c0ffee00c0ffee"
SECRET = "sk-this-must-not-leave"


class User:
    """One user's home with a job of ours."""

    def __init__(self, folder):
        self.folder = folder
        self.jobs = OwnJobs(folder / "user")
        self.evaltrail = Installed(folder)
        self.to = self.evaltrail.cwd / "copies"

    def copied(self):
        """Files below the folder of copies."""
        return sorted(str(file.relative_to(self.to)) for file in self.to.rglob("*") if not file.is_dir())


@pytest.fixture
def user(tmp_path):
    made = User(tmp_path)
    made.job = made.jobs.add(
        outcome=JobOutcome(task_code=0, metrics={"capitals/exact": metric(0.5, 190, n_unscored=10)})
    )
    (made.job / "artifacts" / "results.yml").write_text("results: {}\n")
    (made.job / "artifacts" / "deep" / "er").mkdir(parents=True)
    (made.job / "artifacts" / "deep" / "er" / "rows.jsonl").write_text("{}\n")
    (made.job / "logs" / "client_stdout.log").write_text("it ran\n")
    return made


def test_a_native_metric_is_shown_out_of_how_many(user):
    """Value with its interval, n, and what is unscored; for programs as it was put down."""
    done = user.evaltrail("info", "5eed")
    (row,) = [line for line in done.out.splitlines() if line.startswith("capitals/exact")]
    assert row.split() == ["capitals/exact", f"{INVOCATION}.0", "0.500", "[0.400,", "0.600]", "190", "10"]
    found = user.evaltrail("info", "5eed", "--json").object
    assert found["metrics"][f"{INVOCATION}.0"]["capitals/exact"] == metric(0.5, 190, n_unscored=10)
    assert found["unread"] == []


def test_artifacts_are_copied_below_the_invocation_and_the_job(user):
    """Whole, in their folders; a second time they are there already, which is fine."""
    for _ in range(2):
        done = user.evaltrail("info", "5eed", "--copy-artifacts", "copies")
        assert (done.code, done.err) == (0, "")
        place = f"{INVOCATION}/native.capitals.0/artifacts"
        assert user.copied() == [f"{place}/deep/er/rows.jsonl", f"{place}/results.yml"]
        assert done.out.splitlines()[-1] == "copied 2 files, 15 bytes"


def test_logs_are_copied_into_this_folder_where_none_is_named(user):
    """The launcher's own default."""
    assert user.evaltrail("info", "5eed", "--copy-logs").code == 0
    copied = user.evaltrail.cwd / INVOCATION / "native.capitals.0" / "logs"
    assert (copied / "client_stdout.log").read_text() == "it ran\n"
    assert (copied / "stage.exit").is_file()


def test_programs_get_the_list(user):
    """From where to where, and how large; both kinds in one call."""
    found = user.evaltrail("info", "5eed", "--copy-artifacts", "copies", "--copy-logs", "copies", "--json").object
    assert (found["ok"], found["evaluation_id"], found["skipped"]) == (True, INVOCATION, [])
    (results,) = [each for each in found["copied"] if each["to"].endswith("results.yml")]
    assert (results["from"], results["size_bytes"]) == (str(user.job / "artifacts" / "results.yml"), 12)
    assert any(each["to"].endswith("logs/client_stdout.log") for each in found["copied"])


@pytest.mark.parametrize("name", [".secrets.env", "job.json", "server.key", "prod.env"])
def test_files_that_may_hold_keys_stay(user, name):
    """Wherever they lie, and under whatever name a link gives them; each is told."""
    deep = user.job / "artifacts" / "deep"
    (deep / name).write_text(SECRET)
    (deep / "harmless.txt").symlink_to(deep / name)
    done = user.evaltrail("info", "5eed", "--copy-artifacts", "copies")
    assert done.err.count("not copied:") == 2
    assert not any(SECRET in file.read_text() for file in user.to.rglob("*") if file.is_file())
    assert len(user.copied()) == 2


def test_links_that_lead_out_are_not_followed(user):
    """To files and to folders; one that stays within the job is copied as what it leads to."""
    outside = user.folder / "outside"
    outside.mkdir()
    (outside / "private.txt").write_text(SECRET)
    artifacts = user.job / "artifacts"
    (artifacts / "file.txt").symlink_to(outside / "private.txt")
    (artifacts / "folder").symlink_to(outside)
    (artifacts / "gone").symlink_to(outside / "nothing")
    (artifacts / "inner.yml").symlink_to("results.yml")
    done = user.evaltrail("info", "5eed", "--copy-artifacts", "copies")
    assert done.err.count("not copied:") == 3
    assert [name.rpartition("/")[2] for name in user.copied()] == ["rows.jsonl", "inner.yml", "results.yml"]
    inner = user.to / INVOCATION / "native.capitals.0" / "artifacts" / "inner.yml"
    assert (inner.is_symlink(), inner.read_text()) == (False, "results: {}\n")


def test_a_part_that_is_a_link_is_not_followed(user):
    """Neither does the folder of artifacts itself lead elsewhere."""
    logs = user.job / "logs"
    logs.rename(user.folder / "elsewhere")
    logs.symlink_to(user.folder / "elsewhere")
    done = user.evaltrail("info", "5eed", "--copy-logs", "copies")
    assert (done.code, user.copied()) == (2, [])
    assert "it is a link" in one_error(done)


def test_another_file_in_the_way_is_named_and_nothing_is_copied(user):
    """Not even what comes before it."""
    there = user.to / INVOCATION / "native.capitals.0" / "artifacts" / "results.yml"
    there.parent.mkdir(parents=True)
    there.write_text("mine: 1\n")
    done = user.evaltrail("info", "5eed", "--copy-artifacts", "copies")
    assert done.code == 2
    assert str(there.relative_to(user.evaltrail.cwd)) in one_error(done)
    assert (there.read_text(), user.copied()) == ("mine: 1\n", [str(there.relative_to(user.to))])


def test_a_link_in_the_way_is_not_written_through(user):
    """What it leads to stays as it is."""
    there = user.to / INVOCATION / "native.capitals.0" / "artifacts" / "results.yml"
    there.parent.mkdir(parents=True)
    there.symlink_to(user.folder / "made-by-nobody")
    done = user.evaltrail("info", "5eed", "--copy-artifacts", "copies")
    assert (done.code, (user.folder / "made-by-nobody").exists()) == (2, False)
    assert str(there.relative_to(user.evaltrail.cwd)) in one_error(done)


def test_copies_may_not_lie_among_what_is_copied(user):
    """They would be copied the next time."""
    done = user.evaltrail("info", "5eed", "--copy-artifacts", user.job / "artifacts")
    assert (done.code, done.out) == (2, "")
    assert "outside of the job" in one_error(done)


def test_an_invocation_with_a_foreign_name_stays_below_the_folder(user):
    """Ids of the execution database are anybody's text."""
    LauncherJobs(user.folder / "user").line("../../up", 0, user.job)
    done = user.evaltrail("info", "../../up", "--copy-artifacts", "copies")
    assert done.code == 0
    assert {name.partition("/")[0] for name in user.copied()} == {"up"}
    assert not list(user.folder.glob("up*"))


def test_a_job_whose_folder_is_gone_is_told(user):
    """The others are copied; where nothing is left to copy, that is the error."""
    LauncherJobs(user.folder / "user").line(INVOCATION, 7, user.folder / "nothing")
    done = user.evaltrail("info", "5eed", "--copy-artifacts", "copies")
    assert (done.code, len(user.copied())) == (0, 2)
    assert f"not copied: {INVOCATION}.7: its folder is not here" in done.err
    alone = user.evaltrail("info", "5eed.7", "--copy-artifacts", "copies")
    assert (alone.code, "nothing to copy" in one_error(alone)) == (2, True)


def test_the_bundle_of_an_evaluation_is_copied_too(user):
    """Below its id; its log only where logs are asked for, its journals never."""
    own_evaluation(user, OWN)
    bundle = user.folder / "home" / "evaluations" / OWN
    (bundle / "answers").mkdir(exist_ok=True)
    (bundle / "answers" / "0.jsonl").write_text("{}\n")
    (bundle / "logs").mkdir(exist_ok=True)
    (bundle / "logs" / "run.log").write_text("asked\n")
    assert user.evaltrail("info", "00c0", "--copy-artifacts", "copies").code == 0
    assert f"{OWN}/bundle.json" in user.copied()
    assert not any("answers" in name or "logs" in name for name in user.copied())
    assert user.evaltrail("info", "00c0", "--copy-logs", "copies").code == 0
    assert f"{OWN}/logs/run.log" in user.copied()
