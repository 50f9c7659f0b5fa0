"""A job's batch script holds what it is given and nothing else; Slurm's words become the launcher's."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.run_config import SlurmOptions
from evaltrail.executors.slurm import cancel, job_word, slurm_states, submit
from evaltrail.executors.slurm_script import batch_script
from evaltrail.store.job_folders import job_place

JOB = "0123456789abcdef.3"
LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20)
BREAKS = ["\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\ud800"]


def script_of(options=None, *, folder=Path("/runs/a"), walltime_s=None, task="native.reading", command=("true",)):
    return batch_script(
        job_id=JOB,
        task=task,
        folder=folder,
        command=command,
        options=options or SlurmOptions(),
        walltime_s=walltime_s,
    )


def flags_of(script):
    """The flags of a script, read as sbatch reads them: backslashes escape inside quotes too."""
    lines = [line.removeprefix("#SBATCH --") for line in script.split("\n") if line.startswith("#SBATCH --")]
    pairs = (line.partition("=") for line in lines)
    return {name: "".join(shlex.split(value)) if mark else True for name, mark, value in pairs}


def test_a_script_without_options_leaves_slurm_its_own_defaults():
    """Only what every job needs is said; the command stands in the shell's place."""
    assert script_of().split("\n") == [
        "#!/bin/bash",
        f'#SBATCH --job-name="native.reading.{JOB}"',
        '#SBATCH --output="/runs/a/logs/slurm-%j.log"',
        '#SBATCH --open-mode="append"',
        "#SBATCH --no-requeue",
        '#SBATCH --nodes="1"',
        '#SBATCH --ntasks-per-node="1"',
        f"# {JOB} native.reading",
        "exec true",
        "",
    ]


def test_every_option_becomes_a_flag():
    """True is the flag alone, false and None are nothing; the walltime is rounded up to minutes."""
    options = SlurmOptions(
        account="me",
        partition="batch",
        gres="gpu:8",
        num_nodes=2,
        ntasks_per_node=4,
        comment="nightly",
        extra_flags={"exclusive": True, "switches": 1, "constraint": "h100", "hold": False, "qos": None},
    )
    found = flags_of(script_of(options, walltime_s=3601))
    assert found.items() >= {
        ("account", "me"),
        ("partition", "batch"),
        ("gres", "gpu:8"),
        ("nodes", "2"),
        ("ntasks-per-node", "4"),
        ("time", "61"),
        ("comment", "nightly"),
        ("exclusive", True),
        ("switches", "1"),
        ("constraint", "h100"),
    }
    assert not {"hold", "qos"} & set(found)


@pytest.mark.parametrize(("seconds", "minutes"), [(0.5, "1"), (60.0, "1"), (60.1, "2"), (86_400.0, "1440")])
def test_a_limit_is_never_shorter_than_asked(seconds, minutes):
    """Slurm counts in minutes."""
    assert flags_of(script_of(walltime_s=seconds))["time"] == minutes


@given(text=LINE, command=st.lists(LINE, min_size=1, max_size=4), folder=LINE.filter(lambda text: "\\" not in text))
def test_no_value_leaves_its_line(text, command, folder):
    """Whatever stands in a value, the script has the same lines, and its last one is the command, word by word."""
    place = Path("/runs") / folder.replace("/", "_")
    options = SlurmOptions(account=text, comment=text, extra_flags={"constraint": text})
    lines = script_of(options, command=command, folder=place).split("\n")
    names = ["job-name", "output", "open-mode", "no-requeue", *(["account"] if text else []), "nodes"]
    names += ["ntasks-per-node", *(["comment"] if text else []), "constraint"]
    heads = [line.partition("=")[0] for line in lines]
    assert heads[:-3] == ["#!/bin/bash", *(f"#SBATCH --{name}" for name in names)]
    assert shlex.split(lines[-2]) == ["exec", *command]
    assert flags_of("\n".join(lines))["constraint"] == text


@pytest.mark.parametrize("mark", BREAKS)
@pytest.mark.parametrize("name", ["account", "partition", "gres", "comment"])
def test_an_option_with_a_line_break_is_refused(name, mark):
    """A value that ended its line could say anything on the next one; the key is named."""
    with pytest.raises(InputError, match="line break or a control character") as caught:
        script_of(SlurmOptions(**{name: f"a{mark}#SBATCH --uid=0"}))
    assert caught.value.where == ("execution.sbatch_comment" if name == "comment" else f"execution.{name}")


@pytest.mark.parametrize("mark", BREAKS)
def test_line_breaks_are_refused_everywhere(mark):
    """Task, folder, command and further flags come from outside too."""
    text = f"a{mark}b"
    with pytest.raises(InputError):
        script_of(task=text)
    with pytest.raises(InputError):
        script_of(folder=Path("/runs", text))
    with pytest.raises(InputError):
        script_of(command=("true", text))
    with pytest.raises(InputError):
        script_of(SlurmOptions(extra_flags={"constraint": text}))
    with pytest.raises(InputError):
        script_of(SlurmOptions(extra_flags={text: True}))


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("time", "set execution.walltime"),
        ("nodes", "set execution.num_nodes"),
        ("comment", "set execution.sbatch_comment"),
        ("tim", "set execution.walltime"),
        ("array", "could not be followed"),
        ("arr", "could not be followed"),
        ("wait", "could not be followed"),
        ("output", "could not be followed"),
        ("--qos", "without its dashes"),
        ("q", None),
        ("qos=x --uid", "without its dashes"),
        ("Mail_User", "without its dashes"),
    ],
)
def test_flags_that_would_break_a_job_are_refused(flag, words):
    """A flag with a key of its own is given there; one that hides a job is not given at all."""
    options = SlurmOptions(extra_flags={flag: "x"})
    if words is None:
        assert flags_of(script_of(options))[flag] == "x"
        return
    with pytest.raises(InputError) as caught:
        script_of(options)
    assert words in str(caught.value)
    assert str(caught.value).startswith("execution.sbatch_extra_flags: ")


