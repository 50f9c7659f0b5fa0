"""json_valid against the standard library, and json_schema against the package jsonschema."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema.validators import validator_for

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.json_form import MAX_CHARACTERS, BadJsonError, JsonValid, read_json, without_fence
from evaltrail.scoring.json_schema import JsonSchema

PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"$ref": "#/$defs/age"}},
    "additionalProperties": False,
    "$defs": {"age": {"type": "integer", "minimum": 0}},
}
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("ab", max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "age", "x"]), inner)
)
schemas = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", "integer", "number", "null", ["object", "string"]]),
        "required": st.lists(st.sampled_from(["name", "age"]), unique=True),
        "properties": st.fixed_dictionaries({}, optional={"name": st.just({"type": "string"}), "age": st.booleans()}),
        "additionalProperties": st.booleans(),
        "items": st.just({"type": ["integer", "string"]}),
        "minLength": st.integers(0, 2),
        "maximum": st.integers(-1, 1),
        "multipleOf": st.just(0.5),
        "enum": st.lists(scalars, min_size=1, max_size=3),
        "pattern": st.sampled_from(["^a", "b$", "^(a|b)*$"]),
        "not": st.just({"type": "boolean"}),
    },
)


def scored(metric, output, *reference):
    return metric.score(Sample(id="s", index=0, output=output, reference=reference))


@given(values)
def test_all_json_is_valid_and_half_of_it_is_none(value):
    """What the standard library writes is JSON; cut off, or with something behind it, it is none."""
    text = json.dumps(value, ensure_ascii=False)
    assert scored(JsonValid(), f" {text}\n").value is True
    assert read_json(text) == value
    assert scored(JsonValid(), f"{text} x").value is False
    if text[0] in '["{':
        assert scored(JsonValid(), text[:-1]).value is False


@pytest.mark.parametrize(
    "text", ["", "NaN", "[Infinity]", "-Infinity", "{'a': 1}", "[1,]", "{a: 1}", "01", "+1", "yes"]
)
def test_what_only_looks_like_json_is_wrong(text):
    """RFC 8259 has no NaN, no single quotes, no trailing comma and no bare names."""
    assert scored(JsonValid(), text).value is False


def test_numbers_of_any_length_are_json():
    """A number that Python refuses to read is valid all the same."""
    assert scored(JsonValid(), "9" * 5000).value is True


def test_what_cannot_be_judged_says_why():
    """No text, too long and too deep a text are reasons."""
    for metric in (JsonValid(), JsonSchema(schema=PERSON)):
        assert scored(metric, None).reason == "no_output"
        assert scored(metric, "1" * (MAX_CHARACTERS + 1)).reason == "too_long"
        assert scored(metric, "[" * 200_000 + "]" * 200_000).reason == "too_deep"
    assert scored(JsonSchema(), "1").reason == "no_reference"


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("```json\n[1]\n```", "[1]\n"),
        ("\n```\n[1]```\n", "[1]"),
        ("[1]", "[1]"),
        ("```[1]```", "```[1]```"),
        ("``````", "``````"),
        ("```", "```"),
        ("a\n```json\n[1]\n```", "a\n```json\n[1]\n```"),
    ],
)
def test_a_fence_around_all_of_it_can_be_taken_off(text, inside):
    """Only where it is asked for, and only around the whole answer."""
    assert without_fence(text) == inside
    assert scored(JsonValid(), text).value is (text == "[1]")
    assert scored(JsonValid(fenced=True), text).value is (inside.strip() == "[1]")
    assert scored(JsonSchema(schema={"type": "array"}, fenced=True), text).value is (inside.strip() == "[1]")


@given(schemas, values)
def test_the_verdict_is_jsonschemas(schema, value):
    """Any value against any of these schemas: the same verdict as the package jsonschema's."""
    theirs = validator_for(schema, default=validator_for({"$schema": "https://json-schema.org/draft/2020-12/schema"}))
    assert scored(JsonSchema(schema=schema), json.dumps(value)).value is theirs(schema).is_valid(value)


def test_the_rationale_says_where_it_does_not_fit():
    """A wrong answer names the first place, a text that is no JSON the position."""
    metric = JsonSchema(schema=PERSON)
    assert scored(metric, '{"name": "Ann", "age": 3}').value is True
    assert scored(metric, '{"name": "Ann", "age": -3}').rationale == "age: -3 is less than the minimum of 0"
    assert scored(metric, "{}").rationale.startswith("the value: ")
    assert scored(metric, "Ann").rationale.startswith("no JSON: ")


def test_the_schema_may_be_a_file_beside_the_task(tmp_path):
    """A path is read from the task's folder, and the source tells which schema it was."""
    (tmp_path / "person.json").write_text(json.dumps(PERSON))
    (metric,) = make_metrics([{"json_schema": {"schema": "person.json"}}], folder=tmp_path)
    assert scored(metric, '{"name": "Ann"}').value is True
    assert metric.source == JsonSchema(schema=PERSON).source != JsonSchema(schema=True).source


def test_each_reference_may_be_a_schema():
    """Without an own schema one reference that allows the answer is enough; what is none leaves it unscored."""
    assert scored(JsonSchema(), "3", '{"type": "string"}', '{"type": "integer"}').value is True
    assert scored(JsonSchema(), "3.5", '{"type": "string"}', '{"type": "integer"}').value is False
    for bad in ("{", "3", '{"type": "text"}', '{"$ref": "#/nowhere"}'):
        assert scored(JsonSchema(), "3", bad).reason == "bad_reference"


@pytest.mark.parametrize(
    "schema", [{"type": "text"}, {"$ref": "#/nowhere"}, {"pattern": "("}, "missing.json", "list.json"]
)
def test_what_is_no_schema_is_bad_input(tmp_path, schema):
    """It is found before anything is asked."""
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(InputError) as caught:
        make_metrics([{"json_schema": {"schema": schema}}], folder=tmp_path)
    assert caught.value.code == "bad_schema"


def test_nothing_is_fetched():
    """A schema that refers to another host is refused without a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        came = []
        waiting = threading.Thread(target=lambda: came.append(accepted(server)))
        waiting.start()
        with pytest.raises(InputError, match="nothing is fetched"):
            JsonSchema(schema={"$ref": f"http://127.0.0.1:{server.getsockname()[1]}/other.json"})
        waiting.join()
    assert came == [False]


def accepted(server):
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(?=a)(a+)+$(?<!b)", r"^(a|aa)+\1$"])
def test_no_pattern_runs_without_end(pattern):
    """A pattern that goes back again and again comes to an end; the answer does not fit."""
    assert scored(JsonSchema(schema={"pattern": pattern}), json.dumps("a" * 5_000 + "!")).value is False


def test_broken_json_is_told():
    """The strict reading names the position."""
    with pytest.raises(BadJsonError, match="column 2"):
        read_json("[x")
