"""A model that is a function: one row or all, told apart without showing it a row twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.service.frames.calling import Rows, read_signature
from evaltrail.service.frames.function_model import FunctionModel, function_model

ROWS = ["alpha", "beta", "gamma"]
COLUMNS = {"inputs": ROWS}


def texts(model: Any, rows=ROWS, columns=COLUMNS, **options: Any) -> list[str | None]:
    """What a model gives for some rows."""
    return [outcome.text for outcome in function_model(model, rows, **options).ask(rows, columns)]


def by_annotation(x: list[str]) -> list[str]:
    return [text.upper() for text in x]


def by_return(x) -> list[str]:
    return [text.upper() for text in x]


def by_name(inputs):
    return [text.upper() for text in inputs]


def as_table(df):
    return df["inputs"].str.upper()


def row_by_row_of_a_table(df):
    return [row["inputs"].upper() for _, row in df.iterrows()]


def unsaid_batch(x):
    return [text.upper() for text in x]


def row_by_annotation(x: str) -> str:
    return x.upper()


def row_by_name(question):
    return question.upper()


def unsaid_row(x):
    return x.upper()


def unsaid_prompt(x):
    return f"{x}".upper()


def unsaid_prompt_in_percent(x):
    return ("%s" % x).upper()  # noqa: UP031  people write it


async def async_batch(inputs):
    await asyncio.sleep(0)
    return [text.upper() for text in inputs]


async def async_row(question):
    await asyncio.sleep(0)
    return question.upper()


async def unsaid_async_row(x):
    await asyncio.sleep(0)
    return x.upper()


def promised_batch(inputs):
    return async_batch(inputs)


def promised_rows(inputs):
    return [async_row(text) for text in inputs]


def promised_row(question):
    return async_row(question)


class Called:
    def __call__(self, question: str) -> str:
        return question.upper()


class Predictor:
    def predict(self, table):
        return table["inputs"].str.upper().to_numpy()


@pytest.mark.parametrize(
    "model",
    [
        by_annotation,
        by_return,
        by_name,
        as_table,
        row_by_row_of_a_table,
        unsaid_batch,
        row_by_annotation,
        row_by_name,
        unsaid_row,
        unsaid_prompt,
        unsaid_prompt_in_percent,
        async_batch,
        async_row,
        unsaid_async_row,
        promised_batch,
        promised_rows,
        promised_row,
        Called(),
        Predictor(),
        lambda x: x.upper(),
        str.upper,
    ],
    ids=lambda model: getattr(model, "__name__", type(model).__name__),
)
def test_every_kind_of_function_answers_every_row(model):
    """Plain or async, of one row or all, annotated or not, a list, a Series or promises: the same answers."""
    assert texts(model) == ["ALPHA", "BETA", "GAMMA"]


def test_a_constant_list_is_a_batch():
    """A function that looks at nothing and gives one output a row is called once."""
    calls = []

    def constant(x):
        calls.append(1)
        return ["a", "b", "c"]

    assert (texts(constant), len(calls)) == (["a", "b", "c"], 1)


@pytest.mark.parametrize("batch", [True, False])
def test_what_the_caller_says_wins(batch):
    """``batch=`` is stronger than annotations and names."""
    seen = []

    def model(inputs: list) -> list:
        seen.append(type(inputs))
        return ["x"] * 3 if batch else "x"

    assert texts(model, batch=batch) == ["x", "x", "x"]
    assert seen == ([Rows] if batch else [str] * 3)


def test_rows_that_are_dicts_are_spread_by_name():
    """Inputs as dicts whose keys are the parameters, as MLflow's predict_fn has them."""
    rows = [{"question": "a", "lang": "en"}, {"question": "b", "lang": "de"}]

    def predict(question, lang="en"):
        return f"{question}-{lang}"

    assert texts(predict, rows, {"inputs": rows}) == ["a-en", "b-de"]
    assert texts(lambda **fields: fields["lang"], rows, {"inputs": rows}) == ["en", "de"]


def test_a_row_that_raises_fails_alone():
    """Reason model_error with the exception; the other rows have their outputs."""

    def model(question):
        if question == "beta":
            raise ValueError("no idea")
        return question

    outcomes = function_model(model, ROWS).ask(ROWS, COLUMNS)
    assert [outcome.error for outcome in outcomes] == ["", "model_error", ""]
    assert outcomes[1].detail == "ValueError: no idea"
    assert all(outcome.latency_s is not None for outcome in outcomes if outcome.text)


def test_a_batch_that_raises_fails_as_a_whole():
    """One call for all rows: its exception is every row's."""

    def model(inputs):
        raise RuntimeError("gone")

    outcomes = function_model(model, ROWS).ask(ROWS, COLUMNS)
    assert [(each.error, each.detail) for each in outcomes] == [("model_error", "RuntimeError: gone")] * 3


