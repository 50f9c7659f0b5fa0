"""`-o`: what a value on the command line means, and how keys are set, added and removed."""

from __future__ import annotations

import pytest

from configuration_files import LEAST, one_file
from evaltrail.config.composition.overrides import read_override
from evaltrail.config.composition.value_text import read_value
from evaltrail.core.errors import InputError

BASE = "defaults: []\na: {b: 1, d: {x: 1}}\nl: [{n: 1}, 2]\nt: text\nnul:\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2),
        ("-3", -3),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("007", "007"),
        ("0x10", "0x10"),
        ("1e999", "1e999"),
        ("9" * 400, "9" * 400),
        ("True", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("null", None),
        ("NULL", None),
        ("", ""),
        (" x ", "x"),
        ("foo bar", "foo bar"),
        ("foo,bar", "foo,bar"),
        (r"foo\,bar", "foo,bar"),
        (r"a\\b", r"a\b"),
        ("http://h:80/v1?x=1&y=2", "http://h:80/v1?x=1&y=2"),
        ("Hello, world (v2) #1", "Hello, world (v2) #1"),
        ("'q x'", "q x"),
        ('"3"', "3"),
        (r"'a\'b'", "a'b"),
        ("'a' and 'b'", "'a' and 'b'"),
        ("[]", []),
        ("[1,2,x y]", [1, 2, "x y"]),
        ("[a,[b,{c:d}],]", ["a", ["b", {"c": "d"}]]),
        ("['a, b', \"]\"]", ["a, b", "]"]),
        ("[http://a:80/x]", ["http://a:80/x"]),
        ("{}", {}),
        ("{c:1,d: 2}", {"c": 1, "d": 2}),
        ("{a b: c, 'q': {x: [1]}}", {"a b": "c", "q": {"x": [1]}}),
        ("{u:http://a:80/x, n: null, e}", {"u": "http://a:80/x", "n": None, "e": None}),
        ("${a.b}", "${a.b}"),
        ("[${a.b}, ${oc.env:X,y}]", ["${a.b}", "${oc.env:X,y}"]),
        ("$HOME/x", "$HOME/x"),
    ],
)
def test_values_are_read_as_hydra_reads_them(text, value):
    """Numbers, words, quotes, lists and mappings; any other text is itself, with its commas and brackets."""
    found = read_value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text", ["[1", "{a: 1", "'x", "[1]]", "[v2] name", "[a, 'x]", "[,]", "{a: }", "[" * 60, "[${a]"]
)
def test_a_value_that_is_not_closed_is_told(tmp_path, text):
    """What to do is said: put quotes around it."""
    (found,) = one_file(tmp_path, BASE).problems(f"+v={text}")
    assert found.startswith("-o v: the value cannot be read")
    assert "quotes" in found


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("a.b=2", "a", {"b": 2, "d": {"x": 1}}),
        ("a={b: 5}", "a", {"b": 5, "d": {"x": 1}}),
        ("a.d=3", "a", {"b": 1, "d": 3}),
        ("+a.c=1", "a", {"b": 1, "d": {"x": 1}, "c": 1}),
        ("+a.d={z: 1}", "a", {"b": 1, "d": {"x": 1, "z": 1}}),
        ("+nul.x.y=1", "nul", {"x": {"y": 1}}),
        ("+t.x=1", "t", {"x": 1}),
        ("+l=[3]", "l", [3]),
        ("++a.b=7", "a", {"b": 7, "d": {"x": 1}}),
        ("++q.r.s=1", "q", {"r": {"s": 1}}),
        ("~a.b", "a", {"d": {"x": 1}}),
        ("~a.b=1", "a", {"d": {"x": 1}}),
        ("~a.d.x", "a", {"b": 1, "d": {}}),
        ("~l.0", "l", [2]),
        ("l.0.n=5", "l", [{"n": 5}, 2]),
        ("l[0].n=5", "l", [{"n": 5}, 2]),
        ("l.1=9", "l", [{"n": 1}, 9]),
        ("nul=1", "nul", 1),
        ("t=", "t", ""),
        (" t = x ", "t", "x"),
        ("execution.mode=parallel", "execution", {"mode": "parallel"}),
        ("env_vars.A=lit:1", "env_vars", {"A": "lit:1"}),
        ("evaluation.nemo_evaluator_config.x.y=1", "evaluation", {"nemo_evaluator_config": {"x": {"y": 1}}}),
    ],
)
def test_keys_are_set_added_and_removed(tmp_path, override, key, value):
    """As Hydra does; known keys need no plus, because they mean something wherever they stand."""
    assert one_file(tmp_path, BASE).compose(override).value[key] == value


