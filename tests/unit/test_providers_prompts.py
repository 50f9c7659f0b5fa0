"""Templates: what they give for a record, what they may not do, and how far they may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.providers import prompts
from evaltrail.providers.prompts import Prompter, as_text

RECORD = {"question": "Who?", "answers": ["a", "b"], "n": 331_000_000, "meta": {"kind": "x"}, "none": None}


def render(source: str, **fields) -> str:
    return Prompter().compile(source, "t.yaml: prompt").render({**RECORD, **fields}, "d.jsonl:3")


def texts(source: str, **fields) -> tuple[str, ...]:
    return Prompter().compile_value(source, "t.yaml: target").texts({**RECORD, **fields}, "d.jsonl:3")


def failure(source: str, **fields) -> InputError:
    with pytest.raises(InputError) as caught:
        render(source, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Q: {{ question }}\nA:", "Q: Who?\nA:"),
        ("{{ question }}\n", "Who?\n"),
        ("{% for a in answers %}{{ loop.index }}{{ a }} {% endfor %}", "1a 2b "),
        ("{{ meta.kind }}{{ meta['kind'] }}", "xx"),
        ("{{ answers | join(', ') }}", "a, b"),
        ("{{ question | replace('W', 'w') | upper }}", "WHO?"),
        (
            "{{ '{:,}'.format(n) }} {{ '%d people' % n }} {{ '%s' | format(n) }}",
            "331,000,000 331000000 people 331000000",
        ),
        ("{{ '-'.join(answers) }} {{ question.replace('o', '0') }}", "a-b Wh0?"),
        ("{{ answers | map('upper') | join(attribute='0') }}", "AB"),
        ("{{ missing | default('none given') }}", "none given"),
        ("{{ '<b>' }}", "<b>"),
    ],
)
def test_what_templates_give(source, text):
    """Templates are plain Jinja2 over a record's fields, without HTML escapes, with line ends as written."""
    assert render(source) == text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ answers }}", ("a", "b")),
        (" {{ answers }} ", ("a", "b")),
        ("{{ answers[0] }}", ("a",)),
        ("{{ answers | map('upper') | list }}", ("A", "B")),
        ("{{ n }}", ("331000000",)),
        ("{{ none }}", ()),
        ("{{ truth }}", ("true",)),
        ("{{ numbers }}", ("1", "2.5", "true")),
        ("{{ empty }}", ()),
        ("{{ question }}!", ("Who?!",)),
        ("{{ question }}{{ question }}", ("Who?Who?",)),
        ("plain", ("plain",)),
    ],
)
def test_a_single_expression_keeps_its_type(source, expected):
    """A list stays a list and null is no text where the template is one expression; else it renders to one text."""
    assert texts(source, truth=True, numbers=[1.0, 2.5, True], empty=[]) == expected


@given(st.lists(st.text()))
def test_a_list_of_texts_stays_as_it_is(answers):
    """No accepted answer is changed or lost on the way."""
    assert texts("{{ answers }}", answers=answers) == tuple(answers)


def test_many_values_are_all_read():
    """Bounds count for one rendering: thousands of records later nothing is lost."""
    value = Prompter().compile_value("{{ a.strip() }}", "t.yaml: target")
    assert [value.texts({"a": f" {number} "}) for number in range(3000)] == [(str(number),) for number in range(3000)]


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (3.0, "3"), (2.5, "2.5"), (1e300, "1e+300"), ("x", "x")])
def test_values_become_the_text_a_model_reads(value, text):
    """True reads as true, 3.0 as 3."""
    assert as_text(value) == text


def test_a_missing_field_is_named_with_line_and_nearest():
    """The error says which field of which record is missing and which one may be meant."""
    error = failure("{{ qestion }}")
    assert (error.code, error.where) == ("missing_field", "t.yaml: prompt")
    assert error.message == "d.jsonl:3: the record has no field 'qestion'"
    assert error.hint == "did you mean 'question'?"


def test_a_missing_field_unlike_any_other_lists_them():
    """Where nothing is close, the record's fields are listed."""
    error = failure("{{ zzz }}")
    assert error.hint == "the record has: question, answers, n, meta, none"


@pytest.mark.parametrize("source", ["{{ anser }}", "{{ anser.strip() }}", "{{ anser | upper }}"])
def test_a_missing_field_of_a_value_is_named_too(source):
    """A reference that names a missing field is an error, never an empty reference."""
    with pytest.raises(InputError, match=r"d\.jsonl:3: the record has no field 'anser'"):
        texts(source)


@pytest.mark.parametrize("source", ["{{ meta.king }}", "{{ none.strip() }}", "{{ answers[0] + 1 }}", "{{ meta.a.b }}"])
def test_a_value_that_fails_is_never_an_empty_one(source):
    """Whatever fails in an expression is told with the record it failed on."""
    with pytest.raises(InputError, match=r"d\.jsonl:3: the template fails") as caught:
        texts(source)
    assert caught.value.where == "t.yaml: target"