def test_one_promise_of_several_that_breaks_fails_alone():
    """A list of coroutines, one of which raises."""

    async def one(text):
        if text == "alpha":
            raise KeyError(text)
        return text

    outcomes = function_model(lambda inputs: [one(text) for text in inputs], ROWS).ask(ROWS, COLUMNS)
    assert [outcome.error for outcome in outcomes] == ["model_error", "", ""]


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (lambda inputs: ["just one"], "wrong_length"),
        (lambda inputs: ["x"] * 4, "wrong_length"),
        (lambda inputs: "one text", "bad_output"),
        (lambda inputs: None, "bad_output"),
        (lambda inputs: {"a": [1], "b": [2]}, "bad_output"),
        (lambda inputs: {"x", "y", "z"}, "bad_output"),
        (lambda inputs: (text for text in inputs), "bad_output"),
        (lambda: "x", "bad_model"),
        (lambda one, two: "x", "bad_model"),
        (lambda *, only: "x", "bad_model"),
    ],
)
def test_what_cannot_be_one_output_a_row_is_refused(model, code):
    """Wrong length, one text for all, nothing, a generator, wrong parameters: an error that says what to do."""
    with pytest.raises(InputError) as refusal:
        function_model(model, ROWS).ask(ROWS, COLUMNS)
    assert refusal.value.code == code
    assert refusal.value.hint


def test_generators_are_refused_before_they_are_called():
    """A function that yields streams its answer; we want it whole."""

    def stream(inputs):
        yield from inputs

    async def async_stream(question):
        yield question

    for model in (stream, async_stream):
        with pytest.raises(InputError, match="generator"):
            function_model(model, ROWS)


def test_the_entry_of_dict_outputs_is_named():
    """``predictions=`` with a model: the entry that holds the text; a row without it is unscored."""
    answers = {"alpha": {"text": "A", "cost": 1}, "beta": {"cost": 2}, "gamma": {"text": None}}
    outcomes = function_model(lambda question: answers[question], ROWS, key="text").ask(ROWS, COLUMNS)
    assert [outcome.text or outcome.error for outcome in outcomes] == ["A", "bad_output", "no_output"]
    assert texts(lambda inputs: {"text": list(inputs), "cost": [1, 2, 3]}, key="text") == ROWS


def test_no_more_rows_are_in_work_than_allowed():
    """Threads and coroutines alike stay within the concurrency."""
    state = {"now": 0, "most": 0}
    lock = threading.Lock()

    async def model(question):
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        await asyncio.sleep(0.002)
        with lock:
            state["now"] -= 1
        return question

    rows = [str(number) for number in range(20)]
    assert texts(model, rows, {"inputs": rows}, concurrency=3) == rows
    assert state["most"] == 3
    state["most"] = 0
    assert texts(lambda question: asyncio.run(model(question)), rows, {"inputs": rows}, concurrency=3) == rows
    assert state["most"] <= 3


def test_it_works_where_a_loop_runs_already():
    """A notebook has an event loop in its thread."""

    async def notebook():
        return texts(async_row)

    assert asyncio.run(notebook()) == ["ALPHA", "BETA", "GAMMA"]


ENDINGS = {
    "loop": lambda seen, x: [seen(text) for text in x],
    "index": lambda seen, x: [seen(x[place]) for place in range(len(x))],
    "method": lambda seen, x: seen(x.lower()),
    "format": lambda seen, x: seen(f"<{x}>"),
    "add": lambda seen, x: seen(x + "?"),
    "bool": lambda seen, x: seen(x.strip()) if x else "",
    "length": lambda seen, x: seen(x.upper()) if len(x) else "",
    "string": lambda seen, x: seen(str(x)),
    "raises": lambda seen, x: 1 / 0,
}


@given(st.sampled_from(sorted(ENDINGS)), st.lists(st.text("abc", min_size=1), min_size=1, max_size=5, unique=True))
def test_no_row_is_seen_twice(ending, rows):
    """Whatever a function does with what it gets, and however little it says of itself."""
    seen: list[str] = []

    def look(text):
        assert isinstance(text, str)
        seen.append(text)
        return text

    outcomes = function_model(lambda x: ENDINGS[ending](look, x), rows).ask(rows, {"inputs": rows})
    assert len(outcomes) == len(rows)
    assert len(seen) == (0 if ending == "raises" else len(rows))


@pytest.mark.parametrize(
    ("model", "style"),
    [(by_annotation, "batch"), (by_name, "batch"), (row_by_name, "row"), (unsaid_row, "unknown"), (print, "unknown")],
)
def test_what_a_function_says_of_itself(model, style):
    """Annotations, then the parameter's name; nothing is called."""
    assert read_signature(model, ROWS).style == style


def copied(model_input):
    df = model_input.copy()
    df["said"] = df["inputs"] + "!"
    return df["said"]


def annotated(model_input: pd.DataFrame):
    return pd.DataFrame(model_input)["inputs"] + "!"


def indexed(df):
    return [df.loc[place, "inputs"] + "!" for place in df.index]


@pytest.mark.parametrize("model", [copied, annotated, indexed, lambda x: [text + "!" for text in x.copy()]])
def test_functions_written_for_dataframes_work_as_they_are(model):
    """What says that it takes a DataFrame gets one; a copy of all rows is a table and a list as they are."""
    outcomes = function_model(model, ["a", "b"]).ask(["a", "b"], {"inputs": ["a", "b"]})
    assert [outcome.text for outcome in outcomes] == ["a!", "b!"]


def test_rows_read_as_a_list_and_as_a_table():
    """One object for both customs; it is text only where it is known that all rows are wanted."""
    rows = Rows(["a", "b"], {"inputs": ["a", "b"]})
    assert list(rows) == ["a", "b"]
    assert (list(rows.columns), rows.shape, rows["inputs"].tolist()) == (["inputs"], (2, 1), ["a", "b"])
    assert str(rows) == "['a', 'b']"
    assert not hasattr(rows, "lower")
    assert isinstance(FunctionModel(function=by_name, signature=read_signature(by_name, ["a"])), FunctionModel)
    assert not isinstance(rows, Mapping)
