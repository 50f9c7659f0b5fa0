"""Launcher jobs: every kind of folder is known, nothing is lost, no secret is kept, and the end is told truly."""

from __future__ import annotations

import base64
import math
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.config.redaction import redact_text
from evaltrail.core.errors import InputError
from evaltrail.core.source import Source
from evaltrail.readers.nemo_launcher.reader import NemoLauncherReader, read_job
from evaltrail.store.executions import Job
from job_folders import HUMANEVAL, IFEVAL, MMLU, RESULTS, STAMPED, source_of, write, write_job

READER = NemoLauncherReader()
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
TREES = st.recursive(
    LEAF,
    lambda inner: (
        st.dictionaries(
            st.sampled_from(["groups", "tasks", "metrics", "scores", "value", "stats", "a", "b"]), inner, max_size=4
        )
        | st.lists(inner, max_size=2)
    ),
    max_leaves=12,
)


def read(path, **more):
    return READER.read(source_of(path, **more))


def values(bundle) -> dict[str, float]:
    return {"/".join((*metric.group, metric.name)): metric.value for metric in bundle.tasks[0].metrics}


def encoded(text) -> list[bytes]:
    return [base64.b64decode(word) for word in re.findall(r'echo "([A-Za-z0-9+/=]+)"', text)]


def told(bundle) -> list[str]:
    return [f"{note.what}: {note.why}" for note in bundle.skipped]


def test_a_job_of_the_newer_layout_is_read_whole():
    """Names, labels, times and metrics as the launcher has them."""
    bundle = read(MMLU)
    (task,) = bundle.tasks
    assert (bundle.id, bundle.name) == ("3f9a1c7e5b20d846.0", "eval-3f9a1c7e5b20d846-simple_evals.mmlu")
    assert (bundle.status, bundle.model, task.prefix) == ("completed", "meta/llama-3.1-8b-instruct", "")
    assert (bundle.origin.producer, bundle.origin.version) == ("nemo-evaluator-launcher", "0.2.6")
    assert bundle.started_at == datetime(2025, 12, 19, 11, 27, 41, tzinfo=UTC)
    assert bundle.ended_at == datetime(2025, 12, 19, 11, 29, 39, tzinfo=UTC)
    assert bundle.tags == {
        "invocation_id": "3f9a1c7e5b20d846",
        "job_id": "3f9a1c7e5b20d846.0",
        "task_name": "simple_evals.mmlu",
        "benchmark": "mmlu",
        "harness": "simple_evals",
        "executor": "local",
        "model": "meta/llama-3.1-8b-instruct",
    }
    assert bundle.params["endpoint"] == "https://integrate.api.nvidia.com/v1/chat/completions"
    assert (task.config["config.params.limit_samples"], task.config["git_hash"]) == (400, "4c1d2e9")
    found = values(bundle)
    assert (found["mmlu_score_micro"], found["mmlu_score_macro"], found["stem_score_micro"]) == (0.6875, 0.6841, 0.6039)
    assert (found["runtime/avg_latency_ms"], found["runtime/runtime_seconds"]) == (1843.27, 118.4)


def test_a_job_of_the_older_layout_is_read_whole():
    """Folders without numbers, raw names, a null that is listed, counts beside their value."""
    bundle = read(HUMANEVAL)
    (metric,) = [each for each in bundle.tasks[0].metrics if not each.group]
    assert (bundle.id, bundle.tasks[0].name) == ("8abcd123.0", "humaneval")
    assert (metric.name, metric.value, metric.stderr, metric.n) == ("humaneval_pass@1", 0.6402, 0.03712, 164)
    assert [text for text in told(bundle) if "pass@10" in text and text.endswith("it is null")]


def test_a_failed_job_is_a_result_that_says_so():
    """No results: the status, the exit code, the last words without secrets, and the runtime figures."""
    bundle = read(IFEVAL)
    (task,) = bundle.tasks
    assert (bundle.status, task.status) == ("failed", "failed")
    assert task.error.startswith("exit code 1: RuntimeError: 12 requests failed")
    assert "not-a-real" not in task.error
    assert values(bundle)["runtime/status_codes_401"] == 12
    assert {item.path for item in bundle.artifacts} >= {"logs/client_stdout.log", "artifacts/run_config.yml"}


