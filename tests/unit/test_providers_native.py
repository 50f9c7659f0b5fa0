"""A task over its data: ids, the chosen samples, prompts, and the identity that resuming goes by."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.providers.native import NativeTask
from evaltrail.providers.tasks import read_task
from native_tasks import make_task, records, write_data, write_task

FEWSHOT = {"dataset": "train.jsonl", "k": 2}


def ids(task: NativeTask) -> list[str]:
    return [item.id for item in task.items()]


def prompts(task: NativeTask, repeat: int = 0):
    return [task.prompt(item, repeat) for item in task.items()]


def refusal(folder, **changes) -> InputError:
    with pytest.raises(InputError) as caught:
        make_task(folder, **changes)
    return caught.value


def test_a_default_id_is_line_number_and_content(tmp_path):
    """Without an id field a sample is known by its place and what it says."""
    same = [{"question": "q", "answer": "a"}] * 2
    first, second, third = ids(make_task(tmp_path, rows=[*same, {"question": "q", "answer": "b"}]))
    assert (first.partition("-")[0], second.partition("-")[0], third.partition("-")[0]) == ("1", "2", "3")
    assert first.partition("-")[2] == second.partition("-")[2] != third.partition("-")[2]
    assert len(first) == len("1-12345678")


def test_an_id_may_come_from_the_record(tmp_path):
    """The task's id template names the samples; an empty one falls back to the default."""
    rows = [{"id": 7, "question": "q", "answer": "a"}, {"id": "", "question": "q", "answer": "a"}]
    seven, other = ids(make_task(tmp_path, rows=rows, id="{{ id }}"))
    assert seven == "7"
    assert other.startswith("2-")


def test_a_duplicate_id_is_told_with_both_places(tmp_path):
    """Two samples never share an id: both lines are named, before anything is asked."""
    error = refusal(tmp_path, rows=[{"id": "x", "question": "q", "answer": "a"}] * 2, id="{{ id }}")
    assert (error.code, error.where) == ("duplicate_id", "data.jsonl:2")
    assert error.message == "the id 'x' stands at data.jsonl:1 already"


def test_a_duplicate_id_is_found_in_another_part(tmp_path):
    """Ids differ across all files of a split."""
    (tmp_path / "org" / "set").mkdir(parents=True)
    for part in (0, 1):
        rows = [{"id": "x", "question": f"q{part}", "answer": "a"}]
        write_data(tmp_path / "org" / "set" / f"test-{part}-of-2.jsonl", rows)
    task = read_task(write_task(tmp_path, dataset="hf://org/set", id="{{ id }}"))
    with pytest.raises(InputError, match=r"the id 'x' stands at test-0-of-2\.jsonl:1 already") as caught:
        NativeTask(task, EvaluationRequest(tasks=("t",), target=ModelTarget(id="m")), tmp_path)
    assert caught.value.where == "test-1-of-2.jsonl:1"


def test_several_answers_a_request_are_refused_from_the_command_too(tmp_path):
    """What the command adds to the settings is bound by the same rule."""
    assert refusal(tmp_path, rows=records(1), request={"generation": {"n": 3}}).code == "bad_generation"


@pytest.mark.parametrize(
    ("limit", "count"), [(None, 100), (3, 3), (1000, 100), (0.07, 7), (0.001, 1), (0.015, 2), (1.0, 100), (1, 1)]
)
def test_a_limit_is_a_number_or_a_share(tmp_path, limit, count):
    """A whole number is so many records, a share is rounded up, and 0.07 of 100 is 7."""
    task = make_task(tmp_path, rows=records(100), request={"limit": limit})
    assert (task.total, task.dataset.size) == (count, count)
    assert [item.record.fields["question"] for item in task.items()] == [f"q{number}" for number in range(count)]


@pytest.mark.parametrize("limit", [0, -3, 0.0, -0.1, 1.5, 5.0, float("nan"), float("inf")])
def test_a_limit_that_means_nothing_is_refused(tmp_path, limit):
    """A limit is 1 record or more, or a share up to 1; anything else is never read as all."""
    assert refusal(tmp_path, rows=records(3), request={"limit": limit}).code == "bad_limit"


def test_repeats_below_one_are_refused(tmp_path):
    """A sample is asked once or more."""
    assert refusal(tmp_path, rows=records(3), request={"repeats": -1}).code == "bad_repeats"


def test_only_the_wanted_samples_are_taken(tmp_path):
    """--samples takes the named ones, in the order of the data, with their place in it."""
    rows = [{**row, "id": f"s{number}"} for number, row in enumerate(records(5))]
    task = make_task(tmp_path, rows=rows, id="{{ id }}", request={"sample_ids": ("s3", "s1")})
    assert [(item.id, item.index) for item in task.items()] == [("s1", 1), ("s3", 3)]
    assert task.total == 2