def test_a_folder_with_a_backslash_is_refused():
    """Slurm writes no log there, and the job would fail without a word."""
    with pytest.raises(InputError, match="backslash"):
        script_of(folder=Path("/runs/a\\b"))


def test_the_script_says_whose_job_it_is(tmp_path):
    """A folder that was moved away is known by its script."""
    (tmp_path / "run.sub").write_text(script_of(command=("echo", "# ffffffffffffffff.0 other")))
    found = job_place(tmp_path)
    assert (found.job_id, found.task) == (JOB, "native.reading")


def test_bash_runs_the_command_as_it_was_given(tmp_path):
    """Quotes, dollars and spaces reach the command; its exit code is the script's."""
    words = ["it's", '"$HOME"', "`id`", "a b", "#", "", "*"]
    program = 'printf "<%s>" "$@"; exit 7'
    file = tmp_path / "run.sub"
    file.write_text(script_of(command=("/bin/sh", "-c", program, "x", *words)))
    done = subprocess.run(["/bin/bash", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "".join(f"<{word}>" for word in words))


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("PENDING", "pending"),
        ("CONFIGURING", "pending"),
        ("RUNNING", "running"),
        ("COMPLETING", "running"),
        ("SUSPENDED", "running"),
        ("COMPLETED", "success"),
        ("FAILED", "failed"),
        ("TIMEOUT", "failed"),
        ("OUT_OF_MEMORY", "failed"),
        ("NODE_FAIL", "failed"),
        ("CANCELLED", "killed"),
        ("CANCELLED by 1000", "killed"),
        ("CANCELLED+", "killed"),
        ("PREEMPTED", "killed"),
        ("A_WORD_OF_TOMORROW", "running"),
        ("", "pending"),
    ],
)
def test_slurms_words_become_the_launchers(state, word):
    """Accounting may add who cancelled, or cut the word."""
    assert job_word(state) == word


def test_without_slurm_the_next_step_is_told(tmp_path):
    """Each command is looked for on the PATH that it is given, and nowhere else."""
    environ = {"PATH": str(tmp_path)}
    calls = {
        "sbatch": lambda: submit([tmp_path], mode="parallel", environ=environ),
        "squeue": lambda: slurm_states(["1"], environ),
        "scancel": lambda: cancel(["1"], environ),
    }
    for name, call in calls.items():
        with pytest.raises(InputError, match=rf"{name} is not on the PATH \(.*login node") as caught:
            call()
        assert caught.value.code == "no_slurm"


@pytest.mark.parametrize("foreign", ["", "0", "--me", "1,2", "1_3", "\uff11", "x", "1\n2"])
def test_what_is_no_id_never_reaches_a_command(foreign, tmp_path):
    """Ids come from a file that others may have written; without a real one nothing is called."""
    environ = {"PATH": str(tmp_path)}
    assert slurm_states([foreign], environ) == {}
    try:
        cancel([foreign], environ)
    except EvaltrailError as error:
        pytest.fail(f"a command was called: {error}")


def stand_in(folder, name, text):
    """A program in the place of one of Slurm's."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def test_an_answer_without_an_id_is_a_refusal(tmp_path):
    """A site's wrapper may end well and submit nothing."""
    stand_in(tmp_path, "sbatch", "echo welcome")
    with pytest.raises(InputError, match="exit code 0 and no job id"):
        submit([tmp_path], mode="parallel", environ={"PATH": str(tmp_path)})


def test_an_id_may_bear_its_cluster(tmp_path):
    """``<id>;<cluster>`` is how several clusters answer."""
    stand_in(tmp_path, "sbatch", "echo '12;east'")
    assert submit([tmp_path], mode="parallel", environ={"PATH": str(tmp_path)}) == ("12",)


def test_jobs_that_could_not_be_taken_back_are_named(tmp_path):
    """The error says what may run, and how to end it; a site's own sentences are kept, on one line."""
    for name in "ab":
        (tmp_path / name).mkdir()
    words = "sbatch: error: lua: ask for an account\\nsbatch: error: Batch job submission failed: Unspecified error"
    stand_in(tmp_path, "sbatch", f"case $PWD in */a) echo 7 ;; *) printf '{words}\\n' >&2; exit 1 ;; esac")
    stand_in(
        tmp_path, "scancel", "echo 'scancel: error: Kill job error on job id 7: Access/permission denied' >&2; exit 1"
    )
    with pytest.raises(InputError) as caught:
        submit([tmp_path / "a", tmp_path / "b"], mode="parallel", environ={"PATH": str(tmp_path)})
    assert caught.value.message == (
        "Slurm refuses the job: lua: ask for an account; Batch job submission failed: Unspecified error;"
        " of the jobs submitted before it, 7, some may run: Slurm's scancel failed: Kill job error on job id 7:"
        " Access/permission denied"
    )
    assert caught.value.hint == "scancel 7"