@pytest.mark.parametrize("source", ["{{ question", "{% for %}", "{{ question | no_such_filter }}", "{% endfor %}"])
def test_a_template_that_cannot_be_read_is_told(source):
    """A broken template is found when the task is read."""
    with pytest.raises(InputError, match="the template cannot be read") as caught:
        Prompter().compile(source, "t.yaml: prompt")
    assert (caught.value.code, caught.value.where) == ("bad_template", "t.yaml: prompt")


def test_a_template_knows_the_fields_it_needs():
    """What a template reads from a record is known before any record is seen."""
    template = Prompter().compile("{{ a }}{% for x in b %}{{ x.c }}{% endfor %}{% set d = 1 %}{{ d }}", "w")
    assert template.needs == {"a", "b"}


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ answers.__class__.__mro__ }}",
        "{{ question.__init__.__globals__ }}",
        "{{ answers.append('x') }}",
        "{{ meta.update(a=1) }}",
        "{{ (question | attr('__class__')) }}",
        "{{ '{0.__class__}'.format(question) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% include 'x' %}",
        "{% import 'os' as os %}",
    ],
)
def test_a_template_stays_in_its_sandbox(source):
    """A template reads the record and nothing else, and changes nothing."""
    record = {"answers": ["a"], "meta": {"kind": "x"}}
    assert failure(source, **record).code == "bad_template"
    assert record == {"answers": ["a"], "meta": {"kind": "x"}}


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for i in answers recursive %}{{ loop(answers) }}{% endfor %}",
        "{{ 'a' * 500000000 }}",
        "{{ 500000000 * 'a' }}",
        "{{ [0] * 500000000 }}",
        "{{ ('a' * 3000000) ~ ('a' * 3000000) }}",
        "{{ ('a' * 3000000) + ('a' * 3000000) }}",
        "{{ 'a' * 3000000 }}{{ 'a' * 3000000 }}",
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=999) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
        "{{ 9 ** 999999 }}",
        "{{ '%500000000d' % 1 }}",
        "{{ '%*d' % (500000000, 1) }}",
        "{{ '%500000000d' | format(1) }}",
        "{{ '{:>500000000}'.format(1) }}",
        "{{ '{0:{1}}'.format(1, 500000000) }}",
        "{{ '{a:>500000000}'.format_map({'a': 1}) }}",
        "{{ 'a'.center(500000000) }}",
        "{{ 'a' | center(500000000) }}",
        "{{ 'a\n' | indent(500000000) }}",
        "{{ 1.5 | round(500000000, 'ceil') }}",
        "{{ answers | batch(500000000, 0) | list | length }}",
        "{{ answers | slice(500000000) | list | length }}",
        "{{ range(500000000) | list | length }}",
        "{{ lipsum(100000) | length }}",
        "{{ ('a' * 1000000) | replace('a', 'aaaaaaaaaa') | length }}",
        "{{ ('a' * 1000000).replace('a', 'a' * 1000000) | length }}",
        "{{ (['a' * 1000000] * 1000000) | join | length }}",
        "{{ ('a' * 1000000).join(answers * 1000) | length }}",
        "{{ ('\t' * 1000000).expandtabs(90000) | length }}",
        "{{ ('a' * 1000000).translate({97: 'a' * 1000000}) | length }}",
    ],
)
def test_a_template_comes_to_an_end(source):
    """No template runs or grows without end; it fails with a reason before it has taken much."""
    error = failure(source)
    assert error.code in {"bad_template", "missing_field"}
    assert len(error.message) > len("d.jsonl:3: the template fails: ")


def test_a_prompt_may_be_long():
    """What a big record holds goes through, up to the bound."""
    text = "word " * (prompts.MAX_CHARACTERS // 5)
    assert render("{{ question }}", question=text) == text
    assert failure("{{ question }}!", question=text).code == "bad_template"


def test_a_record_may_hold_what_a_format_may_not():
    """Numbers and braces in a record's own text are never taken for a width."""
    text = "50% off: 1000000 {'id': 1234567}"
    assert render("{{ question | indent(2) }}{{ '%s' | format(question) }}", question=text) == text * 2


@pytest.mark.parametrize(
    "source",
    [
        "{{ ('a' * 3000000) ~ ('a' * 3000000) }}",
        "{{ ('a' * 3000000) ~ ('a' * 3000000) | length }}",
        "{{ [('a' * 3000000) ~ ('a' * 3000000)] }}",
        "{{ 'a' * 500000000 }}",
        "{{ range(500000000) | list | length }}",
        "{{- ('a' * 3000000) ~ ('a' * 3000000) -}}",
    ],
)
def test_a_value_comes_to_an_end_too(source):
    """An expression that keeps its type is bound like any template: what is too large is never made."""
    with pytest.raises(InputError, match="the template fails"):
        texts(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{- answers -}}", ("a", "b")),
        ("{{ question ~ '!' }}", ("Who?!",)),
        ("{{ '}}' }}", ("}}",)),
        ("{{ result | list }}", ("1", "2")),
        ("{{ answers if n else none }}", ("a", "b")),
    ],
)
def test_an_expression_is_known_by_its_meaning(source, expected):
    """Trimming signs, braces in texts and a field of any name change nothing."""
    assert texts(source, result=(1, 2)) == expected
