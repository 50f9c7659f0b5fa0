"""A user's mistakes: exit 2 before anything is asked, one line that says what, where and what to do, no traceback."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from installed import Installed, one_error
from sums import TASK, write_sums

ROWS = [json.dumps({"id": f"q{n}", "question": f"Item {n}: What is {n} + 3?", "answer": str(n + 3)}) for n in range(5)]
GOOD = TASK.format(name="sums")
OTHER = GOOD.replace("dataset: sums.jsonl", "dataset: other.jsonl")


@dataclass(frozen=True)
class Mistake:
    """Files that differ from the good ones, words that follow the good ones, and what the error must say."""

    code: str
    says: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)


def task(old, new, code, *says, **files):
    """A mistake in the task file, which the error must name."""
    assert old in GOOD
    return Mistake(code, ("sums.yaml", *says), {"sums.yaml": GOOD.replace(old, new), **files})


def data(text, code, *says):
    """A mistake in the data."""
    return Mistake(code, says, {"sums.jsonl": text})


def flags(words, code, *says, **environ):
    """A mistake in the words that follow."""
    return Mistake(code, says, words=words, environ=environ)


IN_FILES = {
    "an unknown key with its nearest": task("prompt:", "promt:", "unknown_key", "'promt'", "'prompt'"),
    "a key that is missing": task('target: "{{ answer }}"\nmetrics', "metricks", "unknown_key", "'metrics'"),
    "no data set named": task("dataset: sums.jsonl\n", "", "missing_key", "'dataset'"),
    "a data set that is not there": task("sums.jsonl", "sum.jsonl", "missing_dataset", "'sum.jsonl'", "'sums.jsonl'"),
    "a data set of no known kind": task("sums.jsonl", "sums.xlsx", "bad_dataset", "'sums.xlsx'", ".jsonl"),
    "a template over a field that is not there": task(
        "{{ question }}", "{{ questoin }}", "missing_field", "prompt", "'questoin'", "'question'", "sums.jsonl:1"
    ),
    "a target over a field that is not there": task(
        "{{ answer }}", "{{ answr }}", "missing_field", "target", "'answer'"
    ),
    "a template that cannot be read": task("{{ question }}", "{{ question", "bad_template", "prompt"),
    "an unknown metric with its nearest": task("exact_match", "exact_mach", "unknown_metric", "'exact_match'"),
    "an unknown metric option": task(
        "[exact_match]", "[{exact_match: {ignore_cas: true}}]", "unknown_option", "'ignore_cas'", "exact_match"
    ),
    "a metric option of the wrong type": task(
        "[exact_match]", "[{numeric: {tolerance: much}}]", "bad_option", "tolerance", "'much'"
    ),
    "a metric named twice": task("[exact_match]", "[exact_match, exact_match]", "duplicate_metric", "'exact_match'"),
    "a metric's bad regular expression": task("[exact_match]", "[{regex: {pattern: '('}}]", "bad_pattern", "metrics"),
    "an extraction's bad regular expression": task(
        "id:", "extract: {regex: '('}\nid:", "bad_regex", "extract", "regular expression"
    ),
    "an unknown key below extract": task("id:", "extract: {regx: a}\nid:", "unknown_key", "'regx'", "extract"),
    "a value of the wrong type": task("name: sums", "name: [sums]", "bad_value", "name"),
    "a name with other characters": task("name: sums", "name: su ms", "bad_value", "'su ms'"),
    "a count that is none": task("id:", "repeats: none\nid:", "bad_value", "repeats"),
    "prompt and messages": task("id:", "messages: [{role: user, content: hi}]\nid:", "missing_key", "messages"),
    "YAML that cannot be read": task("metrics: [exact_match]", "metrics: [exact_match", "broken_yaml", "sums.yaml:"),
    "a list where keys are wanted": Mistake("broken_yaml", ("sums.yaml",), {"sums.yaml": "- a\n- b\n"}),
    "an empty task file": Mistake("broken_yaml", ("sums.yaml",), {"sums.yaml": ""}),
    "broken JSON on line 3": data("\n".join([*ROWS[:2], '{"id": "q2",', *ROWS[3:]]), "broken_record", "sums.jsonl:3"),
    "a record that is no object": data("\n".join([*ROWS[:3], "[1, 2]"]), "broken_record", "sums.jsonl:4"),
    "the same id twice": data("\n".join([*ROWS, ROWS[1]]), "duplicate_id", "'q1'", "sums.jsonl:2", "sums.jsonl:6"),
    "an empty data set": data("\n\n", "empty_dataset", "dataset"),
    "a field missing in one record": data(
        "\n".join([*ROWS, '{"id": "q9", "question": "?"}']), "missing_field", "'answer'", "sums.jsonl:6"
    ),
    "two tasks of one name": Mistake("duplicate_task", ("'sums'",), {"again.yaml": GOOD}, ("again.yaml",)),
}

ON_THE_LINE = {
    "no endpoint": flags(("--url", ""), "missing_url", "--url"),
    "a URL without its scheme": flags(("--url", "localhost:8000"), "bad_url", "localhost:8000", "http://"),
    "a URL with a password": flags(("--url", "http://a:secret-word@h/v1"), "bad_url", "--api-key-env"),
    "an unknown baseline": flags(("--model", "baseline:extractve"), "unknown_model", "extractive"),
    "a task file that is not there": flags(("sum.yaml",), "missing_task", "sum.yaml", "sums.yaml"),
    "a task that nobody offers": flags(("arc_easy",), "unknown_task", "'arc_easy'"),
    "an unset key variable": flags(("--api-key-env", "NOT_SET_1"), "missing_key", "NOT_SET_1", "export"),
    "an unknown sample": flags(("--samples", "q1,q88"), "unknown_sample", "'q88'"),
    "other files in --out": flags(("--out", "."), "bad_out", "--out"),
    "a file as --out": flags(("--out", "sums.yaml"), "bad_out", "sums.yaml", "--out"),
    "a limit that is no number": flags(("--limit", "x"), "usage", "--limit", "'x'"),
    "a limit of nothing": flags(("--limit", "0"), "usage", "--limit", "'0'"),
    "a share above 1": flags(("--limit", "1.5"), "usage", "--limit", "'1.5'"),
    "a time that is no number": flags(("--timeout", "soon"), "usage", "--timeout", "'soon'"),
    "a time that is not a number": flags(("--timeout", "nan"), "usage", "--timeout", "'nan'"),
    "no request in flight": flags(("--concurrency", "0"), "usage", "--concurrency", "'0'"),
    "retries below none": flags(("--max-retries", "-1"), "usage", "--max-retries", "-1"),
    "no repeat": flags(("--repeats", "0"), "usage", "--repeats", "'0'"),
    "a share of what is unscored above 1": flags(("--allow-unscored", "2"), "usage", "--allow-unscored", "'2'"),
    "a seed that is no number": flags(("--seed", "x"), "usage", "--seed", "'x'"),
    "a layout that is none": flags(("--layout", "nestd"), "usage", "--layout", "nested"),
    "a header without a value": flags(("--header", "X-A"), "usage", "--header", "'X-A'"),
    "a header with a line break": flags(("--header", "X-A=b\nc"), "bad_header", "X-A"),
    "a tag without a name": flags(("--tag", "=x"), "usage", "--tag", "'=x'"),
    "a param given twice": flags(("--param", "a=1", "--param", "a=2"), "usage", "--param", "'a'"),
    "a flag with a slip": flags(("--concurency", "3"), "usage", "--concurency", "--concurrency"),
    "a blank experiment": flags(("--experiment", " "), "bad_experiment", "experiment"),
    "an experiment name that is too long": flags(("--experiment", "x" * 300), "bad_experiment", "300"),
    "a tag of ours": flags(("--tag", "evaltrail.key=x"), "bad_tag", "'evaltrail.key'"),
    "a setting that cannot be": flags((), "bad_setting", "EVALTRAIL_LAYOUT", "nested", EVALTRAIL_LAYOUT="nestd"),
}


@pytest.mark.parametrize("name", [*IN_FILES, *ON_THE_LINE])
def test_a_mistake_is_named_before_anything_is_asked(tmp_path, endpoint, name):
    """Exit 2, one error line with a next step, one object with the code, no request, no evaluation in the ledger."""
    mistake = (IN_FILES | ON_THE_LINE)[name]
    evaltrail = Installed(tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    files = {"sums.yaml": GOOD, "sums.jsonl": "\n".join(ROWS), **mistake.files}
    for file, text in files.items():
        (evaltrail.cwd / file).write_text(text)
    words = ("run", "sums.yaml", *mistake.words)
    if "--model" not in mistake.words:
        words += ("--model", "m")
    if "--url" not in mistake.words:
        words += ("--url", endpoint.url)
    done = evaltrail.here(*words, "--json", environ=mistake.environ)
    assert done.code == 2, done.err
    result = done.object
    assert (result["ok"], result["exit_code"]) == (False, 2)
    assert [error["code"] for error in result["errors"]] == [mistake.code]
    line = one_error(done)
    for part in mistake.says:
        assert part in line
    assert "secret-word" not in line
    assert endpoint.stats()["total"] == 0
    assert not (evaltrail.home / "ledger.db").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rnu",), "'run'"),
        (("sampels", "x"), "'samples'"),
        (("run",), "TASK"),
        ((), "COMMAND"),
        (("status", "zz"), "evaltrail ls"),
        (("info", "zz"), "evaltrail ls"),
        (("logs", "zz"), "evaltrail ls"),
        (("samples", "zz"), "evaltrail ls"),
        (("samples", "."), "bundle"),
        (("ls", "rnus"), "runs"),
        (("sync", "--jsn"), "--json"),
        (("ui", "--port", "x"), "--port"),
    ],
)
def test_every_command_names_its_mistake(tmp_path, words, says):
    """Each command: exit 2, one error line with a next step, one object with the error."""
    done = Installed(tmp_path).here(*words, "--json")
    assert (done.code, len(done.object["errors"])) == (2, 1)
    assert says in one_error(done)


def test_internal_names_do_not_show(tmp_path):
    """A flag's error speaks of the flag and the value, not of functions in our code."""
    evaltrail = Installed(tmp_path)
    write_sums(evaltrail.cwd, 10)
    told = [
        evaltrail.here("run", "sums.yaml", "--model", "m", "--url", "http://127.0.0.1:1", flag, "x")
        for flag in ("--limit", "--timeout", "--concurrency", "--max-retries", "--allow-unscored")
    ]
    assert [done.code for done in told] == [2] * len(told)
    assert [done.err for done in told if " _" in done.err] == []