def test_an_unknown_sample_is_told_with_the_nearest(tmp_path):
    """An id that no sample has is an error with the nearest one."""
    rows = [{**row, "id": f"sample-{number}"} for number, row in enumerate(records(3))]
    error = refusal(tmp_path, rows=rows, id="{{ id }}", request={"sample_ids": ("sampel-1",)})
    assert (error.code, error.message) == ("unknown_sample", "no sample has the id 'sampel-1'")
    assert error.hint == "did you mean 'sample-1'?"


def test_an_empty_data_set_is_told(tmp_path):
    """Nothing to ask is an error."""
    write_data(tmp_path / "data.jsonl", [])
    assert refusal(tmp_path).code == "empty_dataset"


def test_a_broken_line_is_found_before_anything_is_asked(tmp_path):
    """The first pass reads every line and every field that a template needs."""
    error = refusal(tmp_path, rows=[*records(3), {"question": "q"}])
    assert (error.code, error.message) == ("missing_field", "data.jsonl:4: the record has no field 'answer'")
    assert error.where == f"{tmp_path / 'task.yaml'}: target"


def test_a_wrong_metric_is_told_with_its_file(tmp_path):
    """A metric's error names the task file and the place in its list."""
    error = refusal(tmp_path, rows=records(1), metrics=["exact_match", "exact_mach"])
    assert error.where == f"{tmp_path / 'task.yaml'}: metrics[1]"
    assert error.hint == "did you mean 'exact_match'?"


def test_a_plain_prompt_is_one_text(tmp_path):
    """Without system, examples and messages a prompt is its text."""
    (prompt,) = prompts(make_task(tmp_path, rows=records(1)))
    assert (prompt.text, prompt.messages, prompt.question, prompt.seed) == ("Q: q0\nA:", (), "q0", None)


def test_system_stands_before_the_prompt(tmp_path):
    """A system text is a turn for chat and a paragraph for completions."""
    (prompt,) = prompts(make_task(tmp_path, rows=records(1), system="Answer {{ question }} briefly."))
    assert prompt.messages == (
        {"role": "system", "content": "Answer q0 briefly."},
        {"role": "user", "content": "Q: q0\nA:"},
    )
    assert prompt.text == "Answer q0 briefly.\n\nQ: q0\nA:"


def test_messages_are_rendered_turn_by_turn(tmp_path):
    """Each turn of a messages task is a template of its own."""
    turns = [{"role": "user", "content": "{{ question }}"}, {"role": "assistant", "content": "hm"}]
    (prompt,) = prompts(make_task(tmp_path, rows=records(1), prompt=None, messages=turns))
    assert prompt.messages == ({"role": "user", "content": "q0"}, {"role": "assistant", "content": "hm"})
    assert prompt.text == ""


@pytest.mark.parametrize(
    ("row", "contexts", "question"),
    [
        ({"context": "c"}, ("c",), "q"),
        ({"contexts": ["c", None, "d"]}, ("c", "d"), "q"),
        ({"context": None}, (), "q"),
        ({"passage": "p", "question": None}, ("p",), "Q: None\nA:"),
        ({}, (), "q"),
    ],
)
def test_baselines_get_question_and_contexts(tmp_path, row, contexts, question):
    """Well-known fields serve baselines; null is no passage and no question."""
    (prompt,) = prompts(make_task(tmp_path, rows=[{"question": "q", "answer": "a", **row}]))
    assert (prompt.contexts, prompt.question) == (contexts, question)


def test_choices_context_and_references_may_be_lists(tmp_path):
    """List fields stay lists in choices, context and target."""
    rows = [{"question": "q", "answer": ["a", "b"], "o": ["x", "y"], "c": ["1", "2"], "topic": "t"}]
    keys = {"choices": "{{ o }}", "context": "{{ c }}", "group": "{{ topic }}"}
    task = make_task(tmp_path, rows=rows, **keys)
    (item,) = task.items()
    assert (task.prompt(item).choices, task.prompt(item).contexts) == (("x", "y"), ("1", "2"))
    assert (task.reference(item.record), task.group(item.record)) == (("a", "b"), "t")
    assert dict(task.references) == {"a": 1}


