"""Programs of the operator's as tasks: run, read, ended, killed, gone on with."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from child import start_child
from command_files import PROGRAM, write_command
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EndpointError, EvaltrailError, InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order
from native_tasks import records, write_data, write_task

QUICK_S = 20.0
KEY = "key-of-the-model"


class Bench:
    """A home with a folder of commands, in which evaluations of `command/sums` are run."""

    def __init__(self, folder):
        self.folder = folder
        self.commands = folder / "commands"
        self.environ = {
            "EVALTRAIL_HOME": str(folder / "home"),
            "EVALTRAIL_COMMANDS_DIR": str(self.commands),
            "PATH": os.environ["PATH"],
            "OPENAI_API_KEY": "sk-not-for-programs",
            "MODEL_KEY": KEY,
            "COLOUR": "red",
        }

    def run(self, program=PROGRAM, *, target=None, request=None, **changes):
        write_command(self.commands, program=program, **changes)
        given = {"tasks": ("command/sums",), "target": target or ModelTarget(id="m", url="http://127.0.0.1:9/v1")}
        asked = EvaluationRequest(**{**given, **(request or {})})
        return evaluate(Order(request=asked, delivery=None), load_settings(self.environ, None))

    def logs(self):
        return "".join(file.read_text() for file in self.folder.rglob("program.log"))


def given_to(result):
    """The words and the names of variables that the program was given."""
    (file,) = result.out.rglob("given.txt")
    return json.loads(file.read_text())


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_what_a_program_leaves_is_a_result(bench):
    """Its numbers, its samples, its files, under the provider's name."""
    result = bench.run(version="1.2", total=4)
    assert result.state == "completed"
    assert result.metrics["sums/acc,none"].value == 0.75
    (task,) = result.bundle.tasks
    assert (task.provider, task.provider_version) == ("command", "1.2")
    assert task.config["command.digest"]
    assert len(list(result.samples["sums"])) == 4
    assert any(file.name.startswith("results_") for file in result.out.rglob("*.json"))


def test_whichever_reader_knows_the_results_reads_them(bench):
    """Where the file names none."""
    assert bench.run(leaves=None).metrics["sums/acc,none"].value == 0.75


def test_words_reach_the_program_one_by_one(bench):
    """No shell, no splitting; a group without a value is left out."""
    words = [
        sys.executable,
        "sums.py",
        "{out}",
        "{model}",
        ["--limit", "{limit}"],
        ["--seed", "{seed}"],
        "{param.note}",
    ]
    result = bench.run(
        command=words,
        target=ModelTarget(id="m; echo $HOME", url="u"),
        request={"limit": 2, "params": {"note": "a  b"}},
    )
    assert given_to(result)["words"] == ["m; echo $HOME", "--limit", "2", "a  b"]


def test_only_named_variables_reach_the_program_and_the_key_by_its_own_name(bench):
    """Everything else of the environment stays here, and nothing that is kept holds the key."""
    target = ModelTarget(id="m", url="http://127.0.0.1:9/v1", api_key_env="MODEL_KEY")
    result = bench.run(target=target, env=["COLOUR", "NOT_SET"], api_key_env="THEIR_KEY")
    variables = set(given_to(result)["variables"])
    assert {"COLOUR", "THEIR_KEY", "PATH"} <= variables
    assert not variables & {"OPENAI_API_KEY", "MODEL_KEY", "NOT_SET", "EVALTRAIL_HOME"}
    assert not [file for file in bench.folder.rglob("*") if file.is_file() and KEY in file.read_text(errors="replace")]


def test_a_key_that_the_program_prints_is_blanked_out(bench):
    """In its log and in the error."""
    target = ModelTarget(id="m", url="http://127.0.0.1:9/v1", api_key_env="MODEL_KEY")
    program = "import os; print('my key is', os.environ['THEIR_KEY']); raise SystemExit(3)"
    with pytest.raises(EvaltrailError, match="my key is") as caught:
        bench.run(program, target=target, api_key_env="THEIR_KEY")
    assert KEY not in str(caught.value)
    assert "my key is" in bench.logs()
    assert KEY not in bench.logs()


