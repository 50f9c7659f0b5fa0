"""The execution database: every job once, its last line counts, and ids are found by their beginnings."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.store.executions import Job, database_file, find_job_folders, find_jobs, read_executions
from evaltrail.store.job_folders import exit_code, is_job_folder, job_place, job_state, jobs_below, stage_time
from job_folders import EXAMPLES, HUMANEVAL, STAMPED, line, write, write_job

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def jobs_of(*ids: str) -> tuple[Job, ...]:
    return tuple(
        Job(id=each, invocation_id=each.rpartition(".")[0], number=int(each.rpartition(".")[2])) for each in ids
    )


KNOWN = jobs_of("aaaa1111.0", "aaaa1111.1", "aaaa1111.10", "aabb2222.0", "12345678.0", "12345678.1")


def test_the_example_database_tells_its_jobs():
    """Executor, folder, task, model and time stand in the line; whole seconds and fractions alike."""
    found = read_executions(EXAMPLES / "exec.v1.jsonl")
    assert [job.id for job in found.jobs] == ["8abcd123.0", "3f9a1c7e5b20d846.0", "3f9a1c7e5b20d846.1"]
    assert found.skipped == ()
    first, second, third = found.jobs
    assert (first.folder, first.executor, first.number, first.task) == (HUMANEVAL, "local", 0, "humaneval")
    assert (second.harness, second.task) == ("simple_evals", "simple_evals.mmlu")
    assert second.model == "meta/llama-3.1-8b-instruct"
    assert third.started_at == datetime(2025, 12, 19, 11, 27, 33, tzinfo=UTC)
    assert "not-a-real" not in repr(found)


def test_the_last_line_of_a_job_counts(tmp_path):
    """A job that was killed is written down again; it keeps its place."""
    text = line("aaaa1111.0", "/old") + line("bbbb1111.0") + line("aaaa1111.0", data={"killed": True})
    found = read_executions(write(tmp_path / "db", text)).jobs
    assert [(job.id, job.was_killed, job.folder) for job in found] == [
        ("aaaa1111.0", True, None),
        ("bbbb1111.0", False, None),
    ]


def test_broken_lines_are_told_and_the_rest_is_read(tmp_path):
    """Torn, foreign and nameless lines are listed with their numbers; blank ones are nothing."""
    bad = ["{", "[]", "1", '{"job_id": "a.0"}', '{"invocation_id": "", "job_id": ""}', "[" * 100_000, "\xff"]
    text = "\n\n" + "\n".join([*bad, line("aaaa1111.0", "/f").strip()])
    found = read_executions(write(tmp_path / "db", text))
    assert [job.id for job in found.jobs] == ["aaaa1111.0"]
    assert [note.what for note in found.skipped] == [f"db:{number}" for number in range(3, 10)]


def test_odd_shapes_do_not_lose_a_job(tmp_path):
    """NaN, a configuration of another shape and ids that are numbers leave the job known."""
    odd = {"invocation_id": 12345678, "job_id": "12345678.0", "timestamp": float("nan"), "data": {"output_dir": "/f"}}
    lines = [json.dumps({**odd, "config": {"evaluation": "x"}}), json.dumps({**odd, "executor": 5, "timestamp": "x"})]
    for text in lines:
        (job,) = read_executions(write(tmp_path / "db", text)).jobs
        assert (job.id, job.invocation_id, job.folder) == ("12345678.0", "12345678", Path("/f"))
        assert job.started_at is None


@given(
    st.lists(st.fixed_dictionaries({"invocation_id": JSON, "job_id": JSON, "data": JSON, "config": JSON}), max_size=3)
)
def test_whatever_a_line_holds_is_a_job_or_a_note(tmp_path_factory, records):
    """Nothing in the database is fatal, and nothing is lost in silence."""
    file = tmp_path_factory.mktemp("db") / "db"
    file.write_text("\n".join(json.dumps(record) for record in records))
    found = read_executions(file)
    assert len(records) >= len(found.jobs) + len(found.skipped) >= min(len(records), 1)


def test_slurms_folder_and_a_folder_beside_the_database(tmp_path):
    """Slurm names the folder otherwise; a relative folder is taken from the database's own."""
    text = line("aaaa1111.0", data={"remote_rundir_path": "/run"}) + line("aaaa1111.1", "here/task")
    folders = [job.folder for job in read_executions(write(tmp_path / "db", text)).jobs]
    assert folders == [Path("/run"), tmp_path / "here" / "task"]


