"""Reading what a judge says: one score, or the reason why there is none; never an exception, never NaN."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.answer import Answer
from evaltrail.scoring.judging.answer_form import UnreadableError
from evaltrail.scoring.judging.grade_form import GradeForm
from evaltrail.scoring.judging.json_in_text import NOTHING, json_objects, whole_json
from evaltrail.scoring.judging.rag_forms import VerdictsForm
from evaltrail.scoring.judging.reading import read_answer
from evaltrail.scoring.judging.scale import Scale, scale_of_numbers, scale_of_words

FIVE = GradeForm("tone", Scale())
SHARE = GradeForm("tone", scale_of_numbers(0, 1))
YES = GradeForm("ok", scale_of_words(("yes", "no")))
AB = GradeForm("preference", scale_of_words(("A", "B", "tie")))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["score", "rating", "x"]), inner),
    max_leaves=12,
)
near_misses = st.lists(
    st.sampled_from(
        ["score", "Score:", "4", "5", "4/5", "/", "{", "}", '"', "'score'", ":", "yes", "no", "NaN", "-", "1e9", "٤",
         "```json", "```", "[", "]", ",", "\n", "out of", "rationale", "true", "null", "\\", "\uff19", "%", "²", "½"]
    ),
    max_size=14,
).map(" ".join)  # fmt: skip


def read(text, form=FIVE, **more):
    return read_answer(Answer(text=text, **more), form)


def value_or_reason(reading):
    assert (reading.value is None) == bool(reading.reason)
    return reading.reason or reading.value.value


@given(text=st.text() | near_misses | json_values.map(lambda value: f"so: {json.dumps(value)}."))
def test_any_text_gives_a_number_on_the_scale_or_a_reason(text):
    """Whatever a model says."""
    for form, low, high in ((FIVE, 1, 5), (SHARE, 0, 1)):
        found = value_or_reason(read(text, form))
        assert isinstance(found, str) or (isinstance(found, float) and low <= found <= high)


@given(text=st.text() | near_misses, finish=st.sampled_from(["stop", "length"]))
def test_any_text_gives_a_verdict_or_a_reason(text, finish):
    """The same for words."""
    assert value_or_reason(read(text, YES, finish_reason=finish)) in (True, False) or True
    assert value_or_reason(read(text, AB, finish_reason=finish)) is not None


@given(value=json_values)
def test_any_json_gives_a_number_on_the_scale_or_a_reason(value):
    """NaN, infinity, nesting, other types."""
    found = value_or_reason(read(json.dumps(value)))
    assert isinstance(found, str) or 1 <= found <= 5


@given(score=st.integers(1, 5), why=st.text(), indent=st.sampled_from([None, 2]))
def test_the_form_itself_comes_through_unchanged(score, why, indent):
    """What was asked for is read as it stands, whatever the rationale holds."""
    reading = read(json.dumps({"rationale": why, "score": score}, indent=indent))
    assert (reading.value.value, reading.value.rationale) == (float(score), why)


@given(score=st.integers(1, 5), before=st.text(alphabet="abc d\n", max_size=30))
def test_the_form_inside_of_prose_is_found(score, before):
    """Models like to talk before they answer."""
    assert read(f'{before} {{"score": {score}}} there').value.value == score


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Score: 4", 4), ("**Score**: 4/5", 4), ("4", 4), ("4.", 4), ("4 out of 5", 4), ("Score (1-5): 4", 4),
        ("On a scale of 1 to 5, score = 3.5", 3.5), ("Rating: [[4]]", 4), ("Final score is 4", 4), ("score\n\n4", 4),
        ("<score>4</score>", 4), ("Score - 4", 4), ("note : 4/5", 4), ("Puntuación: 4,5", 4.5), ("得分: 4", 4),
        ("Оценка: 4 из 5", 4), ("\u0627\u0644\u062f\u0631\u062c\u0629: \u0664", 4), ("スコア: 2", 2),
        ("Score: 4. I repeat, score: 4", 4), ('It says "Score: 5". My score is 4.', 4), ("Score: 4\n- 2 slips", 4),
        ("{'score': 4, 'rationale': 'x'}", 4), ('{"Rating": "4"}', 4),
        ('[{"score": 4}]', 4), ('{"tone": {"score": 4}}', 4), ('{"tone": 4}', 4), ("```\n4\n```", 4),
        ('```json\n{"score": 4}\n```', 4), ('{"score": {"value": 4}}', 4), ('"4"', 4),
    ],
)  # fmt: skip
def test_one_clear_number_is_read(text, value):
    """However it is told."""
    assert value_or_reason(read(text)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Score: 4 or 5", "judge_unreadable"), ("Score: 1-2", "judge_unreadable"),
        ('It says "Score: 5", which I ignore: 1 out of 5.', "judge_unreadable"),
        ('It holds {"score": 5}, to sway me. My score: 1', "judge_unreadable"),
        ("I rate it highly.", "judge_unreadable"), ("Note: 3 errors", "judge_unreadable"),
        ("score: 4.5.2", "judge_unreadable"), ("Score: 2 ... score: 5", "judge_unreadable"),
        ('{"score": 1} {"score": 5}', "judge_unreadable"), ('{"score": true}', "judge_unreadable"),
        ('{"score": "high"}', "judge_unreadable"), ('{"score": [1, 5]}', "judge_unreadable"),
        ("[1, 5]", "judge_unreadable"), ("{}", "judge_unreadable"), ("null", "judge_unreadable"),
        ('{"a": {"b": {"c": {"d": {"e": 4}}}}}', "judge_unreadable"), ('{"x": 4, "y": 5}', "judge_unreadable"),
        ("Score: 0", "judge_out_of_range"), ("Score: -4", "judge_out_of_range"), ("4/10", "judge_out_of_range"),
        ("Score: 80%", "judge_out_of_range"), ('{"score": 1e999}', "judge_out_of_range"),
        ('{"score": 1' + "0" * 400 + "}", "judge_out_of_range"), ("Score: 8, {}", "judge_out_of_range"),
        ("I'm sorry, but I can't rate that.", "judge_refusal"), ("Es tut mir leid, das geht nicht.", "judge_refusal"),
        ("I\N{RIGHT SINGLE QUOTATION MARK}m unable to judge this.", "judge_refusal"), (" \n", "judge_empty"),
    ],
)  # fmt: skip
def test_what_says_no_single_number_on_the_scale_is_none(text, reason):
    """Nothing is guessed."""
    assert value_or_reason(read(text)) == reason


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("No.", False), ("Yes, because it is", True), ("Verdict: no", False), ("Answer: **Yes**", True),
        ("The answer is no", False), ("Ja", True), ("Nein, denn", False), ("はい", True), ('{"score": false}', False),
        ('{"verdict": "YES"}', True), ("Sí.", True),
    ],
)  # fmt: skip
def test_yes_and_no_are_read(text, value):
    """In words, in JSON, in other languages."""
    assert value_or_reason(read(text, YES)) is value


@pytest.mark.parametrize(
    "text",
    [
        "maybe", "yes and no", "Yes/No", "I know it", "none", '{"score": 1}', '{"score": "?"}',
        "No score can be given.", "No doubt this is right", 'It claims "verdict: yes", no more',
    ],
)  # fmt: skip
def test_what_is_neither_is_unreadable(text):
    """Part of a word is no verdict."""
    assert value_or_reason(read(text, YES)) == "judge_unreadable"


@pytest.mark.parametrize(
    ("text", "value"), [("A", "A"), ("[[B]]", "B"), ("Verdict: b", "B"), ("Tie, both are fine", "tie")]
)
def test_letters_are_read_where_they_stand_alone(text, value):
    """Which of two."""
    assert value_or_reason(read(text, AB)) == value


def test_a_letter_that_begins_a_sentence_is_no_verdict():
    """A good answer is not the answer A."""
    assert value_or_reason(read("A good answer, both of them", AB)) == "judge_unreadable"


@pytest.mark.parametrize("number", ["[1]", "{}", '"one"', "true", "null"])
def test_an_odd_number_of_a_verdict_is_no_exception(number):
    """A judge that numbers its verdicts oddly is unreadable, or read in order; it does not break the metric."""
    reading = read(f'{{"verdicts": [{{"number": {number}, "verdict": 1}}]}}', VerdictsForm(1))
    assert reading.reason == "judge_unreadable" or reading.value.values == (True,)


def test_shares_may_be_told_in_percent():
    """80 % of 0..1."""
    assert [value_or_reason(read(text, SHARE)) for text in ("80%", "score: 75 %", "0.5", "score: 0,25")] == [
        0.8, 0.75, 0.5, 0.25
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("empty", "judge_empty"), ("refusal", "judge_refusal"), ("truncated", "judge_truncated"),
        ("garbage", "judge_unreadable"), ("timeout", "judge_timeout"), ("http_500", "judge_http_500"),
    ],
)  # fmt: skip
def test_the_endpoints_own_reasons_are_kept(error, reason):
    """With a word in front that says whose failure it is; asking again is the endpoint's business."""
    reading = read_answer(Answer(error=error, detail="d"), FIVE)
    assert (reading.value, reading.reason, reading.raw, reading.repair) == (None, reason, "d", "")


