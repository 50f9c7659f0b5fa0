"""token_f1 by hand and ROUGE against the package rouge-score."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.sample import Sample
from evaltrail.scoring.lcs import Words
from evaltrail.scoring.overlap import MAX_STEPS, TokenF1, rouge1, rouge2, rouge_l, rouge_lsum

FACTORIES = {"rouge1": rouge1, "rouge2": rouge2, "rougeL": rouge_l, "rougeLsum": rouge_lsum}

words = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "7", "of-the", "É", "\n", ".", "x\ny"]), max_size=30).map(
    " ".join
)
texts = st.one_of(words, st.text(max_size=60))


@cache
def oracle():
    """The package rouge-score, whose import takes seconds: collecting tests does without."""
    from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415

    return RougeScorer(list(FACTORIES), use_stemmer=False)


def scored(metric, output, *reference):
    return metric.score(Sample(id="s", index=0, output=output, reference=reference))


@pytest.mark.parametrize(
    ("output", "references", "value"),
    [
        ("Paris", ("Paris",), 1.0),
        ("the city of Paris", ("Paris",), 0.5),
        ("The Paris!", ("a paris",), 1.0),
        ("x y z", ("x y w",), 2 / 3),
        ("x x y", ("x y y",), 2 / 3),
        ("x", ("y",), 0.0),
        ("", ("x",), 0.0),
        ("x", ("",), 0.0),
        ("the", ("",), 1.0),
        ("New York", ("Boston", "York"), 2 / 3),
        ("it's", ("its",), 1.0),
    ],
)
def test_token_f1_is_squads(output, references, value):
    """Words without case, punctuation and articles; the best reference counts."""
    assert scored(TokenF1(), output, *references).value == pytest.approx(value, abs=1e-12)


@given(texts, texts)
def test_token_f1_is_a_symmetric_share(first, second):
    """Either text may be the reference, and the score stays in [0, 1]."""
    there, back = scored(TokenF1(), first, second).value, scored(TokenF1(), second, first).value
    assert there == back
    assert 0.0 <= there <= 1.0


@given(texts)
def test_a_text_shares_everything_with_itself(text):
    """Identity is 1 for token_f1, and for ROUGE-1 and L wherever there are words at all."""
    assert scored(TokenF1(), text, text).value == 1.0
    has_words = oracle().score(text, text)["rouge1"].fmeasure > 0
    assert scored(rouge1(), text, text).value == scored(rouge_l(), text, text).value == float(has_words)


@pytest.mark.parametrize("name", FACTORIES)
@given(output=texts, reference=texts)
def test_rouge_is_rouge_scores(name, output, reference):
    """Every f-measure agrees with rouge-score to 1e-9 on any two texts."""
    ours = scored(FACTORIES[name](), output, reference).value
    assert ours == pytest.approx(oracle().score(reference, output)[name].fmeasure, abs=1e-9)


@pytest.mark.parametrize("name", FACTORIES)
def test_rouge_takes_the_best_reference(name):
    """Several references count as rouge-score counts them."""
    output, references = "the cat sat\non the mat", ("a dog lay", "the cat lay\non a mat", "cat")
    theirs = oracle().score_multi(references, output)[name].fmeasure
    assert scored(FACTORIES[name](), output, *references).value == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("name", FACTORIES)
def test_rouge_on_long_texts_is_rouge_scores(name):
    """Rows of many machine words give the same figures as short ones."""
    output = "\n".join(" ".join(f"w{(i * 7 + j * j) % 23}" for j in range(40)) for i in range(6))
    reference = "\n".join(" ".join(f"w{(i * 5 + j * 3) % 29}" for j in range(35)) for i in range(7))
    theirs = oracle().score(reference, output)[name].fmeasure
    assert scored(FACTORIES[name](), output, reference).value == pytest.approx(theirs, abs=1e-9)


letters = st.lists(st.sampled_from("abcd"), max_size=12)


@given(letters, letters)
def test_the_common_subsequence_is_one_and_the_longest(first, second):
    """The positions spell a subsequence of both lists, as long as a plain table says."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, left in enumerate(first, 1):
        for j, right in enumerate(second, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if left == right else max(table[i - 1][j], table[i][j - 1])
    ours = Words(second, set(first))
    positions = ours.lcs_positions(first)
    rest = iter(second)
    assert positions == sorted(positions, reverse=True)
    assert all(first[place] in rest for place in reversed(positions))
    assert len(positions) == ours.lcs_length(first) == table[-1][-1]


def test_texts_beyond_the_limits_are_unscored():
    """ROUGE-L and Lsum refuse what would take minutes, by name; ROUGE-1 takes it."""
    long = "w " * 30_000
    lines = "w\n" * (MAX_STEPS // 1000)
    assert scored(rouge_l(), long, long).reason == "too_long"
    assert scored(rouge_lsum(), lines, "v " * 2_000).reason == "too_long"
    assert scored(rouge1(), long, long).value == 1.0


def test_missing_parts_are_reasons():
    """Without a reference or a text there is no score."""
    assert scored(rouge1(), "x").reason == "no_reference"
    assert scored(TokenF1(), None, "x").reason == "no_output"