def test_secrets_are_met_and_shown_nowhere():
    """Literals and keys of metadata.yaml, also where the script holds them encoded; variables' names are none."""
    bundle = read(MMLU)
    assert {"not-a-real-token-1234", "not-a-real-api-key-5678"} <= bundle.secrets
    assert "API_KEY" not in bundle.secrets
    shown = repr((bundle.params, bundle.tags, bundle.tasks, bundle.skipped))
    assert "not-a-real" not in shown
    script = (MMLU / "run.sh").read_text()
    assert [word for word in encoded(script) if b"not-a-real" in word]
    cleaned = redact_text(script, bundle.secrets)
    assert "not-a-real" not in cleaned
    assert not [word for word in encoded(cleaned) if b"not-a-real" in word]


def test_logins_and_queries_of_an_endpoint_are_left_out(tmp_path):
    """An endpoint's address is kept without what may be secret in it."""
    bundle = read(write_job(tmp_path / STAMPED / "mmlu.0"))
    assert bundle.params["endpoint"] == "http://host:1/v1"
    assert "secret-word" not in repr((bundle.params, bundle.tasks))


def test_artifacts_have_roles_and_nothing_leaves_that_must_not(tmp_path):
    """Required, extra and logs; caches, databases, locks, keys and links that lead out are no artifacts."""
    job = write_job(tmp_path / STAMPED / "mmlu.0")
    kept = ["artifacts/deep/report.html", "artifacts/omni-info.json", "logs/more/x.log", "run.sub"]
    gone = ["artifacts/cache/a", "artifacts/lm_cache/a", "artifacts/.cache/a", "artifacts/x.db", "artifacts/y.db/a"]
    gone += ["artifacts/z.lock", "artifacts/.secrets.env", "artifacts/prod.env", "artifacts/id_rsa", "artifacts/.netrc"]
    for name in (*kept, *gone, ".secrets.env", "other.txt"):
        write(job / name, "{}")
    (job / "artifacts" / "out").symlink_to(write(tmp_path / "outside.txt", "x"))
    (job / "artifacts" / "folder").symlink_to(tmp_path)
    (job / "artifacts" / "inside").symlink_to(job / "run.sh")
    bundle = read(job)
    roles = {item.path: item.role for item in bundle.artifacts}
    logs = dict.fromkeys((f"logs/{name}" for name in ("stage.exit", "stage.pre-start", "stage.running")), "log")
    assert roles == {
        "artifacts/results.yml": "required",
        "artifacts/omni-info.json": "required",
        "artifacts/deep/report.html": "extra",
        "artifacts/inside": "extra",
        "run.sh": "extra",
        "run.sub": "extra",
        "logs/more/x.log": "log",
        **logs,
    }
    assert {item.path for item in bundle.artifacts if not item.may_hold_secrets} == {
        "artifacts/deep/report.html",
        "artifacts/inside",
    }
    assert [text for text in told(bundle) if text.startswith("artifacts/out: it leads out")]
    assert [text for text in told(bundle) if text.startswith("artifacts/id_rsa: files that may hold keys")]


def test_results_behind_a_link_that_leads_out_are_not_read(tmp_path):
    """A link is no way to make a reader open somebody else's file."""
    job = write_job(tmp_path / "job", results=None)
    (job / "artifacts").mkdir()
    (job / "artifacts" / "results.yml").symlink_to(write(tmp_path / "other.yml", RESULTS))
    bundle = read(job)
    assert (bundle.status, values(bundle), len(bundle.tasks)) == ("failed", {}, 1)
    assert bundle.tasks[0].error == "it ended with exit code 0 and left no results.yml"


