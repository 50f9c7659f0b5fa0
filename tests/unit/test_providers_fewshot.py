"""Few-shot examples: chosen by a seed, never the item itself."""

from __future__ import annotations

import pytest

from evaltrail.core.answer import Prompt
from evaltrail.core.errors import InputError
from evaltrail.providers.native import NativeTask
from native_tasks import make_task, records, write_data

FEWSHOT = {"dataset": "train.jsonl", "k": 2}


def prompts(task: NativeTask) -> list[Prompt]:
    return [task.prompt(item) for item in task.items()]


def shown(task: NativeTask) -> list[list[str]]:
    """The questions of the examples before each prompt."""
    return [[turn["content"] for turn in prompt.messages[:-1:2]] for prompt in prompts(task)]


def test_k_examples_stand_before_each_prompt(tmp_path):
    """k questions with their answers come first, the same before every prompt."""
    write_data(tmp_path / "train.jsonl", [{"question": f"t{n}", "answer": [f"x{n}", "y"]} for n in range(9)])
    first, second = prompts(make_task(tmp_path, rows=records(2), fewshot=FEWSHOT))
    assert [turn["role"] for turn in first.messages] == ["user", "assistant"] * 2 + ["user"]
    assert first.messages[:-1] == second.messages[:-1]
    question, answer = first.messages[0]["content"], first.messages[1]["content"]
    assert answer == question.removeprefix("Q: ").removesuffix("\nA:").replace("t", "x")
    assert first.text == "".join(
        f"{turn['content']}" if turn["role"] == "user" else f" {turn['content']}\n\n" for turn in first.messages
    )


def test_an_item_is_never_its_own_example(tmp_path):
    """Where examples and items are the same records, each item sees k others."""
    write_data(tmp_path / "train.jsonl", records(6))
    for seed in range(5):
        task = make_task(tmp_path, rows=records(6), fewshot={**FEWSHOT, "seed": seed})
        for number, questions in enumerate(shown(task)):
            assert len(questions) == 2
            assert f"Q: q{number}\nA:" not in questions


def test_examples_are_stable_by_seed(tmp_path):
    """The same seed gives the same examples, other seeds give others, and any record may be one."""
    write_data(tmp_path / "train.jsonl", [{"question": f"t{n}", "answer": "x"} for n in range(30)])
    write_data(tmp_path / "data.jsonl", records(1))
    by_seed = [shown(make_task(tmp_path, fewshot={**FEWSHOT, "seed": seed})) for seed in range(20)]
    assert by_seed[3] == shown(make_task(tmp_path, fewshot={**FEWSHOT, "seed": 3}))
    assert len({str(one) for one in by_seed}) > 10
    assert len({question for one in by_seed for question in one[0]}) > 15


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        (records(1), {}, "2 examples are wanted, 1 are there"),
        (records(5), {"target": None}, "an example needs a 'target'"),
        ([{"question": "q"}] * 4, {}, "the record has no field 'answer'"),
    ],
)
def test_examples_that_cannot_be_shown_are_told(tmp_path, rows, changes, message):
    """Too few examples, or examples without an answer, stop before anything is asked."""
    write_data(tmp_path / "train.jsonl", rows)
    with pytest.raises(InputError) as caught:
        make_task(tmp_path, rows=records(2), fewshot=FEWSHOT, **changes)
    assert message in caught.value.message


def test_examples_differ(tmp_path):
    """A record that stands several times is one example, and k are k."""
    rows = [{"question": f"t{number % 3}", "answer": f"x{number}"} for number in range(30)]
    write_data(tmp_path / "train.jsonl", rows)
    for seed in range(10):
        task = make_task(tmp_path, rows=records(2), fewshot={**FEWSHOT, "k": 3, "seed": seed})
        assert all(len(set(questions)) == 3 for questions in shown(task))
    with pytest.raises(InputError, match="4 examples are wanted, 3 are there") as caught:
        make_task(tmp_path, rows=records(2), fewshot={**FEWSHOT, "k": 4})
    assert caught.value.code == "too_few_examples"


@pytest.mark.parametrize("name", ["data.jsonl", "./data.jsonl"])
def test_examples_from_the_items_themselves_need_one_to_spare(tmp_path, name):
    """Each item is shown k others, so k records are one too few where items and examples are the same."""
    with pytest.raises(InputError, match="2 examples are wanted, 1 are there") as caught:
        make_task(tmp_path, rows=records(2), fewshot={"dataset": name, "k": 2})
    assert caught.value.code == "too_few_examples"
    task = make_task(tmp_path, rows=records(3), fewshot={"dataset": name, "k": 2})
    assert [len(set(questions)) for questions in shown(task)] == [2, 2, 2]


def test_an_item_among_the_only_examples_is_refused_never_shown_fewer(tmp_path):
    """Where another file holds just k records and the item is one of them, that item says so; the others have k."""
    write_data(tmp_path / "train.jsonl", records(2))
    task = make_task(tmp_path, rows=records(3), fewshot=FEWSHOT)
    first, _, third = task.items()
    assert len(task.prompt(third).messages) == 5
    with pytest.raises(InputError) as caught:
        task.prompt(first)
    assert caught.value.code == "too_few_examples"
