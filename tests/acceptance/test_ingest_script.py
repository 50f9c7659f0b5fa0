"""`mlflow_eval_integration.py`: the flags, the .env and the run names of seed 000, over the same ingest as the rest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from evaltrail.cli.nemo_script import DEFAULT_EXPERIMENT, main
from mlflow_server import ask, content_of, runs_in
from service_results import BEIR, EVALUATIONS, FILES, write

SCRIPT = Path(__file__).resolve().parents[2] / "mlflow_eval_integration.py"
NOWHERE = "ftp://nowhere"
"""A URI that is refused at once: whoever reads it instead of the right one ends with exit code 2."""
RUNS = {name: f"{evaluation}_{Path(name).name}" for name, evaluation in zip(FILES, EVALUATIONS, strict=True)}
"""The run of each file of a download."""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder, a folder beside the script, and results; the process's own signals come back afterwards."""
    for name in ("cwd", "beside"):
        (tmp_path / name).mkdir()
    write(tmp_path / "results", {"beir.json": BEIR})
    monkeypatch.chdir(tmp_path / "cwd")
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def script(place, *words, environ=None):
    """The exit code of the script, run in this process."""
    home = {"EVALTRAIL_HOME": str(place / "home")}
    return main([str(word) for word in words], beside=place / "beside", environ=home | (environ or {}))