@pytest.mark.slow
def test_mlflow_ids_that_do_not_exist_are_named(evaltrail, endpoint):
    """An unknown MLFLOW_RUN_ID or _EXPERIMENT_ID: exit 1 with the variable's value, the results stay safe."""
    write_sums(evaltrail.cwd, 10)
    for name, value in (("MLFLOW_RUN_ID", "f" * 32), ("MLFLOW_EXPERIMENT_ID", "424242424242")):
        words = ("run", "sums.yaml", "--model", name, "--url", endpoint.url, "--json")
        done = evaltrail(*words, environ={name: value})
        assert (done.code, done.object["counts"]["sums"]["scored"]) == (1, 10), done.err
        assert value in one_error(done)


def test_a_run_in_a_home_that_cannot_be_written_names_the_folder(evaltrail, endpoint, tmp_path):
    """A file stands where EVALTRAIL_HOME should be: exit 1, the folder, and the variable to set."""
    task_file = write_sums(evaltrail.cwd, 10)
    (tmp_path / "taken").write_text("")
    words = ("run", task_file, "--model", "m", "--url", endpoint.url)
    done = evaltrail(*words, environ={"EVALTRAIL_HOME": str(tmp_path / "taken" / "home")})
    assert done.code == 1
    assert "EVALTRAIL_HOME" in one_error(done)
    assert "taken" in one_error(done)


def test_a_data_set_of_numbers_and_unicode_is_no_mistake(evaltrail, endpoint):
    """A byte order mark, blank lines, CRLF and unusual letters in ids are read as they are."""
    rows = [json.dumps({"id": f"é {n}", "question": f"Item {n}: What is {n} + 3?", "answer": n + 3}) for n in range(10)]
    (evaltrail.cwd / "sums.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(rows).encode())
    (evaltrail.cwd / "sums.yaml").write_text(GOOD)
    done = evaltrail("run", "sums.yaml", "--model", "m", "--url", endpoint.url, "--no-deliver", "--json")
    assert (done.code, done.object["metrics"]["sums/exact_match"]["value"]) == (0, 0.9), done.err
