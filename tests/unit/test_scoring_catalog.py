"""The metrics that can be named in a task file."""

from __future__ import annotations

import subprocess
import sys

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample
from evaltrail.scoring.catalog import METRICS, make_metrics
from evaltrail.scoring.type_words import wanted_words

HEURISTICS = [name for name, place in METRICS.builtin.items() if ".scoring." in place and ".judging." not in place]
NEEDED = {"cost": {"input_per_million": 1, "output_per_million": 2.5}}
OBSERVES = {"latency", "tokens", "cost", "token_count", "flesch_kincaid", "ari"}


@pytest.mark.parametrize("name", HEURISTICS)
def test_every_built_in_bears_its_name_and_meets_the_protocol(name):
    """A metric is found under the very name that its results will carry."""
    (metric,) = make_metrics([{name: NEEDED.get(name)}])
    assert metric.name == name
    assert metric.source == ("toxicity_word_list/1" if name == "toxicity" else f"{name}/1")
    assert metric.better in {"higher", "lower", "neither"}
    assert metric.is_grade is (name not in OBSERVES)
    score = metric.score(Sample(id="s", index=0, output="x"))
    assert (score.value is None) == bool(score.reason)


def test_the_order_and_options_of_the_list_are_kept():
    """Names and {name: options} may stand mixed; options reach the metric."""
    exact, numeric = make_metrics([{"exact_match": {"ignore_case": True}}, {"numeric": {"tolerance": 1}}])
    assert exact.score(Sample(id="s", index=0, output="X", reference=("x",))).value is True
    assert numeric.score(Sample(id="s", index=0, output="5", reference=("6",))).value is True
    assert make_metrics([{"bleu": None}])[0].name == "bleu"


@pytest.mark.parametrize(
    ("specs", "code", "says"),
    [
        (["exact_mach"], "unknown_metric", "did you mean 'exact_match'?"),
        (["f1"], "unknown_metric", "did you mean 'token_f1'?"),
        (["BLEU"], "unknown_metric", "did you mean 'bleu'?"),
        (["zzz"], "unknown_metric", "(`evaltrail ls metrics` lists them)"),
        (["exact_match, rougeL"], "unknown_metric", "write a list: [exact_match, rougeL]"),
        (
            [{"tone": {"grading_promt": "Rate 1 to 5."}}],
            "unknown_metric",
            "needs 'grading_prompt' (it has 'grading_promt')",
        ),
        ([{"tone": {"definitoin": "d"}}], "unknown_metric", "needs 'definition' (it has 'definitoin')"),
        (["mlflow.regex_match"], "missing_option", "write {mlflow.regex_match: {pattern: ...}}"),
        ([{"exact_match": {"ignore_cas": True}}], "unknown_option", "ignore_case"),
        ([{"rouge1": {"stemmer": True}}], "unknown_option", "no options"),
        ([{"exact_match": {"ignore_case": "yes"}}], "bad_option", "true or false is wanted, not a text"),
        ([{"numeric": {"tolerance": "small"}}], "bad_option", "a number is wanted, not a text"),
        ([{"bleu": {"tokenize": "flores200"}}], "bad_option", "invalid enum"),
        ([{"regex": {"pattern": "("}}], "bad_pattern", "cannot be read"),
        (["exact_match", {"exact_match": {"strip": False}}], "duplicate_metric", "metrics[1]"),
        ([{"toxicity": {"folder": "/"}}], "unknown_option", "words, classifier, label"),
        ([{"exact_match": {}, "bleu": {}}], "bad_metric", "one name"),
        ([{"exact_match": 3}], "bad_metric", "{name: {option: value}}"),
        ([3], "bad_metric", "3 is no metric"),
        ([None], "bad_metric", "is no metric"),
    ],
)
def test_a_mistake_names_itself_its_place_and_the_next_step(specs, code, says):
    """Unknown names, options and types, and duplicates are bad input, with the nearest known word."""
    with pytest.raises(InputError) as caught:
        make_metrics(specs)
    assert caught.value.code == code
    assert says in str(caught.value)
    assert caught.value.where == f"metrics[{len(specs) - 1}]"


def test_the_place_is_the_callers():
    """A task file's path stands in front of the position."""
    with pytest.raises(InputError, match=r"^capitals.yaml: metrics\[0\]: unknown metric"):
        make_metrics(["nope"], where="capitals.yaml: metrics")


def test_the_usual_metrics_load_nothing_heavy():
    """exact_match, token_f1 and the aggregate start without regex, sacrebleu, numpy or scipy."""
    program = (
        "import sys; from evaltrail.scoring.catalog import make_metrics; import evaltrail.scoring.aggregate;"
        "make_metrics(['exact_match', 'token_f1', 'rougeL', 'numeric', 'levenshtein', 'ndcg', 'toxicity', 'ari']);"
        "heavy = ('regex', 'sacrebleu', 'jsonschema_rs', 'numpy', 'scipy', 'mlflow');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_words_that_yaml_reads_as_truths_are_explained():
    """``labels: {yes: 1, no: 0}`` without quotes reaches us as True and False."""
    with pytest.raises(InputError, match="YAML reads yes, no, on and off as true and false"):
        make_metrics([{"tone": {"grading_prompt": "p", "labels": {True: 1, False: 0}}}])


@pytest.mark.parametrize(
    ("complaint", "words"),
    [
        ("Expected `float`, got `str`", "a number is wanted, not a text"),
        ("Expected `int | null`, got `array`", "a whole number is wanted, not a list"),
        ("Expected `object`, got `null`", "a mapping is wanted, not nothing"),
        ("Expected `str`, got `int` - at `$[0].output`", "a text is wanted, not a whole number at [0].output"),
        ("Invalid enum value 'x'", "invalid enum value 'x'"),
    ],
)
def test_types_are_called_what_people_call_them(complaint, words):
    """No backticks of a library."""
    assert wanted_words(complaint) == words