def test_a_secret_variable_that_the_program_may_see_is_blanked_out_too(bench):
    """Its name says what it is."""
    bench.environ["THEIR_DATA_TOKEN"] = "plainwords-of-theirs"
    with pytest.raises(EvaltrailError, match="data says") as caught:
        bench.run(
            "import os; print('data says', os.environ['THEIR_DATA_TOKEN']); raise SystemExit(3)",
            env=["THEIR_DATA_TOKEN"],
        )
    assert "plainwords" not in str(caught.value) + bench.logs()


@pytest.mark.parametrize(
    ("program", "code", "told"),
    [
        ("print('no such model'); raise SystemExit(7)", "command_failed", "ended with code 7: no such model"),
        ("raise SystemExit(1)", "command_failed", "ended with code 1: it said nothing"),
        ("import os; os.kill(os.getpid(), 9)", "command_failed", "ended with code 137"),
        ("print('done')", "no_results", "left no results"),
        ("import sys; open(sys.argv[1] + '/results_x.json', 'w').write('{\"results\": ')", "", ""),
        ("import sys; open(sys.argv[1] + '/noise.bin', 'wb').write(bytes(range(256)) * 99)", "no_results", ""),
    ],
)
def test_a_program_that_fails_or_leaves_garbage_is_an_error(bench, program, code, told):
    """With its last line; never a result."""
    with pytest.raises(EvaltrailError) as caught:
        bench.run(program)
    assert caught.value.exit_code == 1
    assert told in caught.value.message
    assert not code or caught.value.code == code


def test_results_that_cannot_be_read_are_made_anew(bench):
    """Once the program is mended, the same order runs it again; the old ones lie beside for a look."""
    with pytest.raises(EvaltrailError, match="left no results") as caught:
        bench.run("import sys; open(sys.argv[1] + '/noise.txt', 'w').write('noise')")
    assert Path(caught.value.where, "noise.txt").read_text() == "noise"
    assert bench.run().metrics["sums/acc,none"].value == 0.75


def test_what_a_failing_program_leaves_is_no_result_the_next_time(bench):
    """Not even where an earlier call, whose results could not be read, had ended well."""
    with pytest.raises(EvaltrailError, match="left no results"):
        bench.run("import sys; open(sys.argv[1] + '/noise.txt', 'w').write('noise')")
    for _ in range(2):
        with pytest.raises(EvaltrailError, match="ended with code 7"):
            bench.run(PROGRAM + "raise SystemExit(7)")


def test_two_programs_that_leave_one_name_leave_two_results(bench):
    """Neither hides the other: the second one bears its task's name too."""
    write_command(bench.commands, "more", PROGRAM.replace('"acc,none": 0.75', '"acc,none": 0.5'))
    result = bench.run(request={"tasks": ("command/sums", "command/more")})
    assert {name: metric.value for name, metric in result.metrics.items()} == {
        "sums/acc,none": 0.75,
        "more.sums/acc,none": 0.5,
    }
    assert {name: len(list(samples)) for name, samples in result.samples.items()} == {"sums": 4, "more.sums": 4}


def test_what_a_program_did_not_count_is_no_figure(bench):
    """It may have asked a thousand times: 0 requests would be a lie."""
    (task,) = bench.run().bundle.tasks
    assert set(task.usage) == {"runtime_seconds"}


def test_a_program_that_fails_beside_others_goes_on_with_the_same_command(bench):
    """The others land; what it had made is not lost with the finished evaluation, and its error is told once."""
    halves = (
        """
import sys
from pathlib import Path
half = Path(sys.argv[1], "half.txt")
if not half.exists():
    half.write_text("")
    raise SystemExit("only half of it")
"""
        + PROGRAM
    )
    write_command(bench.commands, "halves", halves, resumes=True)
    both = {"tasks": ("command/sums", "command/halves")}
    first = bench.run(request=both)
    assert (first.state, first.exit_code) == ("partially_failed", 1)
    (error,) = first.errors
    assert str(error).count("halves: ") == 1
    second = bench.run(request=both)
    assert (second.state, second.exit_code, list(second.metrics)) == (
        "completed",
        0,
        ["sums/acc,none", "halves.sums/acc,none"],
    )
    assert not list((bench.folder / "home" / "work").iterdir())


def test_what_a_program_left_is_looked_through_for_secrets_before_it_lands(bench):
    """Its files are not ours; ours hold none."""
    artifacts = bench.run().bundle.artifacts
    assert {item.path.startswith("harness/") for item in artifacts if item.may_hold_secrets} == {True}
    assert {item.path.startswith("harness/") for item in artifacts if not item.may_hold_secrets} == {False}