def test_where_the_database_lies(tmp_path):
    """The variable names it, else it lies below the HOME of the given environment; none is none."""
    assert database_file({"HOME": "/h"}) == Path("/h/.nemo-evaluator/exec-db/exec.v1.jsonl")
    assert database_file({"HOME": "/h", "NEMO_EVALUATOR_EXEC_DB_FILE": "/db"}) == Path("/db")
    assert database_file({"HOME": "/h", "NEMO_EVALUATOR_EXEC_DB_FILE": "~/db"}) == Path("/h/db")
    assert read_executions(tmp_path / "gone").jobs == ()
    assert read_executions(tmp_path).skipped[0].why.startswith("it cannot be read")


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["aaaa"], ["aaaa1111.0", "aaaa1111.1", "aaaa1111.10"]),
        (["aaaa1111.1"], ["aaaa1111.1"]),
        (["aaaa.10", "aab", "aaaa1111.10"], ["aaaa1111.10", "aabb2222.0"]),
        (["12345678"], ["12345678.0", "12345678.1"]),
        (["1234.1", "aaaa.0"], ["12345678.1", "aaaa1111.0"]),
        ([" aabb2222. "], ["aabb2222.0"]),
    ],
)
def test_ids_are_found_by_their_beginnings(ids, expected):
    """Invocations and jobs mixed, each job once, in the order asked for."""
    assert [job.id for job in find_jobs(KNOWN, ids)] == expected


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ("aa", "ambiguous_id", "aaaa1111, aabb2222"),
        ("aa.0", "ambiguous_id", "aaaa1111.0, aabb2222.0"),
        ("aaaa1111.", "ambiguous_id", "aaaa1111.0, aaaa1111.1, aaaa1111.10"),
        ("ffff", "unknown_id", "'ffff'"),
        ("aaaa1111.7", "unknown_id", "did you mean 'aaaa1111.1"),
        ("", "unknown_id", "''"),
    ],
)
def test_an_id_that_names_nothing_or_too_much_is_told(wanted, code, words):
    """The message names the candidates."""
    with pytest.raises(InputError) as caught:
        find_jobs(KNOWN, [wanted])
    assert caught.value.code == code
    assert words in str(caught.value)


def test_folders_of_an_unknown_invocation_are_found_below_a_place(tmp_path):
    """By the stamped name above the jobs, or a copied folder's own; in the order of the jobs, links not followed."""
    above = tmp_path / "deep" / STAMPED
    jobs = [write_job(above / f"task.{number}") for number in (10, 0, 2)]
    write_job(tmp_path / "deep" / "20251219_112733-ffff456789abcdef" / "task.0")
    copied = write_job(tmp_path / "copies" / "01235555.3", code=None)
    (tmp_path / "link").symlink_to(above)
    assert find_job_folders([tmp_path, tmp_path], "01234") == (jobs[1], jobs[2], jobs[0])
    assert find_job_folders([tmp_path], "0123456789abcdef.2") == (jobs[2],)
    assert find_job_folders([tmp_path], "01235") == (copied,)
    assert find_job_folders([tmp_path], "20251219") == ()
    with pytest.raises(InputError, match="01235555") as caught:
        find_job_folders([tmp_path], "0123")
    assert caught.value.code == "ambiguous_id"


def test_a_place_that_is_no_folder_is_told(tmp_path):
    """A typed name that leads nowhere is an error, not an empty answer."""
    with pytest.raises(InputError, match="no such folder"):
        find_job_folders([tmp_path / "gone"], "0123")


def test_a_folder_named_by_hand_is_found_by_the_whole_id(tmp_path):
    """Any folder with the id in its name holds the invocation."""
    job = write_job(tmp_path / "run-0123456789abcdef-kept" / "task")
    inside = write_job(tmp_path / "my0123456789abcdee" / "task")
    assert find_job_folders([tmp_path], "0123456789abcdef") == (job,)
    assert find_job_folders([tmp_path], "0123456789abcdee") == (inside,)


