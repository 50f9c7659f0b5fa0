"""Task files: what they may say, and the message for everything they may not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.providers.tasks import Extract, FewShot, read_task
from native_tasks import TASK, write_task

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
KEYS = (*TASK, "messages", "system", "choices", "context", "group", "id", "description", "generation")
MORE_KEYS = ("fewshot", "extract", "repeats", "choose_by")


def refusal(folder, **changes) -> InputError:
    with pytest.raises(InputError) as caught:
        read_task(write_task(folder, **changes))
    return caught.value


def test_everything_a_task_may_say(tmp_path):
    """Every key of the format is read as it is documented."""
    (tmp_path / "t.yaml").write_text(
        """
name: capitals
dataset: capitals.jsonl
prompt: "Q: {{ question }}"
target: "{{ answer }}"
metrics: [exact_match, {token_f1: {}}, {contains: }]
generation: {temperature: 0, stop: ["\\n\\n"]}
system: "Answer briefly."
fewshot: {dataset: train.jsonl, k: 3, seed: 7}
extract: {regex: "answer is (.+)", take: last}
id: "{{ id }}"
group: "{{ g }}"
repeats: 2
description: words
""",
        encoding="utf-8-sig",
    )
    task = read_task(tmp_path / "t.yaml")
    assert (task.name, task.dataset, task.system, task.repeats) == ("capitals", "capitals.jsonl", "Answer briefly.", 2)
    assert task.metrics == ("exact_match", {"token_f1": {}}, {"contains": {}})
    assert task.generation == {"temperature": 0, "stop": ["\n\n"]}
    assert task.fewshot == FewShot(dataset="train.jsonl", k=3, seed=7)
    assert task.extract == Extract(kind="regex", pattern="answer is (.+)", take="last")
    assert (task.id, task.group, task.description, task.choose_by) == ("{{ id }}", "{{ g }}", "words", "text")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("none", Extract()),
        ("choice", Extract(kind="choice")),
        ("json", Extract(kind="json")),
        ({"json": "a.b", "take": "last"}, Extract(kind="json", pattern="a.b", take="last")),
        ({"choice": True, "take": "last"}, Extract(kind="choice", take="last")),
    ],
)
def test_an_extraction_may_be_a_word_or_a_mapping(tmp_path, written, read):
    """Short and long forms of extract mean the same."""
    assert read_task(write_task(tmp_path, extract=written)).extract == read


def test_messages_take_the_place_of_a_prompt(tmp_path):
    """A task may give chat turns instead of one prompt."""
    turns = [{"role": "system", "content": "x"}, {"role": "user", "content": "{{ q }}"}]
    task = read_task(write_task(tmp_path, prompt=None, messages=turns))
    assert (task.prompt, list(task.messages)) == ("", turns)


@pytest.mark.parametrize("key", ["name", "dataset", "metrics"])
def test_a_missing_key_is_named(tmp_path, key):
    """Name, dataset and metrics are required."""
    error = refusal(tmp_path, **{key: None})
    assert (error.message, error.hint) == (f"the task has no {key!r}", f"add {key}: ...")


def test_an_unknown_key_is_named_with_the_nearest(tmp_path):
    """A typo is an error that names the nearest key; where none is near, all are listed."""
    error = refusal(tmp_path, metrcs=[])
    assert (error.code, error.message, error.hint) == ("unknown_key", "unknown key 'metrcs'", "did you mean 'metrics'?")
    assert error.where == str(tmp_path / "task.yaml")
    assert "known: name, dataset, prompt" in refusal(tmp_path, zzzz=1).hint


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"prompt": None}, "", "a task has either 'prompt' or 'messages'"),
        ({"messages": [{"role": "user", "content": "x"}]}, "", "a task has either 'prompt' or 'messages'"),
        ({"name": "a b"}, "name", "the name 'a b' has other characters"),
        ({"name": ["a"]}, "name", "a text is wanted, not ['a']"),
        ({"target": True}, "target", "a text is wanted, not True"),
        ({"system": {"a": 1}}, "system", "a text is wanted, not {'a': 1}"),
        ({"repeats": 0}, "repeats", "a number from 1 on is wanted, not 0"),
        ({"repeats": True}, "repeats", "a number from 1 on is wanted, not True"),
        ({"repeats": 1.5}, "repeats", "a number from 1 on is wanted, not 1.5"),
        ({"generation": [1]}, "generation", "a mapping is wanted, not [1]"),
        ({"generation": {"n": 2}}, "generation.n", "n is 2, but each request is for one answer"),
        ({"prompt": None, "messages": "x"}, "messages", "a list of {role, content} is wanted"),
        ({"prompt": None, "messages": []}, "messages", "a list of {role, content} is wanted"),
        ({"prompt": None, "messages": ["x"]}, "messages[0]", "a mapping is wanted, not 'x'"),
        ({"prompt": None, "messages": [{"role": "user"}]}, "messages[0].content", "a text is wanted, not None"),
        ({"prompt": None, "messages": [{"rol": "user"}]}, "messages[0]", "unknown key 'rol'"),
        ({"metrics": []}, "metrics", "at least one metric is wanted"),
        ({"metrics": 5}, "metrics", "at least one metric is wanted"),
        ({"metrics": [5]}, "metrics", "a metric's name is wanted, not 5"),
        ({"metrics": [{"contains": 0}]}, "metrics.contains", "a mapping is wanted, not 0"),
        ({"fewshot": 3}, "fewshot", "a mapping is wanted, not 3"),
        ({"fewshot": {"dataset": "a.jsonl"}}, "fewshot.k", "a number from 1 on is wanted, not None"),
        ({"fewshot": {"k": 1}}, "fewshot.dataset", "a text is wanted, not None"),
        ({"fewshot": {"dataset": "a.jsonl", "k": 1, "sed": 1}}, "fewshot", "unknown key 'sed'"),
        ({"fewshot": {"dataset": "a.jsonl", "k": 1, "seed": "x"}}, "fewshot.seed", "a whole number is wanted"),
        ({"extract": "regex"}, "extract", "a mapping is wanted, not 'regex'"),
        ({"extract": {"take": "last"}}, "extract", "one of regex, choice and json is wanted"),
        ({"extract": {"regex": "a", "json": "b"}}, "extract", "one of regex, choice and json is wanted"),
        ({"extract": {"regex": 5}}, "extract.regex", "a pattern is wanted, not 5"),
        ({"extract": {"regex": ""}}, "extract.regex", "a pattern is wanted, not ''"),
        ({"extract": {"regex": "a", "take": "all"}}, "extract.take", "take is first or last, not 'all'"),
        ({"extract": {"regexp": "a"}}, "extract", "unknown key 'regexp'"),
        ({"choose_by": "luck", "choices": "{{ c }}"}, "choose_by", "choose_by is text or logprob, not 'luck'"),
        ({"choose_by": "logprob"}, "choose_by", "choose_by: logprob needs 'choices'"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(tmp_path, changes, place, message):
    """Each wrong value says the key, what is wanted and what was written."""
    error = refusal(tmp_path, **changes)
    assert error.message.startswith(message)
    assert error.where == str(tmp_path / "task.yaml") + (f": {place}" if place else "")
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("name: [", "the file is no YAML", 2),
        ("name: a\n  dataset: b\n", "the file is no YAML", 2),
        ("- name\n", "the file holds no mapping", None),
        ("", "the file holds no mapping", None),
        ("name: 2026-13-45\n", "the file is no YAML: month must be", None),
        ("name: !!python/object:os.system x\n", "the file is no YAML: could not determine a constructor", 1),
    ],
)
def test_a_file_that_is_no_task_is_told_with_its_line(tmp_path, text, message, line):
    """What YAML cannot read is told with the line where it says one."""
    file = tmp_path / "t.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_task(file)
    assert caught.value.where == (f"{file}:{line}" if line else str(file))


def test_a_file_that_is_no_text_or_not_there_is_told(tmp_path):
    """Another encoding, a folder and nothing at all are the user's mistakes."""
    (tmp_path / "t.yaml").write_bytes(b"name: \xff\n")
    for name, message in (("t.yaml", "no YAML"), ("gone.yaml", "No such file"), ("", "Is a directory")):
        with pytest.raises(InputError, match=message):
            read_task(tmp_path / name)


