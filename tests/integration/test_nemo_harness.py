"""A task of a NeMo harness, by the real nemo-evaluator against a real endpoint: what it leaves is what is read back."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from inspect import cleandoc
from pathlib import Path

import pytest

from child import start_child
from evaltrail.core.errors import InputError
from evaltrail.core.source import Source
from evaltrail.providers.nemo.run import run_harness
from evaltrail.readers.nemo_launcher.reader import NemoLauncherReader
from mock_endpoint import MockEndpoint
from nemo_harnesses import HARNESS_PACKAGE, add_harness, harness_environ, job_spec

KEY = "nvapi-0123456789-of-the-test"
QUESTIONS = HARNESS_PACKAGE / "core_evals" / "simple_evals" / "questions.jsonl"


def expected(count: int) -> dict[str, float]:
    """The scores of the first questions: the endpoint knows sums, each tenth is one too many; else it says 42."""
    groups: dict[str, list[bool]] = {}
    for question in map(json.loads, QUESTIONS.read_text().splitlines()[:count]):
        answer = question["options"]["ABCD".index(question["answer"])]
        is_right = question["id"] % 10 != 7 if "What is" in question["question"] else answer == "42"
        groups.setdefault(question["group"], []).append(is_right)
    shares = {group: sum(answers) / len(answers) for group, answers in groups.items()}
    micro = sum(map(sum, groups.values())) / count
    whole = {"mmlu_score_micro": micro, "mmlu_score_macro": sum(shares.values()) / len(shares)}
    return whole | {f"{group}_score_micro": share for group, share in shares.items()}


def wait_for(log: Path, words: str) -> None:
    until = time.monotonic() + 30
    while words not in (log.read_text() if log.exists() else ""):
        assert time.monotonic() < until, f"{words!r} was never said"
        time.sleep(0.05)


@pytest.mark.slow
def test_two_jobs_at_once_ask_each_its_own_endpoint_and_are_read_back_whole(tmp_path):
    """Scores, statistics, documents and log are each job's own; the key is used and nowhere written."""
    counts = {"one": 200, "two": 30}
    with MockEndpoint(require_key=KEY) as one, MockEndpoint(require_key=KEY) as two:
        endpoints = {"one": one, "two": two}

        def run(name: str):
            spec = job_spec(
                params={"limit_samples": counts[name]}, model=name, url=endpoints[name].url, api_key_env="MODEL_KEY"
            )
            environ = harness_environ(MODEL_KEY=KEY)
            return run_harness(spec, tmp_path / name, environ=environ, secrets=[KEY])

        for name in counts:
            (tmp_path / name).mkdir()
        with ThreadPoolExecutor(2) as jobs:
            assert [ended.code for ended in jobs.map(run, counts)] == [0, 0]
        asked = {name: endpoint.stats() for name, endpoint in endpoints.items()}
    for name, count in counts.items():
        artifacts = tmp_path / name / "artifacts"
        assert (asked[name]["unique_ok"], asked[name]["status"]) == (count, {"200": count})
        bundle = NemoLauncherReader().read(Source(path=tmp_path / name, root=tmp_path, is_folder=True, head=b""))
        (task,) = bundle.tasks
        found = {metric.name: metric for metric in task.metrics if metric.is_grade}
        assert {key: found[key].value for key in expected(count)} == pytest.approx(expected(count))
        assert found["mmlu_score_micro"].n == count
        assert found["mmlu_score_micro"].stderr is not None
        assert (bundle.status, bundle.model, task.provider, bundle.skipped) == ("completed", name, "simple_evals", ())
        assert task.config["config.type"] == "mmlu"
        runtime = {metric.name: metric.value for metric in task.metrics if metric.group == ("runtime",)}
        assert runtime["successful_count"] == count
        assert "evaltrail run --config job.yaml" in (artifacts / "metadata.yaml").read_text()
        assert (tmp_path / name / "logs" / "client_stdout.log").stat().st_size > 1000
        assert not [
            file for file in (tmp_path / name).rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()
        ]


@pytest.mark.slow
def test_a_harness_that_fails_fails_the_job_with_its_last_words(tmp_path):
    """nemo-evaluator's exit code is not 0, and the log ends with what the harness said."""
    ended = run_harness(job_spec("crash"), tmp_path, environ=harness_environ())
    assert ended.code == 1
    assert (tmp_path / "logs" / "client_stdout.log").read_text().rstrip().endswith("the harness cannot find its data")
    assert not (tmp_path / "artifacts" / "results.yml").exists()


@pytest.mark.slow
def test_an_interrupted_job_is_marked_and_leaves_nothing_running(tmp_path):
    """nemo-evaluator is told to end while its harness runs: it writes down that it was interrupted."""
    program = """
        import os, sys
        from pathlib import Path
        from evaltrail.providers.nemo.run import run_harness
        from nemo_harnesses import harness_environ, job_spec
        environ = harness_environ(NEMO_EVALUATOR_SHUTDOWN_TIMEOUT_SECONDS="1")
        try:
            run_harness(job_spec("hang"), Path(sys.argv[1]), environ=environ)
        except KeyboardInterrupt:
            print("interrupted")
    """
    program = f"import sys; sys.path.insert(0, {str(HARNESS_PACKAGE.parent)!r})\n" + cleandoc(program)
    with start_child(program, tmp_path) as job:
        wait_for(tmp_path / "logs" / "client_stdout.log", "the harness waits")
        job.send_signal(signal.SIGINT)
        assert job.communicate(timeout=30) == ("interrupted\n", "")
    assert (tmp_path / "artifacts" / ".nemo_evaluator_interrupted").exists()
    assert str(tmp_path) not in running()


def running() -> str:
    """The command lines of all processes."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:  # it has ended meanwhile
            continue
    return "\n".join(lines)


@pytest.mark.slow
def test_a_job_ends_with_its_wall_time(tmp_path):
    """What takes too long is ended and told apart from what ends by itself; its code may be 0 all the same."""
    ended = run_harness(job_spec("hang", walltime_s=0.5), tmp_path, environ=harness_environ())
    assert ended.is_timed_out


def test_a_broken_harness_beside_is_named_in_the_log(tmp_path):
    """nemo-evaluator reads every harness before any task and trips over it: the log says which file to mend."""
    file = add_harness(tmp_path / "more", "bad", content="a: [")
    paths = os.pathsep.join((str(HARNESS_PACKAGE), str(tmp_path / "more")))
    ended = run_harness(job_spec(), tmp_path, environ=harness_environ(PYTHONPATH=paths))
    assert ended.code != 0
    assert (tmp_path / "logs" / "client_stdout.log").read_text().startswith(f"{file}: ")


def test_a_harness_that_is_not_there_starts_nothing(tmp_path):
    """A job that was written down elsewhere may name what this machine has not."""
    with pytest.raises(InputError, match="not installed"):
        run_harness(job_spec(place="garak.garak"), tmp_path, environ=harness_environ())
    assert not list(tmp_path.iterdir())
