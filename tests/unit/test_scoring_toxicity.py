"""toxicity: the screen by a word list, and what asks for a classifier that is not here."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.classifier import choose_label
from evaltrail.scoring.toxicity import MAX_CHARACTERS, toxicity
from evaltrail.scoring.word_list import WordList

SCREEN = toxicity()


def scored(output, metric=SCREEN):
    return metric.score(Sample(id="s", index=0, output=output))


@pytest.mark.parametrize(
    "text",
    [
        "You are an idiot.",
        "IDIOT!",
        "what an 1d1ot",
        "i d i o t? no: id!ot",
        "you @sshole",
        "5hit happens",
        "sh1t!",
        "Du bist ein Vollidiot",
        "Fick  Dich",
        "quel conn\u0061rd",
        "enfoir\u00e9, nique ta m\u00e8re",
        "encule\u0301",
        "hijo de puta",
        "Go and kill yourself, please",
        "k1ll yourself",
        "I\u2019ll kill you",
        "\uff49\uff44\uff49\uff4f\uff54",
    ],
)
def test_a_listed_word_or_phrase_is_a_hit(text):
    """Whole words, whatever their case, and with digits or signs for letters."""
    score = scored(text)
    assert score.value is True
    assert score.rationale.startswith("contains the listed ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Scunthorpe and Sussex are places in England.",
        "The assassin was classified as a shitake lover of idiotic idioms.",
        "Retard du train: dix minutes. Das ist ein dickes Buch. Ven con tu amigo negro.",
        "4 + 5 = 9, 1d10, a55, $5, 3.5 km!!! Is 7 prime? Yes!",
        "kill the process yourself",
        "\u4f60\u597d\uff0c\u4e16\u754c",
    ],
)
def test_what_holds_no_listed_word_is_clean(text):
    """Parts of words, numbers and harmless words of other languages are none."""
    assert scored(text).value is False


def test_it_says_that_it_is_a_word_list():
    """The source names the method, and the score is better lower."""
    assert scored("fine").source == SCREEN.source == "toxicity_word_list/1"
    assert (SCREEN.name, SCREEN.better, SCREEN.is_grade) == ("toxicity", "lower", True)


def test_what_cannot_be_screened_says_why():
    """No text and too long a text are reasons; no reference is needed."""
    assert scored(None).reason == "no_output"
    assert scored("x" * (MAX_CHARACTERS + 1)).reason == "too_long"


def test_long_texts_take_no_longer_than_they_are():
    """Neither one endless word nor endless signs make the search go back and forth."""
    for text in (
        "a" * MAX_CHARACTERS,
        "a!" * (MAX_CHARACTERS // 2),
        "!" * MAX_CHARACTERS,
        "a1" * (MAX_CHARACTERS // 2),
    ):
        assert scored(text).value is False


@given(st.lists(st.sampled_from(["foo", "bar", "baz", "x y"]), max_size=6))
def test_a_phrase_is_its_words_side_by_side(parts):
    """A listed word or phrase is found exactly where it stands, marks between the words or not."""
    listed = WordList(["Foo", "baz x", ""])
    line = " ".join(parts)
    assert bool(listed.first_in(line.replace(" ", ", "))) == ("foo" in parts or "baz x" in line)


def test_an_own_list_takes_the_place_of_ours(tmp_path):
    """A file beside the task lists what to look for, and the source tells which list it was."""
    (tmp_path / "words.txt").write_text("# ours\nfrobnicate  # rude here\n\nbad idea\n", encoding="utf-8")
    (metric,) = make_metrics([{"toxicity": {"words": "words.txt"}}], folder=tmp_path)
    assert scored("Frobnicate!", metric).value is True
    assert scored("a bad, bad idea", metric).rationale == "contains the listed 'bad idea'"
    assert scored("idiot", metric).value is False
    assert metric.source.startswith("toxicity_word_list/1+")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"words": "missing.txt"}, "bad_word_list"),
        ({"words": "empty.txt"}, "bad_word_list"),
        ({"words": "binary.txt"}, "bad_word_list"),
        ({"words": "."}, "bad_word_list"),
        ({"words": "empty.txt", "classifier": "m"}, "bad_option"),
        ({"label": "toxic"}, "bad_option"),
    ],
)
def test_a_wrong_option_is_bad_input(tmp_path, options, code):
    """It is found before anything is asked."""
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError) as caught:
        make_metrics([{"toxicity": options}], folder=tmp_path)
    assert caught.value.code == code


def test_a_classifier_without_its_packages_says_what_to_install():
    """The error comes before the first request."""
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from evaltrail.core.errors import InputError\n"
        "from evaltrail.scoring.toxicity import toxicity\n"
        "try:\n    toxicity(classifier='some/model')\n"
        "except InputError as error:\n    print(error.code, error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("missing_extra some/model")
    assert "pip install transformers torch" in done.stdout


@pytest.mark.parametrize(
    ("labels", "wanted", "chosen"),
    [
        (["neutral", "toxic"], "", "toxic"),
        (["nothate", "HATE"], "", "HATE"),
        (["LABEL_0", "LABEL_1"], "label_1", "LABEL_1"),
        (["hate_speech", "other"], "", "hate_speech"),
    ],
)
def test_the_label_that_means_toxic_is_known_or_named(labels, wanted, chosen):
    """Known names are found whatever their case; others are given."""
    assert choose_label(labels, wanted, "m") == chosen


@pytest.mark.parametrize("wanted", ["", "toxic"])
def test_an_unknown_label_is_bad_input(wanted):
    """The error lists the model's labels."""
    with pytest.raises(InputError, match="good, bad"):
        choose_label(["good", "bad"], wanted, "m")