@pytest.mark.parametrize("given", ["", "artifacts", "artifacts/results.yml"])
def test_a_job_is_the_same_whatever_part_of_it_is_named(tmp_path, given):
    """Its folder, its artifacts and its results file lead to the same result."""
    job = write_job(tmp_path / STAMPED / "simple_evals.mmlu.3")
    source = source_of(job / given)
    evidence = READER.sniff(source)
    assert evidence is not None
    assert (evidence.group, evidence.group_name) == ("0123456789abcdef", "eval-0123456789abcdef")
    bundle = READER.read(source)
    assert (bundle.id, bundle.tasks[0].name) == ("0123456789abcdef.3", "simple_evals.mmlu")
    assert "logs/stage.exit" in {item.path for item in bundle.artifacts}
    assert bundle.digest == read(job).digest


def test_a_bare_output_folder_is_a_result_of_its_own(tmp_path):
    """No launcher, no invocation: the content is the id, absent labels stay absent, the file's time counts."""
    folder = tmp_path / "artifacts"
    write(folder / "results.yml", RESULTS)
    write(folder / "samples.jsonl", "{}")
    evidence = READER.sniff(source_of(folder))
    assert evidence is not None
    assert evidence.group == ""
    bundle = read(folder)
    assert (len(bundle.id), bundle.digest, bundle.name) == (32, "", "")
    assert bundle.tags == {"task_name": "mmlu", "benchmark": "mmlu", "model": "m"}
    assert [item.path for item in bundle.artifacts] == ["results.yml", "samples.jsonl"]
    assert bundle.started_at == bundle.ended_at
    write(folder / "results.yml", RESULTS.replace("0.5", "0.75"))
    assert read(folder).id != bundle.id


def test_a_results_file_of_another_name_stands_alone(tmp_path):
    """Known by its content; of what lies beside it nothing is taken."""
    write(tmp_path / "run_config.yml", "framework_name: other\n")
    file = write(tmp_path / "mine.yaml", yaml.safe_dump(yaml.safe_load(RESULTS)))
    evidence = READER.sniff(source_of(file))
    assert evidence is not None
    bundle = READER.read(source_of(file))
    assert [item.path for item in bundle.artifacts] == ["mine.yaml"]
    assert (bundle.tasks[0].provider, values(bundle)) == ("nemo-evaluator", {"mmlu_score_micro": 0.5})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("results.json", "{}"),
        ("results.yml", "- 1\n"),
        ("results.yml", ""),
        ("config.yaml", "config: {}\ntarget: {}\n"),
        ("readme.md", RESULTS),
    ],
)
def test_other_files_and_folders_are_left_to_others(tmp_path, name, text):
    """What looks like no result of an evaluation is not claimed, nor is the folder around it."""
    assert READER.sniff(source_of(write(tmp_path / name, text))) is None
    assert READER.sniff(source_of(tmp_path)) is None
    assert READER.sniff(source_of(MMLU.parent)) is None


@pytest.mark.parametrize(("exited", "state"), [(None, "running"), ("gone", "pending")])
def test_a_job_that_has_not_ended_is_no_result(tmp_path, exited, state):
    """It is claimed, and reading it says what to wait for."""
    job = write_job(tmp_path / "job", code=None)
    if exited == "gone":
        (job / "logs" / "stage.running").unlink()
    assert READER.sniff(source_of(job)) is not None
    with pytest.raises(InputError, match=f"the job is {state}") as caught:
        read(job)
    assert caught.value.code == "not_finished"


def test_a_job_that_is_gone_is_told(tmp_path):
    """The execution database may name folders that nobody has any more."""
    with pytest.raises(InputError, match="is not there"):
        READER.read(Source(path=tmp_path / "gone", root=tmp_path / "gone", is_folder=True))


def test_what_the_execution_database_knows_outweighs_the_folders(tmp_path):
    """Its id, its word that the job was killed, and its labels where the files say nothing."""
    job = write_job(tmp_path / "anywhere", results=None, code=None)
    known = Job(id="ab.4", invocation_id="ab", task="x.y", harness="x", model="m", executor="slurm", was_killed=True)
    bundle = read_job(source_of(job), known)
    assert (bundle.id, bundle.name, bundle.status) == ("ab.4", "eval-ab-x.y", "cancelled")
    assert (bundle.model, bundle.tags["executor"], bundle.tags["harness"]) == ("m", "slurm", "x")
    assert bundle.tasks[0].error == "it was killed"