@pytest.mark.parametrize("value", ["&g {x: *g}", "{? {a: 1} : 2}"])
def test_values_that_no_json_can_say_are_refused(tmp_path, value):
    """A value without end or with keys that no text can be is told, not a traceback."""
    file = write_task(tmp_path)
    file.write_text("\n".join(f"{key}: {json.dumps(word)}" for key, word in TASK.items()) + f"\ngeneration: {value}\n")
    with pytest.raises(InputError):
        read_task(file)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from((*KEYS, *MORE_KEYS)), JSON)
def test_no_value_of_any_key_is_a_traceback(tmp_path_factory, key, value):
    """Whatever a key holds, a task is read or refused with a place."""
    folder = tmp_path_factory.mktemp("task")
    try:
        where = str(read_task(write_task(folder, **{key: value})).file)
    except InputError as error:
        where = error.where
    assert str(folder) in where


def test_the_digest_follows_what_the_file_says(tmp_path):
    """The identity of a task is its content, not its layout, order or place."""
    (tmp_path / "other").mkdir()
    here = read_task(write_task(tmp_path))
    there = write_task(tmp_path / "other")
    there.write_text("# note\n" + json.dumps(dict(reversed(TASK.items())), indent=4))
    assert read_task(there).digest == here.digest
    assert read_task(write_task(tmp_path, target="{{ other }}")).digest != here.digest


def test_keys_are_texts_as_they_are_written(tmp_path):
    """`yes`, `no`, `1` and `null` are words where they stand before a colon: labels of a judge, say."""
    file = write_task(tmp_path)
    file.write_text(
        "name: t\ndataset: d.jsonl\nprompt: x\n"
        "metrics: [tone: {grading_prompt: Is it kind?, labels: {yes: 1, partly: 0.5, no: 0, 7: 0, null: 0}}]\n"
    )
    (spec,) = read_task(file).metrics
    assert spec["tone"]["labels"] == {"yes": 1, "partly": 0.5, "no": 0, "7": 0, "null": 0}
