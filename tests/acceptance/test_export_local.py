"""`evaltrail export --dest local`: finished results as files, from the installed command and from Python."""

from __future__ import annotations

import csv
import json
import re
import signal
from pathlib import Path

import pytest
from exporting import Exporting, own_evaluation
from installed import Installed, ended, holding, one_error, until
from test_export_secrets import SECRETS, add_with_secrets

from launcher_jobs import INVOCATION, MODEL, REQUIRED, many_results, results_of, score

SUMMARY = "processed_results"
MICRO = {"mmlu_score_micro": 0.6841, "mmlu_score_macro": 0.6825, "stem_score_micro": 0.5375}


@pytest.fixture
def command(tmp_path):
    """The command of a user who has no MLflow at all."""
    started = Installed(tmp_path)
    yield started
    started.end_all()


@pytest.fixture
def jobs(tmp_path):
    """The same user's launcher."""
    return Exporting(tmp_path, "", "").jobs


@pytest.fixture
def own(tmp_path):
    """An evaluation of ours in the same home."""
    own_evaluation(Exporting(tmp_path, "", ""), "0123456789abcdef")
    return "0123456789abcdef"


def local(command, *words, **more):
    start = command if more else command.here
    return start("export", *words, "--dest", "local", "--output-dir", "out", **more)


def tree(folder):
    """Every file with its bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def entries(file):
    parts = json.loads(file.read_text())["benchmarks"].values()
    return {entry["job_id"]: entry for part in parts for rows in part["models"].values() for entry in rows}


def rows_of(file):
    if file.suffix == ".csv":
        with file.open(newline="") as lines:
            return list(csv.DictReader(lines))
    from pyarrow import parquet  # noqa: PLC0415

    return parquet.read_table(file).to_pylist()


def test_json_holds_everything_and_the_files_lie_beside_it(command, jobs):
    """The receipt names each file; without options the required ones are copied."""
    jobs.add(params={"temperature": 0.5})
    done = local(command, "8abcd", "--json")
    assert (done.code, done.err) == (0, "")
    out = command.cwd / "out"
    job = f"{INVOCATION}/{INVOCATION}.0"
    names = {f"{job}/artifacts/{name}" for name in REQUIRED} | {f"{job}/{SUMMARY}.json", f"{SUMMARY}.json"}
    assert tree(out).keys() == names
    assert set(done.object["files"]) == {str(out / name) for name in names}
    assert (done.object["output_dir"], done.object["skipped"]) == (str(out), [])
    entry = entries(out / f"{SUMMARY}.json")[f"{INVOCATION}.0"]
    assert done.object["metrics"] == len(entry["scores"])
    assert MICRO.items() <= entry["scores"].items()
    assert (entry["status"], entry["harness"], entry["executor"]) == ("completed", "simple_evals", "local")
    assert entry["config"]["config.params.temperature"] == 0.5
    (micro,) = (metric for metric in entry["metrics"] if metric["name"] == "mmlu_score_micro")
    assert micro["stderr"] == 0.0041
    assert entries(out / job / f"{SUMMARY}.json") == {f"{INVOCATION}.0": entry}
    assert list(json.loads((out / f"{SUMMARY}.json").read_text())["benchmarks"]["mmlu"]["models"]) == [MODEL]


def test_csv_and_parquet_hold_the_same_numbers(command, jobs):
    """One row a job, one row a metric; the names are the launcher's."""
    jobs.add()
    jobs.add(number=1, task="gpqa", results=results_of("gpqa", micro=0.125))
    for kind in ("csv", "parquet"):
        done = local(command, INVOCATION, "--format", kind, "--log-metrics", "*_score_*")
        assert (done.code, done.err) == (0, ""), done.err
    first, second = rows_of(command.cwd / "out" / f"{SUMMARY}.csv")
    assert (first["Job ID"], second["Task Name"], second["gpqa_score_micro"]) == (f"{INVOCATION}.0", "gpqa", "0.125")
    found = {(row["job_id"], row["metric"]): row for row in rows_of(command.cwd / "out" / f"{SUMMARY}.parquet")}
    table = {
        (row["Job ID"], name): float(cell)
        for row in (first, second)
        for name, cell in row.items()
        if "score_" in name and cell and not name.endswith("_stderr")
    }
    table = {key: value for key, value in table.items() if key in found}
    assert table == {key: row["value"] for key, row in found.items()}
    assert len(found) > 6
    assert found[f"{INVOCATION}.0", "mmlu_score_micro"]["stderr"] == float(first["mmlu_score_micro_stderr"]) == 0.0041
    assert (found[f"{INVOCATION}.0", "mmlu_score_micro"]["model"], first["Model Name"]) == (MODEL, MODEL)


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_the_same_export_again_changes_nothing(command, jobs, own, kind):
    """Byte for byte, with jobs and an evaluation of ours; nothing temporary is left."""
    jobs.add()
    jobs.add(number=1, ending="failed")
    trees = []
    for _ in range(2):
        done = local(command, INVOCATION, own, "--format", kind, "--log-logs", "--no-only-required")
        assert (done.code, done.errors) == (0, []), done.err
        trees.append(tree(command.cwd / "out"))
    assert trees[0] == trees[1]
    assert not any(Path(name).name.startswith(".") for name in trees[0])
    assert f"{INVOCATION}/{INVOCATION}.1/logs/stdout.log" in trees[0]


