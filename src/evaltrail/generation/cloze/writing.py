"""cloze: questions without a model. A number, name or rare word of a sentence is left out and asked for."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from evaltrail.core.document import Chunk
from evaltrail.core.ids import digest
from evaltrail.core.question import QUESTION_TYPES, Difficulty, QuestionType
from evaltrail.generation.cloze.blanks import Blank, is_askable, names_in, numbers_in, on_one_line, terms_in, with_blank
from evaltrail.generation.cloze.name_kinds import kinds_of
from evaltrail.generation.cloze.sentences import sentences_of
from evaltrail.generation.drafts import UNANSWERABLE, Draft, Passage
from evaltrail.generation.sieve.words import words_of

CLOZE_TYPES: frozenset[QuestionType] = frozenset(("simple", "numeric", "unanswerable"))
"""What can be made without a model; of the others no drafts come."""

_SIGN = "____"
_BLANKS_A_SENTENCE = 3
"""So many drafts of one type a sentence gives; more would be the same question again."""
_LONG_WORDS = 25
"""A sentence of more words takes more reading."""
_SWAPS_TRIED = 40
_SHORT_ACRONYM = 4
_YEARS = range(1000, 2100)
_MARKUP = re.compile(r"\*\*|\[\^\w+\]")
"""Bold words, and signs of footnotes."""
_Shape = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    """A sentence that questions can be made of."""

    text: str
    """As the chunk says it."""
    words: int
    numbers: tuple[Blank, ...]
    names: tuple[Blank, ...]


class ClozeWriter:
    """Writes the drafts of every window of an upload, without one of them twice.

    A sentence that stands in several windows belongs to one of them, and one that stands there twice counts once, so
    that windows which overlap do not ask for the same.

    Args:
        passages: all windows, in any order.
        seed: another one gives sentences to other windows and takes them in another order.
    """

    def __init__(self, passages: Iterable[Passage], *, seed: int = 0) -> None:
        self._seed = seed
        chunks: dict[int, Chunk] = {}
        windows_of: dict[int, list[int]] = defaultdict(list)
        for passage in sorted(passages, key=lambda passage: passage.window.number):
            for chunk in passage.chunks:
                chunks[chunk.number] = chunk
                windows_of[chunk.number].append(passage.window.number)
        self._holders: Counter[str] = Counter()
        """Word to the number of chunks that hold it."""
        self._facts: dict[int, list[_Fact]] = defaultdict(list)
        """Number of a window to what belongs to it."""
        known: set[str] = set()
        for number, chunk in sorted(chunks.items()):
            self._holders.update(set(words_of(chunk.text)))
            windows = windows_of[number]
            for fact in _facts(chunk, known):
                owner = windows[int(self._key(fact.text)[:8], 16) % len(windows)]
                self._facts[owner].append(fact)
        every = [fact for facts in self._facts.values() for fact in facts]
        self._kinds = kinds_of((fact.text, name) for fact in every for name in fact.names)
        """Name to whose it is, where that is known."""
        self._swaps = self._all_swaps(every)

    def write(
        self,
        passage: Passage,
        wanted: Mapping[QuestionType, int],
        *,
        after: Mapping[QuestionType, int] | None = None,
    ) -> tuple[Draft, ...]:
        """So many drafts of each type as are wanted, or as many as the passage gives.

        The types follow one another in their usual order. A type's drafts stand in an order of their own: who wants
        more of them gets the same first.

        Args:
            passage: one of those that the writer knows.
            wanted: type to how many.
            after: type to how many were written before; what follows these is written.
        """
        drafts: list[Draft] = []
        for kind in QUESTION_TYPES:
            first = (after or {}).get(kind, 0)
            drafts += islice(self._drafts(passage, kind), first, first + wanted.get(kind, 0))
        return tuple(drafts)

    def _drafts(self, passage: Passage, kind: QuestionType) -> Iterator[Draft]:
        if kind not in CLOZE_TYPES:
            return
        facts = sorted(self._facts[passage.window.number], key=lambda fact: self._key(kind + fact.text))
        words = Counter(words_of(passage.text))
        if kind == "unanswerable":
            yield from self._unanswerable(facts, passage, words)
            return
        blanks = [self._blanks(fact, kind) for fact in facts]
        # The best blank of every sentence before the second one of any.
        for turn in zip_longest(*blanks):
            for fact, blank in zip(facts, turn, strict=True):
                if blank:
                    yield Draft(
                        query=_query(with_blank(fact.text, blank, _SIGN)),
                        response=blank.text,
                        evidence=fact.text,
                        type=kind,
                        difficulty=_difficulty(fact, blank, words),
                    )

    def _unanswerable(self, facts: Sequence[_Fact], passage: Passage, words: Mapping[str, int]) -> Iterator[Draft]:
        """Sentences that speak of somebody or something else of the upload, which the passage does not know."""
        for fact in facts:
            for asked in (*self._blanks(fact, "numeric"), *self._blanks(fact, "simple")):
                swap = self._swap(fact, asked, words, passage.text)
                if swap:
                    query = _query(_changed(fact.text, asked, *swap))
                    yield Draft(query=query, response=UNANSWERABLE, type="unanswerable", difficulty="hard")
                    break

    def _blanks(self, fact: _Fact, kind: str) -> tuple[Blank, ...]:
        if kind == "numeric":
            return fact.numbers[:_BLANKS_A_SENTENCE]
        return (*fact.names, *terms_in(fact.text, self._holders))[:_BLANKS_A_SENTENCE]

    def _swap(self, fact: _Fact, asked: Blank, words: Mapping[str, int], text: str) -> tuple[Blank, str] | None:
        """A name, else a year, of the sentence beside what is asked for, and one from elsewhere in its place.

        Other numbers are left: who pays 7 euros below the age of 12 pays them below 9 too.
        """
        for old in (*fact.names, *filter(_is_year, fact.numbers)):
            shape = self._shape(old, fact.text)
            if shape is None or (old.start < asked.end and asked.start < old.end):
                continue
            others = self._swaps[shape]
            first = int(self._key(fact.text + old.text)[:8], 16)
            for turn in range(min(_SWAPS_TRIED, len(others))):
                new = others[(first + turn) % len(others)]
                if not _stands_in(new, words, text):
                    return old, new
        return None

    def _all_swaps(self, facts: Iterable[_Fact]) -> dict[_Shape, list[str]]:
        """Shape to all names or years of the upload that have it, sorted."""
        found: dict[_Shape, set[str]] = defaultdict(set)
        for fact in facts:
            for blank in (*fact.names, *filter(_is_year, fact.numbers)):
                shape = self._shape(blank, fact.text)
                if shape:
                    found[shape].add(blank.text)
        return defaultdict(list, {shape: sorted(texts) for shape, texts in found.items()})

    def _shape(self, blank: Blank, sentence: str) -> _Shape | None:
        """What can stand for one another: years, acronyms of like length, constants, names of one kind and length.

        None for what nothing can stand for: a month, a word of code, or a name of which nobody knows whose it is.
        """
        if blank.kind == "number":
            return "year", 0
        if blank.text.isupper():
            if "_" in blank.text:
                return "constant", 0
            is_code = sentence.count("`", 0, blank.start) % 2
            return None if is_code else ("acronym", len(blank.text) > _SHORT_ACRONYM)
        kind = self._kinds.get(blank.text)
        return (kind, blank.text.count(" ")) if kind else None

    def _key(self, text: str) -> str:
        return digest([self._seed, text])


def write_cloze(
    passage: Passage, wanted: Mapping[QuestionType, int], *, seed: int, others: Sequence[Passage]
) -> tuple[Draft, ...]:
    """The drafts of one passage; for those of many a ``ClozeWriter`` reads the upload once.

    Args:
        passage: what is asked about.
        wanted: type to how many.
        seed: see ``ClozeWriter``.
        others: the other windows of the upload.
    """
    known = {each.window.number: each for each in (*others, passage)}
    return ClozeWriter(known.values(), seed=seed).write(passage, wanted)


def _facts(chunk: Chunk, known: set[str]) -> Iterator[_Fact]:
    """The sentences of a chunk that can be asked about and were not met before; ``known`` grows by them."""
    for sentence in _sentences(chunk.text):
        words = words_of(sentence)
        plain = " ".join(words)
        if plain not in known and is_askable(sentence):
            known.add(plain)
            yield _Fact(text=sentence, words=len(words), numbers=numbers_in(sentence), names=names_in(sentence))


def _sentences(text: str) -> Sequence[str]:
    """The sentences of a chunk; one that is a single line without a closing mark is taken for one."""
    found = tuple(sentence.text for sentence in sentences_of(text))
    return found or (() if "\n" in text.strip() else (text.strip(),))


def _query(sentence: str) -> str:
    """The sentence as a question, without marks of Markdown; quotation marks in it become single ones."""
    return f'Fill in the blank: "{_MARKUP.sub("", sentence).replace(chr(34), chr(39))}"'


def _changed(sentence: str, asked: Blank, old: Blank, new: str) -> str:
    parts = sorted(((asked.start, asked.end, _SIGN), (old.start, old.end, new)), reverse=True)
    for start, end, text in parts:
        sentence = f"{sentence[:start]}{text}{sentence[end:]}"
    return on_one_line(sentence)


def _difficulty(fact: _Fact, blank: Blank, words: Mapping[str, int]) -> Difficulty:
    """Harder where the passage says the answer only once, and where the sentence is long."""
    is_once = all(words.get(word, 0) <= 1 for word in words_of(blank.text))
    levels: tuple[Difficulty, ...] = ("easy", "medium", "hard")
    return levels[is_once + (fact.words > _LONG_WORDS)]


def _is_year(blank: Blank) -> bool:
    return blank.kind == "number" and blank.text.isdigit() and int(blank.text) in _YEARS


def _stands_in(text: str, words: Mapping[str, int], passage: str) -> bool:
    """Whether the passage knows the name or number, or a word of it."""
    return any(word in words for word in words_of(text) if len(word) > 2) or text.casefold() in passage.casefold()
