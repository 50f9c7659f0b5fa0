"""The tasks of a run configuration: what is wrong with them, which are chosen, and what they are given."""

from __future__ import annotations

import pytest

from configuration_files import ENDPOINT, one_file
from evaltrail.config.composition.task_names import answers_to


@pytest.mark.parametrize(
    ("evaluation", "line"),
    [
        ("tasks: []", "evaluation.tasks names no task"),
        ("{}", "evaluation.tasks names no task"),
        ("[]", "evaluation.tasks names no task"),
        ("tasks: mmlu", "evaluation.tasks must be a list (it is a text: 'mmlu')"),
        ("tasks: [5]", "evaluation.tasks.0 is no task (it is a number; write `- name: TASK`)"),
        ("tasks: ['']", "evaluation.tasks.0 is no task"),
        ("tasks: [{name: ''}]", "evaluation.tasks.0 has no name"),
        ("tasks: [{name: a, nam: b}]", "unknown key 'evaluation.tasks.0.nam' (did you mean 'name'?)"),
        (
            "{tasks: [a], overrides: {config.params.temperature: 0.6}}",
            "in it: {config: {params: {temperature: ...}}})",
        ),
        ("tasks: [{name: a, overrides: {x: 1}}]", "evaluation.tasks.0.overrides is not read"),
        (
            "{tasks: [a], config: {x: 1}, nemo_evaluator_config: {y: 1}}",
            "evaluation.config is the older word for nemo_evaluator_config (keep one of them)",
        ),
        (
            "{tasks: [a], nemo_evaluator_config: {config: {params: {paralelism: 3}}}}",
            "did you mean 'parallelism'? What a task takes beside the known ones goes below extra",
        ),
        (
            "tasks: [{name: a, config: {config: {params: {num_fewshot: 3}}}}]",
            "unknown parameter 'evaluation.tasks.0.config.config.params.num_fewshot'",
        ),
        ("{tasks: [a], config: {config: {params: {temperature: hot}}}}", "must be a number (it is a text: 'hot')"),
        ("{tasks: [a], config: {config: {params: {temperature: .inf}}}}", "must be a finite number"),
        ("{tasks: [a], config: {config: {params: {limit_samples: 0}}}}", "must be a number > 0 (it is 0)"),
        ("{tasks: [a], config: {config: {params: {parallelism: 2.5}}}}", "must be a whole number (it is 2.5)"),
        ("{tasks: [a], config: {config: {params: {extra: [1]}}}}", "must be a mapping of keys to values"),
        ("{tasks: [a], config: {config: {params: 3}}}", "params must be a mapping of keys to values (it is a number)"),
        ("{tasks: [a], config: {config: 3}}", "evaluation.config.config must be a mapping"),
        ("{tasks: [a], config: 3}", "evaluation.config must be a mapping"),
    ],
)
def test_what_is_wrong_with_tasks_is_told(tmp_path, evaluation, line):
    """Every line is about the task's own place."""
    text = evaluation if evaluation[0] in "{[" else f"{{{evaluation}}}"
    (found,) = one_file(tmp_path, f"{ENDPOINT}evaluation: {text}\n").problems()
    assert line in found
    assert found.startswith("config.yaml:5")


NAMES = (
    "evaluation:\n  tasks: [simple_evals.mmlu, {name: simple_evals.gsm8k}, a.mmlu, simple_evals.mmlu, tasks/cap.yaml]\n"
)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ((), [0, 1, 2, 3, 4]),
        (("simple_evals.mmlu",), [0, 3]),
        (("mmlu",), [0, 2, 3]),
        (("gsm8k", "a.mmlu"), [1, 2]),
        (("simple_evals.*",), [0, 1, 3]),
        (("*mm?u",), [0, 2, 3]),
        (("cap",), [4]),
        (("tasks/cap.yaml",), [4]),
        ((" mmlu ", "mmlu"), [0, 2, 3]),
    ],
)
def test_tasks_are_chosen(tmp_path, wanted, places):
    """By name, by what follows a dot, by pattern; in the order of the configuration, which holds only them then."""
    config = one_file(tmp_path, ENDPOINT + NAMES).read(tasks=wanted)
    names = ["simple_evals.mmlu", "simple_evals.gsm8k", "a.mmlu", "simple_evals.mmlu", "tasks/cap.yaml"]
    assert [task.name for task in config.tasks] == [names[place] for place in places]
    assert [task["name"] for task in config.whole["evaluation"]["tasks"]] == [task.name for task in config.tasks]


@pytest.mark.parametrize(
    "word", ["harness.suite.part", "suite.part", "part", "tasks/my.sums.yaml", "my.sums", "suite", "sums", "yaml", ""]
)
def test_a_word_means_the_same_task_to_both_flags(tmp_path, word):
    """What `-t` takes as the name of a task, `-o evaluation.tasks.NAME` does, and nothing else; a path needs `-t`."""
    files = one_file(tmp_path, ENDPOINT + "evaluation:\n  tasks: [harness.suite.part, tasks/my.sums.yaml]\n")
    by_name = [answers_to(name, word) for name in ("harness.suite.part", "tasks/my.sums.yaml")]
    assert by_name == [bool(word) and word in name and word not in {"suite", "sums", "yaml"} for name in NAMED]
    if word and "/" not in word:
        assert bool(files.problems(f"evaluation.tasks.{word}.env_vars.A=lit:1")) is not any(by_name)
    assert bool(files.problems(tasks=(word,))) is not any(by_name)


NAMED = ("harness.suite.part", "tasks/my.sums.yaml")


def test_a_task_that_nobody_has_is_told(tmp_path):
    """Each of them."""
    found = one_file(tmp_path, ENDPOINT + NAMES).problems(tasks=("mmul", "gsm8k", "zzzzz"))
    assert found[0] == "-t: no task is named 'mmul' (did you mean 'mmlu'?)"
    assert found[1].startswith("-t: no task is named 'zzzzz' (there are: simple_evals.mmlu, simple_evals.gsm8k")


def test_values_that_must_be_given_are_asked_for_only_where_they_are_used(tmp_path):
    """A task that is not chosen, an export that is not asked for, and a key that is not acted on ask for nothing."""
    text = ENDPOINT + (
        "execution:\n  account: ???\n  mounts: ???\nexport:\n  mlflow:\n    tracking_uri: ???\n"
        "evaluation:\n  nemo_evaluator_config:\n    config:\n      params:\n        extra:\n          tokenizer: ???\n"
        "  tasks:\n    - name: a\n      config:\n        config:\n          params:\n            extra:\n"
        "              tokenizer: mine\n    - b\n"
    )
    files = one_file(tmp_path, text)
    assert files.read(tasks=("a",)).tasks[0].evaluator["config"]["params"]["extra"] == {"tokenizer": "mine"}
    (found,) = files.problems(tasks=("b",))
    assert found == (
        "config.yaml:16: evaluation.nemo_evaluator_config.config.params.extra.tokenizer needs a value (give it: -o"
        " evaluation.nemo_evaluator_config.config.params.extra.tokenizer=VALUE, or in the file)"
    )
    assert len(files.problems("execution.auto_export=mlflow", "execution=slurm", tasks=("a",))) == 2