def test_a_new_export_replaces_its_job_alone(command, jobs):
    """Results that were corrected, one job named by its id; the other stays as it was."""
    jobs.add()
    folder = jobs.add(number=1, task="gpqa")
    local(command, INVOCATION)
    before = entries(command.cwd / "out" / f"{SUMMARY}.json")
    results = (folder / "artifacts" / "results.yml").read_text().replace("0.6841", "0.75")
    (folder / "artifacts" / "results.yml").write_text(results)
    assert local(command, f"{INVOCATION}.1").code == 0
    after = entries(command.cwd / "out" / f"{SUMMARY}.json")
    assert after[f"{INVOCATION}.0"] == before[f"{INVOCATION}.0"]
    assert after[f"{INVOCATION}.1"]["scores"]["gpqa_score_micro"] == 0.75


def test_an_evaluation_of_ours_comes_with_counts_and_samples(command, own):
    """Its job is empty, and every number says out of how many."""
    assert local(command, own[:6]).code == 0
    folder = command.cwd / "out" / own
    assert {"samples.parquet", "request.json", f"{SUMMARY}.json"} <= tree(folder).keys()
    (entry,) = entries(folder / f"{SUMMARY}.json").values()
    assert (entry["invocation_id"], entry["job_id"], entry["counts"]["total"]) == (own, "", 5)
    (metric,) = (each for each in entry["metrics"] if each["name"] == "capitals/pass@1")
    assert (metric["value"], metric["n"], metric["n_unscored"], metric["ci_high"]) == (0.5, 4, 1, 0.9)


def test_no_secret_is_written(command, tmp_path):
    """Everything is asked for, in every format; copies and summaries are without them."""
    encoded = add_with_secrets(Exporting(tmp_path, "", ""))
    for kind in ("json", "csv", "parquet"):
        done = local(command, INVOCATION, "--format", kind, "--log-logs", "--no-only-required", "--json")
        assert (done.code, done.errors) == (0, []), done.err
        for secret in (*SECRETS, encoded):
            assert secret not in done.out + done.err
            assert holding(command.cwd / "out", secret) == []
    metadata = command.cwd / "out" / INVOCATION / f"{INVOCATION}.0" / "artifacts" / "metadata.yaml"
    assert "EXTRA: lit:***" in metadata.read_text()


def test_options_come_from_flags_overrides_and_a_file(command, jobs):
    """A flag comes before `-o`, `-o` before the file; both vocabularies are understood."""
    jobs.add()
    file = command.cwd / "run.yaml"
    text = "{output_dir: from-file, format: csv, output_filename: all.csv, copy_artifacts: false, exclude_patterns: x}"
    file.write_text(f"execution: {{type: local}}\nexport:\n  mlflow: {{experiment_name: e}}\n  local: {text}\n")
    words = ("export", INVOCATION, "--dest", "local", "--config", file)
    assert command(*words).code == 0
    assert tree(command.cwd / "from-file").keys() == {"all.csv", f"{INVOCATION}/{INVOCATION}.0/all.csv"}
    overrides = ("-o", "export.local.output_dir=over", "-o", "export.local.copy_artifacts=true")
    assert command(*words, *overrides, "-o", "export.local.exclude_patterns=[meta*]").code == 0
    assert len(tree(command.cwd / "over")) == 2 + len(REQUIRED) - 1
    assert command(*words, *overrides, "--output-dir", "flag", "--format", "json", "--no-log-artifacts").code == 0
    assert json.loads((command.cwd / "flag" / "all.csv").read_text())["benchmarks"]


