"""Which jobs an id names: beginnings, jobs, mixtures, folders that no database knows, evaluations of ours."""

from __future__ import annotations

import json
import shutil

import pytest
from exporting import Exporting, only_receipt, own_evaluation
from installed import one_error

from evaltrail.core.errors import InputError
from launcher_jobs import INVOCATION

SECOND = "9ef0123456789abc"


@pytest.fixture
def export(tmp_path, mlflow_url, experiment):
    return Exporting(tmp_path, mlflow_url, experiment)


def planned(export, *ids, **options):
    """The ids of the jobs in each run that would be made."""
    done = export(*ids, dry_run=True, **options)
    assert done.errors == ()
    return [run.tags["job_id"] for outcome in done.outcomes for run in outcome.runs]


@pytest.mark.parametrize(
    ("ids", "runs"),
    [
        (("8abcd123",), [f"{INVOCATION}.0,{INVOCATION}.1,{INVOCATION}.10"]),
        (("8",), [f"{INVOCATION}.0,{INVOCATION}.1,{INVOCATION}.10"]),
        (("8abcd123.1",), [f"{INVOCATION}.1"]),
        (("8abcd123.10", f"{INVOCATION}.1"), [f"{INVOCATION}.10", f"{INVOCATION}.1"]),
        (("8abc", INVOCATION, "8abc.1"), [f"{INVOCATION}.0,{INVOCATION}.1,{INVOCATION}.10"]),
        (("8abc.1", "8abc", "9ef"), [f"{INVOCATION}.0,{INVOCATION}.1,{INVOCATION}.10", f"{SECOND}.0"]),
        (("9ef.0",), [f"{SECOND}.0"]),
    ],
)
def test_ids_are_beginnings_of_invocations_and_jobs_each_job_once(export, ids, runs):
    """Mixtures are allowed; a job named beside its invocation is in the invocation's run only."""
    for number in (10, 0, 1):
        export.jobs.add(number=number)
    export.jobs.add(SECOND)
    assert planned(export, *ids) == runs
    flat = [job for run in runs for job in run.split(",")]
    assert sorted(planned(export, *ids, runs="job")) == sorted(flat)


@pytest.mark.parametrize(
    ("wanted", "code", "said"),
    [
        ("8abc", "ambiguous_id", "8abcd12399999999, 8abcd123f00dbeef"),
        ("8abcd123f00dbeee", "unknown_id", "did you mean '8abcd123f00dbeef'?"),
        ("8abcd123f00dbeef.7", "unknown_id", "did you mean '8abcd123f00dbeef.0'?"),
        ("zz", "unknown_id", "`evaltrail ls runs` shows them; --job-dirs DIR"),
        ("", "unknown_id", "`evaltrail ls runs` shows them"),
    ],
)
def test_an_id_that_names_no_one_or_several_is_refused_before_anything_is_sent(export, wanted, code, said):
    """Exit 2 with those that are near; the good id beside it is not exported either."""
    export.jobs.add()
    export.jobs.add("8abcd12399999999")
    with pytest.raises(InputError) as caught:
        export(INVOCATION, wanted)
    assert (caught.value.exit_code, caught.value.code) == (2, code)
    assert said in str(caught.value)
    assert export.runs() == []


def test_an_id_of_ours_and_one_of_theirs_that_begin_alike_are_told_apart(export):
    """The shared beginning is ambiguous; a whole id never is, even where the other goes on from it."""
    own_evaluation(export, "8abcd123deadbeef")
    export.jobs.add("8abcd123")
    with pytest.raises(InputError, match=r"8abcd123deadbeef \(evaltrail\), 8abcd123 \(NeMo launcher\)"):
        export("8abc", dry_run=True)
    assert planned(export, "8abcd123") == ["8abcd123.0"]
    assert export.plan("8abcd123dead").tags["evaltrail.id"] == "8abcd123deadbeef"


def test_an_evaluation_of_ours_lands_in_another_experiment(evaltrail, export):
    """Its id is as good as an invocation's: metrics, samples and status are those of the evaluation."""
    own_evaluation(export, "00c0ffee00c0ffee")
    export.jobs.add()
    place = f"export.mlflow.experiment_name={export.experiment}"
    done = evaltrail.here("export", "00c0", INVOCATION, "-o", place, "--json")
    assert (done.code, set(done.object["invocations"])) == (0, {"00c0ffee00c0ffee", INVOCATION}), done.err
    own = next(run for run in export.landed() if run.tags["evaltrail.id"] == "00c0ffee00c0ffee")
    assert own.metrics["capitals/pass_at_1"] == 0.5
    assert own.tags["team"] == "red"
    again = evaltrail.here("export", "00c0", "-o", place, "--json")
    assert again.object["receipts"][0]["is_existing"] is True