@pytest.mark.parametrize("text", ["results: [", "- 1", "", "config: {}", "\x00", "a: 1\n\tb: 2"])
def test_broken_results_are_an_error_unless_the_job_failed_anyway(tmp_path, text):
    """A success without readable results is refused; of a failure the rest is still told."""
    with pytest.raises(InputError, match="cannot be read"):
        read(write_job(tmp_path / "good", results=text))
    bundle = read(write_job(tmp_path / "bad", results=text, code="1"))
    assert bundle.status == "failed"
    assert [line for line in told(bundle) if line.startswith("results.yml: cannot be read")]


def test_broken_companions_are_noted(tmp_path):
    """Configuration and figures that cannot be read cost only themselves."""
    job = write_job(tmp_path / "job")
    write(job / "artifacts" / "run_config.yml", "a: [")
    write(job / "artifacts" / "metadata.yaml", "- 1")
    write(job / "artifacts" / "eval_factory_metrics.json", "{")
    bundle = read(job)
    assert values(bundle) == {"mmlu_score_micro": 0.5}
    for name in ("run_config.yml", "metadata.yaml", "eval_factory_metrics.json"):
        assert [text for text in told(bundle) if text.startswith(name)]


def test_the_run_configuration_completes_the_results(tmp_path):
    """Defaults that were in force stand in run_config.yml, where results.yml has null."""
    job = write_job(tmp_path / "job")
    write(job / "artifacts" / "run_config.yml", "config: {params: {limit_samples: 7, temperature: 0.1}}")
    config = read(job).tasks[0].config
    assert (config["config.params.limit_samples"], config["config.params.temperature"]) == (7, 0.5)


@settings(max_examples=80, deadline=None)
@given(TREES, TREES)
def test_whatever_results_hold_they_are_read_or_refused(tmp_path_factory, results, config):
    """Any document with results is read, and every number among them is a metric, an error or a count."""
    folder = tmp_path_factory.mktemp("job")
    write(folder / "results.yml", yaml.safe_dump({"config": config, "target": config, "results": results}))
    (task,) = read(folder).tasks
    kept = {number for metric in task.metrics for number in (metric.value, metric.stderr, metric.n)}
    assert numbers_in(results) <= kept


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_content_is_more_than_an_input_error(tmp_path_factory, content):
    """Any bytes in any of the files: a result or an InputError."""
    folder = tmp_path_factory.mktemp("job")
    names = ["artifacts/results.yml", "artifacts/run_config.yml", "artifacts/metadata.yaml", "run.sh"]
    names += ["artifacts/eval_factory_metrics.json", "artifacts/omni-info.json", "logs/stage.exit", "logs/stdout.log"]
    for name in names:
        write(folder / name, "")
        (folder / name).write_bytes(content)
    assert READER.sniff(source_of(folder)) is not None
    try:
        outcome = read(folder).status
    except InputError as error:
        outcome = error.code
    assert outcome in {"completed", "failed", "unreadable"}


def numbers_in(document) -> set[float]:
    if isinstance(document, dict):
        return {number for value in document.values() for number in numbers_in(value)}
    if isinstance(document, list):
        return {number for value in document for number in numbers_in(value)}
    is_number = isinstance(document, int | float) and not isinstance(document, bool)
    return {float(document)} if is_number and math.isfinite(document) else set()


def test_the_examples_name_no_place_of_a_machine():
    """What is shipped was written by hand: relative paths only."""
    texts = [file.read_text() for file in Path(MMLU.parents[1]).rglob("*") if file.is_file()]
    assert len(texts) > 30
    assert not [text for text in texts if "/home/" in text or "/tmp/" in text or "/root/" in text]


def test_a_results_file_among_others_does_not_claim_their_folder(tmp_path):
    """Without its companions beside it a results.yml stands for itself, and the rest of the folder is looked into."""
    file = write(tmp_path / "gathered" / "results.yml", RESULTS)
    assert READER.sniff(source_of(tmp_path / "gathered")) is None
    assert READER.sniff(source_of(file)) is not None
    write(tmp_path / "gathered" / "run_config.yml", "framework_name: x\n")
    assert READER.sniff(source_of(tmp_path / "gathered")) is not None