def test_a_dry_run_writes_nothing(command, jobs):
    """It names the files that a true one writes."""
    jobs.add()
    planned = local(command, INVOCATION, "--dry-run", "--json")
    assert (planned.code, planned.object["files"]) == (0, [])
    assert not (command.cwd / "out").exists()
    assert "nothing was" in local(command, INVOCATION, "--dry-run").out
    done = local(command, INVOCATION, "--json")
    assert planned.object["plan"] == [done.object["files"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "xml"], "known: json, csv, parquet"),
        (["-o", "export.local.output_dirr=x"], "did you mean 'output_dir'?"),
        (["-o", "export.mlflow.run_name=x"], "write -o export.local.KEY=VALUE"),
        (["-o", "export.local.run_name=x"], "leave it out, or export to 'mlflow'"),
        (["-o", "export.locl.format=csv"], "did you mean 'export.local'?"),
        (["-o", "export.local.output_filename=../x.json"], "output_filename"),
        (["--log-metrics", "acuracy"], "there are mmlu_score_micro"),
        (["--output-dir", "file"], "give another output_dir"),
        (["--output-dir", "file/below"], "give another output_dir"),
        (["--output-dir", "/proc/evaltrail"], "give another output_dir"),
        (["--output-dir", "foreign"], "move it away"),
    ],
)
def test_what_cannot_begin_is_exit_2_and_one_clear_line(command, jobs, words, said):
    """Nothing is written, and foreign files stay as they are."""
    jobs.add()
    (command.cwd / "file").write_text("mine")
    (command.cwd / "foreign").mkdir()
    (command.cwd / "foreign" / f"{SUMMARY}.json").write_text('{"mine": 1}')
    before = tree(command.cwd)
    done = command.here("export", INVOCATION, "--dest", "local", *words)
    assert done.code == 2, done.err
    assert said in one_error(done)
    assert tree(command.cwd) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--output-dir", "x"], "'output_dir' is no option of destination 'mlflow' but of 'local'"),
        (["-o", "export.local.format=csv"], "--dest local"),
        (["--dest", "locl"], "did you mean 'local'?"),
    ],
)
def test_options_of_files_are_none_of_mlflow(command, jobs, words, said):
    """And the error says whose they are."""
    jobs.add()
    done = command.here("export", INVOCATION, *words)
    assert done.code == 2
    assert said in one_error(done)


def test_jobs_that_cannot_be_read_do_not_stop_the_others(command, jobs):
    """Exit 1 and one line each; alone they are exit 2, and nothing is written."""
    jobs.add()
    (jobs.add(number=1, task="gpqa") / "artifacts" / "results.yml").write_text("{ no yaml")
    jobs.add(number=2, ending="running")
    done = local(command, INVOCATION, "--json")
    assert (done.code, len(done.errors)) == (1, 2)
    assert set(entries(command.cwd / "out" / f"{SUMMARY}.json")) == {f"{INVOCATION}.0"}
    said = done.object
    assert [job["success"] for job in said["jobs"].values()] == [True, False, False]
    alone = command("export", f"{INVOCATION}.2", "--dest", "local", "--output-dir", "other")
    assert alone.code == 2
    assert not (command.cwd / "other").exists()