@pytest.mark.parametrize("layout", ["0.1", "0.2"])
def test_jobs_that_no_database_knows_are_found_below_a_folder(evaltrail, export, layout):
    """--job-dirs finds `*<invocation>*` folders of both layouts; the ids are those of the folders."""
    export.jobs.add(task="gpqa", layout=layout, is_known=False)
    export.jobs.add(number=1, task="mmlu", layout=layout, is_known=False)
    words = ("-o", f"export.mlflow.experiment_name={export.experiment}", "-o", "export.mlflow.runs=job", "--json")
    unknown = evaltrail.here("export", "8abcd123", *words)
    assert (unknown.code, "8abcd123" in one_error(unknown)) == (2, True)
    done = evaltrail.here("export", "8abcd123", *words, "--job-dirs", export.jobs.outputs)
    assert (done.code, sorted(done.object["jobs"])) == (0, [f"{INVOCATION}.0", f"{INVOCATION}.1"]), done.err
    assert {run.name: run.tags["job_id"] for run in export.landed()} == {
        f"eval-{INVOCATION}-gpqa": f"{INVOCATION}.0",
        f"eval-{INVOCATION}-mmlu": f"{INVOCATION}.1",
    }


def test_a_job_whose_folder_was_moved_is_found_below_a_folder_too(export, tmp_path):
    """The database knows the job but not where it is now; without --job-dirs the others land all the same."""
    export.jobs.add()
    moved = export.jobs.add(number=1, task="gpqa")
    place = tmp_path / "elsewhere" / moved.parent.name
    place.mkdir(parents=True)
    shutil.move(moved, place)
    done = export(INVOCATION)
    assert (done.exit_code, [error.code for error in done.errors]) == (1, ["no_folder"])
    assert "--job-dirs" in done.errors[0].hint
    assert export.run().tags["job_id"] == f"{INVOCATION}.0"
    assert planned(export, INVOCATION, job_dirs=[str(tmp_path / "elsewhere")]) == [f"{INVOCATION}.0,{INVOCATION}.1"]
    with pytest.raises(InputError, match="no folder bears it"):
        export(SECOND, job_dirs=[str(tmp_path / "elsewhere")])
    with pytest.raises(InputError, match="there is no such folder"):
        export(INVOCATION, job_dirs=[str(tmp_path / "nowhere")])


def test_jobs_that_have_not_ended_wait_and_the_others_land(evaltrail, export):
    """A running job and a pending one are named, exit 1; where none has ended nothing is sent, exit 2."""
    export.jobs.add()
    export.jobs.add(number=1, task="gpqa", ending="running")
    export.jobs.add(number=2, task="arc", ending="pending")
    export.jobs.add(SECOND, ending="running")
    place = ("-o", f"export.mlflow.experiment_name={export.experiment}", "--json")
    done = evaltrail.here("export", INVOCATION, *place)
    assert done.code == 1
    assert [job["success"] for job in done.object["jobs"].values()] == [True, False, False]
    told = [error["message"] for error in done.object["errors"]]
    assert told == [f"job {INVOCATION}.1 is running", f"job {INVOCATION}.2 is pending"]
    assert done.object["jobs"][f"{INVOCATION}.0"]["metadata"]["run_id"] == export.run().id
    assert done.object["jobs"][f"{INVOCATION}.1"]["metadata"] == {}
    assert evaltrail.here("export", SECOND, *place).code == 2
    assert len(export.runs()) == 1


def test_the_database_outweighs_the_names_of_folders(export):
    """A folder that was renamed to another invocation's name keeps the ids that the database gives it."""
    folder = export.jobs.add()
    renamed = folder.parent.with_name("20200101_000000-ffffffffffffffff")
    folder.parent.rename(renamed)
    export.jobs.line(INVOCATION, 0, renamed / folder.name)
    for runs in ("invocation", "job"):
        plan = export.plan(INVOCATION, runs=runs)
        assert (plan.tags["invocation_id"], plan.tags["job_id"]) == (INVOCATION, f"{INVOCATION}.0")
        assert (plan.params["invocation_id"], plan.params["job_id"]) == (INVOCATION, f"{INVOCATION}.0")
        assert INVOCATION in plan.run_name


def test_broken_lines_of_the_database_are_told_and_the_rest_counts(evaltrail, export):
    """The last line of a job counts; a line that holds no job is a notice on stderr, not a failure."""
    folder = export.jobs.add()
    export.jobs.line(INVOCATION, 0, folder.parent / "gone")
    export.jobs.line(INVOCATION, 0, folder)
    for text in ("{oops", json.dumps({"invocation_id": "5555"}), "[]", ""):
        export.jobs.broken_line(text)
    done = evaltrail.here("export", INVOCATION, "-o", f"export.mlflow.experiment_name={export.experiment}")
    assert (done.code, done.errors) == (0, [])
    assert [line[:40] for line in done.err.splitlines()] == [
        f"execution database, exec.v1.jsonl:{number}: it " for number in (4, 5, 6)
    ]
    assert only_receipt(export(INVOCATION)).is_existing