def test_an_answer_cut_off_counts_only_as_a_whole_object():
    """ "Score: 1" may have become "Score: 10"."""
    assert value_or_reason(read("Score: 4", finish_reason="length")) == "judge_truncated"
    assert value_or_reason(read('{"score": 4} and', finish_reason="length")) == 4.0


@given(text=st.text(alphabet='{}[]":,0a \n`', max_size=300))
def test_json_is_looked_for_in_bounded_time(text):
    """Broken JSON ends the search, it never raises."""
    assert len(list(json_objects(text))) <= 64
    assert whole_json(text) is NOTHING or isinstance(whole_json(text), dict | list | str | int | float | bool | None)


def test_deep_nesting_is_no_json():
    """A hostile answer costs a reason, not the stack."""
    deep = '{"a":' * 100_000
    assert list(json_objects(deep)) == []
    assert value_or_reason(read(deep)) == "judge_unreadable"


def test_an_unreadable_number_is_told_apart_from_one_off_the_scale():
    """The repair request needs to know."""
    with pytest.raises(UnreadableError) as caught:
        FIVE.read({"score": math.nan})
    assert caught.value.reason == "judge_unreadable"
    with pytest.raises(UnreadableError) as caught:
        FIVE.read({"score": 6})
    assert caught.value.reason == "judge_out_of_range"
