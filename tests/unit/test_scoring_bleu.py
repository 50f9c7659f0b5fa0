"""bleu, bleu_corpus and chrf against sacrebleu."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from evaltrail.core.sample import Sample
from evaltrail.scoring.aggregate import Aggregator
from evaltrail.scoring.apply import score_into
from evaltrail.scoring.bleu import MAX_CHARACTERS, Bleu, Chrf

PAIRS = [
    ("the cat sat on the mat today", ("the cat sat on a mat today", "a cat sat on the mat")),
    ("It is a guide to action.", ("It is the guide to action, always.",)),
    ("nothing alike", ("completely different words",)),
    ("", ("empty answer",)),
    ("a b c d e f", ("a b c d e f",)),
]
texts = st.one_of(
    st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "."]), max_size=12).map(" ".join), st.text()
)


def asked(output, *reference, index=0):
    return Sample(id=str(index), index=index, output=output, reference=reference)


@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_both_are_sacrebleus(output, references):
    """Sentence BLEU without smoothing and chrF are sacrebleu's, / 100, with all references."""
    logging.getLogger("sacrebleu").setLevel(logging.ERROR)
    bleu = BLEU(smooth_method="none").sentence_score(output, references).score / 100
    chrf = CHRF().sentence_score(output, references).score / 100
    assert Bleu().score(asked(output, *references)).value == min(bleu, 1.0)
    assert Chrf().score(asked(output, *references)).value == min(chrf, 1.0)


def test_options_are_sacrebleus():
    """lowercase, tokenize and word_order are handed on."""
    output, references = "The Cat sat on The mat", ("the cat sat on the mat",)
    assert Bleu(lowercase=True).score(asked(output, *references)).value == pytest.approx(1.0)
    expected = BLEU(tokenize="char", smooth_method="none").corpus_score([output], [list(references)]).score / 100
    assert Bleu(tokenize="char").score(asked(output, *references)).value == expected
    plus = CHRF(word_order=2).sentence_score(output, list(references)).score / 100
    assert Chrf(word_order=2).score(asked(output, *references)).value == plus


def aggregated(pairs):
    metric = Bleu()
    aggregator = Aggregator([metric])
    for index, (output, references) in enumerate(pairs):
        scores = {}
        sample = Sample(id=str(index), index=index, output=output, reference=references, scores=scores)
        score_into(sample, [metric], scores)
        aggregator.add(sample)
    return {value.name: value for value in aggregator.metrics()}


def test_the_corpus_figure_is_sacrebleus():
    """bleu_corpus is sacrebleu's corpus score with its defaults, next to the mean of the sentences."""
    single = [(output, references[:1]) for output, references in PAIRS]
    made = aggregated(single)
    theirs = BLEU().corpus_score([output for output, _ in single], [[references[0] for _, references in single]])
    assert made["bleu_corpus"].value == pytest.approx(theirs.score / 100, abs=1e-12)
    sentence = BLEU(smooth_method="none", effective_order=False).sentence_score
    mean = sum(sentence(output, references).score for output, references in single) / 500
    assert made["bleu"].value == pytest.approx(mean, abs=1e-12)
    assert made["bleu_corpus"].n == made["bleu"].n == 5


def test_the_corpus_figure_keeps_only_counts():
    """A sample without a score leaves the corpus figure alone and is counted beside it."""
    made = aggregated([*PAIRS, ("no reference here", ())])
    assert made["bleu_corpus"].value == aggregated(PAIRS)["bleu_corpus"].value
    assert made["bleu_corpus"].unscored == {"no_reference": 1}
    assert aggregated([("x", ())])["bleu_corpus"].value is None


def test_no_text_stays_in_sacrebleus_caches():
    """After a score the tokenizer remembers nothing, so a long run stays small."""
    Bleu().score(asked("some text", "some reference"))
    assert Tokenizer13a.__call__.cache_info().currsize == 0


@pytest.mark.parametrize("metric", [Bleu(), Chrf()])
def test_what_cannot_be_scored_says_why(metric):
    """Too long, no reference, no text: each is a reason."""
    assert metric.score(asked("x" * MAX_CHARACTERS, "y")).reason == "too_long"
    assert metric.score(asked("x")).reason == "no_reference"
    assert metric.score(asked(None, "x")).reason == "no_output"


def test_scoring_logs_nothing(caplog):
    """sacrebleu's advice on sentence scores does not fill the log."""
    with caplog.at_level(logging.DEBUG):
        Bleu().score(asked("a b c d .", "a b c d ."))
    assert not caplog.records