@pytest.mark.parametrize("limit", [0, -3, 2.5])
def test_a_limit_that_means_nothing_is_refused_before_the_program_runs(bench, limit):
    """A share above 1 is not a number of records cut off."""
    words = [sys.executable, "sums.py", "{out}", "{model}", ["--limit", "{limit}"]]
    with pytest.raises(InputError, match="the limit cannot be"):
        bench.run(command=words, request={"limit": limit})


@pytest.mark.slow
def test_a_program_that_ended_well_is_not_run_again(bench):
    """Where the endpoint is away for another task of the order: what the program left is still there."""
    write_data(bench.folder / "data.jsonl", records(2))
    asking = str(write_task(bench.folder, name="asking"))
    counting = PROGRAM + f"open({str(bench.folder / 'count')!r}, 'a').write('x')\n"
    for _ in range(2):
        with pytest.raises(EndpointError, match="cannot be reached"):
            bench.run(counting, request={"tasks": ("command/sums", asking)})
    assert (bench.folder / "count").read_text() == "x"


def test_time_that_is_over_ends_the_program(bench):
    """And all that it started; the error tells the time and the last line."""
    program = "import time; print('still at it', flush=True); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(EvaltrailError, match=r"ended after 0.5 s: still at it") as caught:
        bench.run(program, timeout_s=0.5)
    assert caught.value.code == "command_timeout"
    assert time.monotonic() - began < QUICK_S


def test_links_and_pipes_of_a_program_are_not_taken(bench, tmp_path):
    """A link may lead anywhere, and a pipe would never end."""
    (tmp_path / "private.txt").write_text("private")
    program = PROGRAM + (
        f"os.symlink({str(tmp_path / 'private.txt')!r}, os.path.join(out, 'link.txt'))\n"
        f"os.symlink({str(tmp_path)!r}, os.path.join(out, 'folder'))\n"
        "os.symlink('/nowhere', os.path.join(out, 'dangling'))\n"
        "os.mkfifo(os.path.join(out, 'pipe'))\n"
    )
    result = bench.run(program)
    assert result.state == "completed"
    names = {file.name for file in result.out.rglob("*")}
    assert not names & {"link.txt", "folder", "dangling", "pipe", "private.txt"}


def test_a_reader_that_nobody_has_is_told_before_the_program_runs(bench):
    """With the nearest one."""
    with pytest.raises(InputError, match="did you mean 'lm_eval'"):
        bench.run("raise SystemExit(9)", leaves="lm_evla")


CALLER = """
    import os, sys
    os.environ.update(eval(sys.argv[1]))
    from evaltrail.cli.main import main
    sys.exit(main(["run", "command/sums", "--model", "m", "--no-deliver"]))
"""


@pytest.mark.parametrize(("is_able", "found"), [(False, ""), (True, "half.txt")])
def test_an_interrupted_program_ends_and_the_same_order_starts_it_again(bench, is_able, found):
    """In an empty folder, or where it says that it can go on, in the one that it left."""
    waiting = """
import os, sys, time
from pathlib import Path
found = sorted(file.name for file in Path(sys.argv[1]).iterdir())
if not Path(PIDS).exists():
    Path(sys.argv[1], "half.txt").write_text("")
    Path(PIDS).write_text(str(os.getpid()))
    time.sleep(60)
""".replace("PIDS", repr(str(bench.folder / "pid")))
    program = waiting + PROGRAM + "Path(out, 'found.txt').write_text(' '.join(found))"
    write_command(bench.commands, program=program, resumes=is_able)
    with start_child(CALLER, json.dumps(bench.environ)) as caller:
        ends = time.monotonic() + QUICK_S
        while not (bench.folder / "pid").exists() and time.monotonic() < ends:
            time.sleep(0.02)
        time.sleep(0.1)
        caller.send_signal(signal.SIGINT)
        out, err = caller.communicate(timeout=QUICK_S)
    assert caller.returncode == 130, out + err
    pid = int((bench.folder / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    result = bench.run(program, resumes=is_able, target=ModelTarget(id="m"))
    assert result.metrics["sums/acc,none"].value == 0.75
    (told,) = result.out.rglob("found.txt")
    assert told.read_text() == found
