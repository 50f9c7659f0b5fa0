"""bleu with its corpus figure (Papineni et al. 2002) and chrf (Popović 2015), both by sacrebleu (Post 2018)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from evaltrail.core.metric import MetricValue
from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.grader import TOO_LONG, TextGrader

MAX_CHARACTERS = 200_000
"""Length of the text and of all its references together; longer ones are unscored (``too_long``)."""

_ORDERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What BLEU is computed from, of one text or of many added up."""

    correct: tuple[int, ...] = (0,) * _ORDERS
    """Matching n-grams, for n from 1 to 4."""
    total: tuple[int, ...] = (0,) * _ORDERS
    text_words: int = 0
    reference_words: int = 0

    def plus(self, other: Matches) -> Matches:
        """Both added up."""
        return Matches(
            correct=tuple(map(sum, zip(self.correct, other.correct, strict=True))),
            total=tuple(map(sum, zip(self.total, other.total, strict=True))),
            text_words=self.text_words + other.text_words,
            reference_words=self.reference_words + other.reference_words,
        )


class Bleu(TextGrader):
    """sacrebleu's BLEU of one text against all its references at once, without smoothing, in [0, 1].

    A text without a matching n-gram of each length from 1 to 4 scores 0. Beside the mean stands ``bleu_corpus``, the
    BLEU of the whole task with sacrebleu's own defaults, as papers report it.

    Args:
        lowercase: letters of either case are the same.
        tokenize: sacrebleu's name of the tokenizer, of those that download nothing.
    """

    name = "bleu"

    def __init__(
        self, *, lowercase: bool = False, tokenize: Literal["13a", "intl", "zh", "char", "none"] = "13a"
    ) -> None:
        # Only tasks with this metric pay for the package: some 100 ms.
        from sacrebleu.metrics.bleu import BLEU  # noqa: PLC0415
        from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp  # noqa: PLC0415

        super().__init__()
        self._bleu = BLEU(lowercase=lowercase, tokenize=tokenize, smooth_method="none")
        # sacrebleu keeps the last 65,536 texts; cleared after each score, memory stays flat.
        tokenizers = (type(self._bleu.tokenizer), TokenizerRegexp)
        self._caches = [each.__call__ for each in tokenizers if hasattr(each.__call__, "cache_clear")]
        # The aggregate asks for the sample that was scored just before.
        self._compare = lru_cache(maxsize=1)(self._compare_now)

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """Sentence BLEU / 100."""
        if _is_long(text, references):
            return TOO_LONG
        return Score(value=_share(self._compare(text, references).score), source=self.source)

    def whole_task(self) -> BleuCorpus:
        """The corpus figure of one task, still empty."""
        return BleuCorpus(metric_of=self)

    def matches(self, text: str, references: tuple[str, ...]) -> Matches:
        """What the score of one text is computed from."""
        score = self._compare(text, references)
        return Matches(
            correct=tuple(score.counts),
            total=tuple(score.totals),
            text_words=score.sys_len,
            reference_words=score.ref_len,
        )

    def corpus_score(self, matches: Matches) -> float:
        """Corpus BLEU / 100, smoothed as sacrebleu does by default (``exp``)."""
        score = self._bleu.compute_bleu(
            correct=list(matches.correct),
            total=list(matches.total),
            sys_len=matches.text_words,
            ref_len=matches.reference_words,
            smooth_method="exp",
        )
        return _share(score.score)

    def _compare_now(self, text: str, references: tuple[str, ...]) -> Any:
        # A corpus of one: the sentence call is the same but logs a warning each time.
        score = self._bleu.corpus_score([text], [[reference] for reference in references])
        for cache in self._caches:
            cache.cache_clear()
        return score


@dataclass(slots=True, kw_only=True)
class BleuCorpus:
    """BLEU over all texts of a task, from added-up counts."""

    metric_of: Bleu
    _matches: Matches = field(default_factory=Matches)
    _n: int = 0

    def add(self, sample: Sample) -> None:
        """Takes in one scored sample."""
        if sample.graded is not None:
            self._matches = self._matches.plus(self.metric_of.matches(sample.graded, sample.reference))
            self._n += 1

    def metric(self) -> MetricValue:
        """``bleu_corpus``, without an interval: it is no mean."""
        value = self.metric_of.corpus_score(self._matches) if self._n else None
        return MetricValue(name="bleu_corpus", value=value, unit="1", n=self._n)


class Chrf(TextGrader):
    """sacrebleu's chrF of one text with its best reference, in [0, 1].

    Args:
        word_order: 0 for chrF, 2 for chrF++.
        lowercase: letters of either case are the same.
    """

    name = "chrf"

    def __init__(self, *, word_order: int = 0, lowercase: bool = False) -> None:
        # Only tasks with this metric pay for the package: some 100 ms.
        from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415

        super().__init__()
        self._chrf = CHRF(word_order=word_order, lowercase=lowercase)

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """Sentence chrF / 100."""
        if _is_long(text, references):
            return TOO_LONG
        score = self._chrf.sentence_score(text, list(references)).score
        return Score(value=_share(score), source=self.source)


def _share(score: float) -> float:
    """A score of sacrebleu as a share; its rounding may pass 100 by a hair."""
    return min(score / 100.0, 1.0)


def _is_long(text: str, references: tuple[str, ...]) -> bool:
    return len(text) + sum(map(len, references)) > MAX_CHARACTERS