def test_jobs_without_numbers_are_numbered_by_their_script_or_their_place(tmp_path):
    """0.1.x names folders by task alone: the script's headline says the number, else the order of names does."""
    for task in ("b", "a", "c"):
        write_job(tmp_path / STAMPED / task)
    (tmp_path / STAMPED / "notes").mkdir()
    assert [job_place(folder).job_id[-2:] for folder in jobs_below(tmp_path / STAMPED)] == [".0", ".1", ".2"]
    for number, task in enumerate(("b", "c", "a")):
        write(tmp_path / STAMPED / task / "run.sh", f"#!/bin/bash\n    # 0123456789abcdef.{number} {task}\n")
    assert [folder.name for folder in jobs_below(tmp_path / STAMPED)] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("# 01234567.4 simple_evals.mmlu\n", ("01234567", 4, "simple_evals.mmlu")),
        (f'task_dir="/any/{STAMPED}/simple_evals.mmlu.3"\n', ("0123456789abcdef", 3, "simple_evals.mmlu")),
        (f"artifacts_dir=/any/{STAMPED}/mmlu/artifacts\n", ("0123456789abcdef", None, "mmlu")),
        ("echo\n", ("", None, "")),
    ],
)
def test_a_moved_folder_is_known_by_its_script(tmp_path, script, expected):
    """The script names the invocation's folder that the job was made in."""
    write(tmp_path / "moved" / "run.sh", script)
    place = job_place(tmp_path / "moved")
    assert (place.invocation, place.number, place.task) == expected


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({}, "pending"),
        ({"run.sh": ""}, "pending"),
        ({"logs/stage.pre-start": "2025-12-19T11:27:33Z", "artifacts/results.yml": ""}, "pending"),
        ({"logs/stage.running": "2025-12-19T11:27:33Z", "artifacts/results.yml": ""}, "running"),
        ({"logs/stage.exit": "2025-12-19T11:27:33Z 0\n"}, "success"),
        ({"logs/stage.exit": "2025-12-19T11:27:33Z 1\n"}, "failed"),
        ({"logs/stage.exit": "2025-12-19T11:27:33Z"}, "failed"),
        ({"logs/stage.exit": "x y"}, "failed"),
        ({"logs/stage.exit": ""}, "failed"),
        ({"logs/stage.exit": "2025-12-19T11:27:33Z 143", "artifacts/.nemo_evaluator_interrupted": ""}, "killed"),
        ({"artifacts/results.yml": ""}, "success"),
        ({"results.yaml": ""}, "success"),
        ({"logs/slurm-1.log": "", "artifacts/results.yml": ""}, "success"),
        ({"logs/slurm-1.log": ""}, "pending"),
    ],
)
def test_the_state_of_a_job_is_told_by_its_stages(tmp_path, files, state):
    """No logs: pending, or downloaded; interrupted: killed; exit 0: success, any other exit: failed."""
    for name, text in files.items():
        write(tmp_path / "job" / name, text)
    assert job_state(tmp_path / "job") == state
    assert job_state(tmp_path / "job", was_killed=True) == "killed"


def test_a_job_in_the_invocations_list_of_killed_ones_is_killed(tmp_path):
    """The launcher lists jobs that it killed before they began."""
    job = write_job(tmp_path / STAMPED / "task.1", results=None, code=None)
    write(tmp_path / STAMPED / "killed_jobs.txt", "0123456789abcdef.0\n")
    assert job_state(job) == "running"
    write(tmp_path / STAMPED / "killed_jobs.txt", "0123456789abcdef.0\n0123456789abcdef.1\n")
    assert job_state(job) == "killed"


def test_stages_say_when_and_how(tmp_path):
    """Times are aware UTC; what holds none says none, and a pipe in a stage's place blocks nobody."""
    job = write_job(tmp_path / "job", code="7")
    assert stage_time(job, "running") == datetime(2025, 12, 19, 11, 27, 33, tzinfo=UTC)
    assert exit_code(job) == 7
    write(job / "logs" / "stage.running", "soon")
    assert stage_time(job, "running") is None
    assert (stage_time(tmp_path, "exit"), exit_code(tmp_path)) == (None, None)
    (job / "logs" / "stage.exit").unlink()
    os.mkfifo(job / "logs" / "stage.exit")
    assert (exit_code(job), job_state(job)) == (None, "running")
    assert is_job_folder(job)
    assert not is_job_folder(tmp_path / "gone")