def test_a_full_disk_is_exit_1_and_the_old_summary_stays_whole(command, jobs):
    """The same command goes on once there is room."""
    jobs.add(results=many_results("mmlu", job=0))
    assert local(command, INVOCATION, "--no-log-artifacts").code == 0
    whole = (command.cwd / "out" / f"{SUMMARY}.json").read_bytes()
    jobs.add(number=1, task="gpqa", results=many_results("gpqa", job=1))
    done = local(command, INVOCATION, "--no-log-artifacts", file_bytes=len(whole) + 100)
    assert done.code == 1
    assert "cannot write" in one_error(done)
    assert (command.cwd / "out" / f"{SUMMARY}.json").read_bytes() == whole
    assert not [name for name in tree(command.cwd / "out") if Path(name).name.endswith(".tmp")]
    assert local(command, INVOCATION, "--no-log-artifacts").code == 0
    assert len(entries(command.cwd / "out" / f"{SUMMARY}.json")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_processes_at_a_time_lose_nothing(command, jobs, kind):
    """As the jobs of one launch export themselves: six at once, and every entry is there."""
    for number in range(6):
        jobs.add(number=number, task=f"task{number}", results=many_results("mmlu", job=number))
    words = ("--dest", "local", "--output-dir", "out", "--format", kind)
    started = [command.start("export", f"{INVOCATION}.{number}", *words) for number in range(6)]
    for process in started:
        done = ended(process)
        assert (done.code, done.errors) == (0, []), done.err
    summary = command.cwd / "out" / f"{SUMMARY}.{kind}"
    found = set(entries(summary)) if kind == "json" else {row["Job ID"] for row in rows_of(summary)}
    assert found == {f"{INVOCATION}.{number}" for number in range(6)}


def test_killed_midway_the_same_command_goes_on(command, jobs):
    """What is there is whole at any time; afterwards everything is."""
    for number in range(40):
        jobs.add(number=number, task=f"task{number}", results=many_results("mmlu", job=number, count=5))
    process = command.start("export", INVOCATION, "--dest", "local", "--output-dir", "out")
    out = command.cwd / "out"
    until(lambda: len(list(out.glob("*/*/artifacts/results.yml"))) > 3 or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    ended(process)
    for file in out.rglob(f"{SUMMARY}.json"):
        assert entries(file)
    assert local(command, INVOCATION).code == 0
    assert len(entries(out / f"{SUMMARY}.json")) == 40


PYTHON = """
import json, sys
import evaltrail
told = [
    evaltrail.export_results(["8abcd"], dest="local", config={"output_dir": "out", "format": "csv"}),
    evaltrail.export_results(["8abcd", "5555"], dest="local", config={"export": {"local": {"output_dir": "out"}}}),
    evaltrail.export_results("8abcd", "local", {"outputdir": "out"}),
    evaltrail.export_results("8abcd", "local", {"tags": {"a": 1}}),
    evaltrail.export_results("ffff", "local"),
]
print(json.dumps([told, [name for name in ("mlflow", "pyarrow", "pandas") if name in sys.modules]]))
"""


def test_python_tells_it_in_the_launchers_words(command, jobs):
    """Metadata says where, which files and how many metrics; nothing is raised, and nothing heavy is loaded."""
    jobs.add(results={"tasks": {"mmlu": {"metrics": {"accuracy": {"scores": {"accuracy": score(0.625)}}}}}})
    jobs.add(number=1, ending="failed")
    jobs.add("5555aaaa5555aaaa")
    done = command.python(PYTHON)
    assert (done.code, done.err) == (0, "")
    (one, several, *refused), loaded = done.object
    assert loaded == []
    assert (one["success"], one["invocation_id"], list(one["jobs"])) == (
        True,
        INVOCATION,
        [f"{INVOCATION}.0", f"{INVOCATION}.1"],
    )
    assert one["metadata"]["output_dir"] == str(command.cwd / "out")
    assert one["metadata"]["metrics"] == sum(job["metadata"]["metrics"] for job in one["jobs"].values()) > 0
    assert all(Path(file).is_file() for file in one["metadata"]["files"])
    assert one["jobs"][f"{INVOCATION}.1"]["metadata"]["status"] == "failed"
    assert several["metadata"] == {"total_invocations": 2, "successful_invocations": 2}
    assert [(said["success"], said["code"]) for said in refused] == [
        (False, "unknown_option"),
        (False, "unknown_option"),
        (False, "unknown_id"),
    ]
    assert re.search("did you mean 'output_dir'", refused[0]["error"])