def test_short_other_fields_are_kept_as_attributes(tmp_path):
    """What no template reads is kept for slicing, if it is short and plain."""
    row = {"question": "q", "answer": "a", "level": 3, "ok": True, "none": None, "long": "x" * 201, "list": [1]}
    task = make_task(tmp_path, rows=[row])
    (item,) = task.items()
    assert task.attributes(item.record) == {"level": 3, "ok": True, "none": None}


def test_repeats_ask_each_sample_with_its_own_seed(tmp_path):
    """Repeats differ by their seed; the request's repeats win over the task's; one ask without a seed has none."""
    task = make_task(tmp_path, rows=records(2), repeats=3, request={"seed": 10})
    assert (task.repeats, task.total) == (3, 6)
    assert [prompts(task, repeat)[0].seed for repeat in range(3)] == [10, 11, 12]
    assert prompts(make_task(tmp_path, repeats=3, request={"repeats": 2}), 1)[0].seed == 1
    assert make_task(tmp_path, repeats=3, request={"repeats": 1}).total == 2


def test_settings_become_flat_params(tmp_path):
    """What decides a task is told as plain params."""
    write_data(tmp_path / "train.jsonl", records(5))
    task = make_task(
        tmp_path,
        rows=records(1),
        generation={"temperature": 0, "stop": ["\n"]},
        fewshot={"dataset": "train.jsonl", "k": 2},
        request={"generation": {"temperature": 0.5}, "repeats": 2},
    )
    config = dict(task.config())
    assert config.pop("task.digest")
    assert config == {
        "generation.temperature": 0.5,
        "generation.stop": '["\\n"]',
        "fewshot.k": 2,
        "fewshot.seed": 0,
        "fewshot.dataset": "train.jsonl",
        "repeats": 2,
    }


@pytest.fixture
def identity(tmp_path):
    """A function from changes of task, request and data to the task's identity."""
    write_data(tmp_path / "train.jsonl", records(9))
    write_data(tmp_path / "other.jsonl", records(4)[::-1])

    def make(**changes) -> str:
        return make_task(tmp_path, **{"rows": records(4), **changes}).identity

    return make


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "Q: {{ question }}"},
        {"target": "{{ question }}"},
        {"system": "Answer briefly."},
        {"metrics": ["contains"]},
        {"metrics": ["exact_match", "contains"]},
        {"generation": {"temperature": 0}},
        {"extract": "choice"},
        {"repeats": 2},
        {"fewshot": FEWSHOT},
        {"group": "{{ question }}"},
        {"id": "{{ question }}"},
        {"dataset": "other.jsonl"},
        {"rows": records(5)},
        {"rows": [{**row, "extra": 1} for row in records(4)]},
        {"request": {"limit": 3}},
        {"request": {"limit": 0.5}},
        {"request": {"seed": 0}},
        {"request": {"repeats": 2}},
        {"request": {"generation": {"temperature": 0}}},
    ],
)
def test_whatever_decides_the_result_changes_the_identity(identity, changes):
    """A resume never continues other work: what is asked or scored differently has another identity."""
    assert identity(**changes) != identity()


@pytest.mark.parametrize(
    "request_changes",
    [{"limit": 4}, {"limit": 100}, {"limit": 1.0}, {"repeats": 1}, {"params": {"team": "x"}}, {"reuse_answers": True}],
)
def test_whatever_does_not_decide_it_leaves_the_identity(identity, request_changes):
    """What asks the same questions and scores them the same is the same work."""
    assert identity(request=request_changes) == identity()


def test_the_identity_knows_the_content_of_the_examples(tmp_path, identity):
    """Other examples are other work, even under the same name and seed."""
    before = identity(fewshot=FEWSHOT)
    write_data(tmp_path / "train.jsonl", [{"question": f"new{n}", "answer": "x"} for n in range(9)])
    assert identity(fewshot=FEWSHOT) != before


def test_the_identity_does_not_depend_on_the_place(tmp_path):
    """The same task and data elsewhere is the same work."""
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(make_task(tmp_path / name, rows=records(3)).identity)
    assert made[0] == made[1]


def test_a_task_reads_its_data_from_the_mirror(tmp_path):
    """A hub name is served by the local mirror, and named in lineage."""
    (tmp_path / "org" / "set").mkdir(parents=True)
    write_data(tmp_path / "org" / "set" / "test.jsonl", records(2))
    make_task(tmp_path, rows=records(1))
    file = tmp_path / "task.yaml"
    file.write_text(file.read_text().replace("data.jsonl", "hf://org/set"))
    task = NativeTask(read_task(file), EvaluationRequest(tasks=("t",), target=ModelTarget(id="m")), tmp_path)
    assert (task.total, task.dataset.name, task.dataset.source) == (2, "org/set", "hf://org/set")