def test_later_overrides_win_and_the_file_is_left_alone(tmp_path):
    """They are in force in the order in which they are given."""
    assert one_file(tmp_path, BASE).compose("a.b=2", "a.b=3", "~t", "+t=new").value["a"]["b"] == 3


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("abc", "-o 'abc' is no KEY=VALUE (write -o KEY=VALUE"),
        ("=1", "is no KEY=VALUE"),
        ("", "is no KEY=VALUE"),
        ("a..b=1", "'a..b' is no key"),
        ("a b=1", "'a b' is no key"),
        ("a.zz=1", "there is no key 'a.zz' (to add it, write -o +a.zz=VALUE)"),
        ("a.dd.x=1", "there is no key 'a.dd' (did you mean 'a.d'? It stands at config.yaml:2)"),
        ("a.url=1", "there is no key 'a.url' (to add it, write -o +a.url=VALUE)"),
        ("exection.mode=parallel", "did you mean 'execution'?"),
        ("execution.outputdir=x", "did you mean 'output_dir'?"),
        ("model_id=x", "it belongs under target.api_endpoint: target.api_endpoint.model_id"),
        ("+a.b=1", "a.b is there already (to replace it, write -o a.b=VALUE"),
        ("t.x=1", "there is no key 't.x'"),
        ("l.5=9", "l has no item '5' (they are counted from 0 to 1)"),
        ("+l.2=9", "l has no item '2'"),
        ("l.x=9", "l has no item 'x'"),
        ("~zz", "zz is not there"),
        ("~a.bb", "did you mean 'b'?"),
        ("~a.b=2", "a.b has another value"),
        ("+a" + ".b" * 60 + "=1", "is no key"),
        ("++execution=slurm", "a group is chosen without ++"),
        ("execution=1.5", "execution is a group, and this is no option of it"),
    ],
)
def test_an_override_that_does_not_fit_is_told(tmp_path, override, line):
    """The option as it was written, what is wrong, and the nearest key or how to add it."""
    (found,) = one_file(tmp_path, BASE).problems(override)
    assert line in found
    assert found.startswith("-o")


def test_every_bad_override_is_told(tmp_path):
    """One line each."""
    files = one_file(tmp_path, BASE)
    assert len(files.problems("abc", "=", "a.b=1")) == 2
    assert len(files.problems("zz=1", "a.yy=1", "a.b=1")) == 2


def test_what_an_interpolation_brings_cannot_be_set_behind_its_back(tmp_path):
    """Setting one key of it would drop the others without a word."""
    (found,) = one_file(tmp_path, "a: {x: 1}\nb: ${a}\n").problems("+b.x=2")
    assert "b is one value; nothing can be set in it (set b itself, or what it refers to)" in found


TASKS = """\
evaluation:
  tasks:
    - simple_evals.mmlu
    - name: lm-evaluation-harness.gsm8k
    - name: twice.x
    - name: twice.x
    - {name: one.same}
    - {name: two.same}
    - capitals.yaml
    - tasks/my.sums.yaml
    - {name: sums.yml}
"""


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("simple_evals.mmlu", 0),
        ("mmlu", 0),
        ("0", 0),
        ("lm-evaluation-harness.gsm8k", 1),
        ("gsm8k", 1),
        ("3", 3),
        ("one.same", 4),
        ("capitals.yaml", 6),
        ("capitals", 6),
        ("my.sums", 7),
        ("sums.yml", 8),
    ],
)
def test_tasks_are_named_in_overrides(tmp_path, key, place):
    """By place, by name, by what follows a dot, or a file by its stem; a task that is only a name becomes a mapping."""
    path = f"evaluation.tasks.{key}.nemo_evaluator_config.config.params.limit_samples=7"
    found = one_file(tmp_path, TASKS).compose(path).value["evaluation"]["tasks"][place]
    assert found["nemo_evaluator_config"]["config"]["params"]["limit_samples"] == 7
    assert found["name"]


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("mmul", "no task is named 'mmul' (did you mean 'mmlu'?)"),
        ("simple_eval.mmlu", "did you mean 'simple_evals.mmlu'?"),
        ("zzz", "there are: simple_evals.mmlu, lm-evaluation-harness.gsm8k"),
        ("twice.x", "several tasks are named 'twice.x': 2, 3 (write the place: evaluation.tasks.2)"),
        ("same", "several tasks are named 'same': 4, 5"),
        ("9", "evaluation.tasks has no item '9'"),
        ("yaml", "no task is named 'yaml'"),
        ("capitls", "did you mean 'capitals'?"),
        ("tasks/my.sums.yaml", "a task file goes by its name without folder and ending"),
    ],
)
def test_a_task_that_is_not_there_or_several_is_told(tmp_path, key, line):
    """The nearest name, or how to say which."""
    (found,) = one_file(tmp_path, TASKS).problems(f"evaluation.tasks.{key}.env_vars.A=lit:1")
    assert line in found


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a.b=c", "-o a.b=c"),
        ("+a.b = c d", "-o +a.b=c d"),
        ("~a", "-o ~a"),
        ("a.api_key=hello", "-o a.api_key=***"),
        ("a.b=sk-abcdef123456", "-o a.b=***"),
        ("env_vars.X=lit:hello", "-o env_vars.X=***"),
        ("a=[1,2]", "-o a=[...]"),
        ("a=" + "word " * 50, "-o a=" + "word " * 16 + "..."),
    ],
)
def test_an_override_is_shown_without_what_may_be_a_secret(text, where):
    """It is printed beside every error about its value."""
    assert read_override(text).where == where


def test_a_bad_override_never_shows_its_value():
    """The value may be a key."""
    with pytest.raises(InputError) as caught:
        read_override("a.b=[secretsecret1")
    assert "secret" not in str(caught.value)


def test_an_override_goes_on_over_a_value_that_must_be_given(tmp_path):
    """`???` is what -o is for."""
    text = LEAST.replace("model_id: m", "model_id: ???")
    assert one_file(tmp_path, text).read("target.api_endpoint.model_id=x").model == "x"