def python_script(place, *words, copied=False, **environ):
    """The script as a user starts it, in its working folder."""
    file = shutil.copy(SCRIPT, place / "beside") if copied else SCRIPT
    return subprocess.run(
        [sys.executable, str(file), *map(str, words)],
        cwd=place / "cwd",
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "EVALTRAIL_HOME": str(place / "home"), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def dotenv(folder, **values):
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def names_in(url, experiment):
    return sorted(run["info"]["run_name"] for run in runs_in(url, experiment))


def test_the_script_lands_a_whole_download_and_again_changes_nothing(place, mlflow_url, experiment):
    """One run a file, named `${evaluation}_${file}`, the file as it is among its artifacts; twice is once."""
    folder = write(place / "download", FILES)
    words = ("--results_abs_dir", folder, "--mlflow_uri", mlflow_url, "--experiment_name", experiment)
    done = python_script(place, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"9 runs in experiment '{experiment}'" in done.stdout
    contents = {run["info"]["run_name"]: content_of(mlflow_url, run) for run in runs_in(mlflow_url, experiment)}
    assert sorted(contents) == sorted(RUNS.values())
    for name, run_name in RUNS.items():
        run = contents[run_name]
        assert run["artifacts"][Path(name).name] == (folder / name).read_bytes()
        assert run["metrics"]
        assert run["status"] == "FINISHED"
    again = python_script(place, *words)
    assert again.returncode == 0
    assert "9 of them there already" in again.stdout
    assert names_in(mlflow_url, experiment) == sorted(RUNS.values())


@pytest.mark.parametrize(
    ("argument", "variable", "here", "beside"),
    [
        ("right", "wrong", "wrong", "wrong"),
        ("", "right", "wrong", "wrong"),
        ("", "", "right", "wrong"),
        ("", "", "", "right"),
        ("", "", "other", "right"),
    ],
)
def test_an_argument_comes_before_the_environment_and_that_before_dotenv(
    place, mlflow_url, experiment, argument, variable, here, beside
):
    """The original let .env win over the argument; that of the working folder wins over the one beside the script."""
    uris = {"right": mlflow_url, "wrong": NOWHERE}
    names = {"right": experiment, "wrong": f"{experiment} wrong"}

    def said(word):
        return {"MLFLOW_URI": uris[word], "EXPERIMENT_NAME": names[word]} if word in uris else {"UNKNOWN": "x"}

    for folder, word in (("cwd", here), ("beside", beside)):
        if word:
            dotenv(place / folder, **said(word))
    given = ("--mlflow_uri", mlflow_url, "--experiment_name", experiment) if argument else ()
    environ = said(variable) if variable else {}
    assert script(place, "--results_abs_dir", place / "results", *given, environ=environ) == 0
    assert names_in(mlflow_url, experiment) == ["beir_beir.json"]
    assert names_in(mlflow_url, f"{experiment} wrong") == []


def test_the_default_experiment_is_that_of_the_original(place, mlflow_url):
    """Without a name anywhere it is "Nemo Evaluator MS Testing", whatever MLFLOW_EXPERIMENT_NAME says."""
    write(place / "results", {"beir.json": {**BEIR, str(place): 1}})
    environ = {"MLFLOW_TRACKING_URI": mlflow_url, "MLFLOW_EXPERIMENT_NAME": "another"}
    assert script(place, f"--results_abs_dir={place / 'results'}", environ=environ) == 0
    assert DEFAULT_EXPERIMENT == "Nemo Evaluator MS Testing"
    assert f"beir/{place}".replace("//", "/") in {
        metric["key"] for run in runs_in(mlflow_url, DEFAULT_EXPERIMENT) for metric in run["data"].get("metrics", [])
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--results_abs_dir", "results"), "--mlflow_uri"),
        (("--mlflow_uri", "URI"), "--results_abs_dir"),
        (("--mlflow_uri", "URI", "--results_abs_dir", "empty"), "the folder is empty"),
        (("--mlflow_uri", "URI", "--results_abs_dir", "texts"), "no result of a known format"),
        (("--mlflow_uri", "URI", "--results_abs_dir", "missing"), "no such file or folder"),
        (("--mlflow_uri", NOWHERE, "--results_abs_dir", "results"), "ftp"),
        (("--mlflow_url", "URI", "--results_abs_dir", "results"), "--help"),
    ],
)
def test_what_is_missing_ends_with_2_and_how_to_give_it(place, mlflow_url, experiment, capsys, words, told):
    """No URI, no folder, nothing in it, a wrong flag: exit 2, one line that helps, and no experiment is made."""
    (place / "empty").mkdir()
    write(place / "texts", {"a.txt": "x", "b.txt": "y"})
    places = {name: str(place / name) for name in ("results", "empty", "texts", "missing")}
    given = [{"URI": mlflow_url, **places}.get(word, word) for word in words]
    assert script(place, *given, "--experiment_name", experiment) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: ")
    assert told in err
    known = ask(mlflow_url, "experiments/search", max_results=1000)["experiments"]
    assert experiment not in {item["name"] for item in known}


def test_a_zip_of_the_results_lands_as_its_folder_does(place, mlflow_url, experiment):
    """The newer microservice hands out zips; with the script copied elsewhere, its .env beside it counts."""
    write(place / "download", FILES)
    with zipfile.ZipFile(place / "results.zip", "w") as archive:
        for name in FILES:
            archive.write(place / "download" / name, name)
    dotenv(place / "beside", MLFLOW_URI=mlflow_url, EXPERIMENT_NAME=experiment)
    done = python_script(place, "--results_abs_dir", place / "results.zip", copied=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert names_in(mlflow_url, experiment) == sorted(RUNS.values())
    assert not any((place / "home" / "outbox" / "unpacked").iterdir())
    assert script(place, "--results_abs_dir", place / "download") == 0
    assert len(runs_in(mlflow_url, experiment)) == 9


def test_one_broken_file_among_good_ones_ends_with_1(place, mlflow_url, experiment, capsys):
    """The exit code tells; the original ended with 0 whatever happened."""
    write(place / "results", {"lm-harness-cut.json": '{"results": {"mmlu": {"acc,none": 0.'})
    words = ("--results_abs_dir", place / "results", "--mlflow_uri", mlflow_url, "--experiment_name", experiment)
    assert script(place, *words) == 1
    out, err = capsys.readouterr()
    assert "beir.json" in out
    assert str(place / "results" / "lm-harness-cut.json") in err
    assert names_in(mlflow_url, experiment) == ["beir_beir.json"]
