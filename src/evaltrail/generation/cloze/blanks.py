"""Blanks: the words of a sentence that can be asked for by leaving them out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from evaltrail.generation.sieve.self_contained import speaks_of_its_text
from evaltrail.generation.sieve.words import UNSPACED

BlankKind = Literal["number", "name", "term"]

_FILE = Path(__file__).with_name("words.yaml")
_FEWEST_WORDS, _MOST_WORDS = 6, 60
_MOST_CHARACTERS = 600
_LINK_LETTERS = 3
"""Of the words within a name, such as ``von``, that say nothing alone."""
_LETTERS_SHARE = 0.6
"""Of the characters beside blanks; below it a sentence is a line of a table, a formula or a reference."""
_CAPITALS_SHARE = 0.6
"""Of the words; from it on a sentence is a title, in which capitals tell no names."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_UNSPACED_SIGN = re.compile(f"[{UNSPACED}]")
_SIGNS_A_WORD = 2
_NUMBER = re.compile(
    rf"(?<![.,:/+^?\[-])(?<![^\W{UNSPACED}])(?<![\w.]\s[-\u2013/]\s)"
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    rf"(?![\]/^]|[^\W{UNSPACED}]|[.,:\u2013-]\d|-\w)"
)
# Latin capitals with the commonest marks, Greek and Cyrillic ones; other scripts have none.
_CAPITAL = "[A-Z\u00c0-\u00d6\u00d8-\u00de\u0106\u010c\u0141\u015a\u0160\u017d\u0391-\u03a9\u0410-\u042f]"
_CAPITALISED = rf"{_CAPITAL}[\w\u2019'-]*"
_LINK = r"\s(?:of|de|del|von|van|der|den|du|la|le)"
_NAME = re.compile(rf"(?<![\w'\u2019-]){_CAPITALISED}(?:(?:{_LINK})?\s{_CAPITALISED}){{0,3}}")
_TERM = re.compile(r"(?<![\w'\u2019/\[-])(?<!-\n)[^\W\d_]{6,30}(?![\w/'\u2019-])")
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_]-)\s*\n\s*(?=[^\W\d_])")
"""The end of a line that parts a word; whose hyphen it is, the word's or the line's, nobody knows."""
_FIRST_OF_SEVERAL = re.compile(rf"\S+?(?:{_LINK})?\s(?={_CAPITAL})")
_CUT_NAME = re.compile(r"(?<=-)\s*\n|\.\s*\w")
"""What stands behind no whole name, but behind the first part of a word, a title such as ``Mr``, or ASN of ASN.1."""
_ROMAN = re.compile(r"[IVXLCDM]+")
_POSSESSIVE = re.compile(r"['\u2019]s?$")
_QUOTES_OR_COLON = '"\u201c\u2018\u00ab:('
_NO_PROSE = re.compile(r"https?://|www\.|\S@\S|__|\{|\}|<[a-zA-Z/]|\||```|\]\(")
_ITEM_SIGN = re.compile(r"\(\d{1,2}\)")
_ITEMS_BETWEEN = frozenset({"and", "or", "to", "through"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """Words that can be left out of a sentence."""

    start: int
    """First character in the sentence."""
    end: int
    text: str
    kind: BlankKind


def is_askable(sentence: str) -> bool:
    """Whether a sentence says something by itself: long enough, no table line, nothing that points elsewhere."""
    words = _WORD.findall(sentence)
    count = len(words) + len(_UNSPACED_SIGN.findall(sentence)) // _SIGNS_A_WORD
    if not _FEWEST_WORDS <= count <= _MOST_WORDS or len(sentence) > _MOST_CHARACTERS or _NO_PROSE.search(sentence):
        return False
    if not _is_whole(sentence):
        return False
    letters = sum(map(str.isalpha, sentence))
    if letters < _LETTERS_SHARE * len("".join(sentence.split())) or sentence.endswith("?"):
        return False
    if sum(word[0].isupper() for word in words) >= _CAPITALS_SHARE * len(words):
        return False
    return not _points_elsewhere(words) and not speaks_of_its_text(sentence)


def numbers_in(sentence: str) -> tuple[Blank, ...]:
    """The numbers that state something, each standing there once; units and currency signs stay in the sentence."""
    return tuple(
        Blank(start=found.start(), end=found.end(), text=found[0], kind="number")
        for found in _NUMBER.finditer(sentence)
        if found.start() > 0
        and not _is_cited(sentence, found.start())
        and not _ITEM_SIGN.match(sentence, found.start() - 1)
        and _stands_once(found[0], sentence)
    )


def names_in(sentence: str) -> tuple[Blank, ...]:
    """Capitalised words that follow one another, and acronyms, not at the sentence's begin; the longest first."""
    return tuple(sorted(_names(sentence), key=lambda blank: (-blank.text.count(" "), -len(blank.text), blank.start)))


def terms_in(sentence: str, holders: Mapping[str, int]) -> tuple[Blank, ...]:
    """Words of small letters that are no common ones, the rarest first.

    Args:
        sentence: where they are looked for.
        holders: word in small letters to the number of chunks that hold it.
    """
    found = (
        Blank(start=match.start(), end=match.end(), text=match[0], kind="term")
        for match in _TERM.finditer(sentence)
        if match[0].islower() and match[0] not in _lists().common and _stands_once(match[0], sentence)
    )
    return tuple(sorted(found, key=lambda blank: (holders.get(blank.text, 0), -len(blank.text), blank.start)))


def with_blank(sentence: str, blank: Blank, sign: str) -> str:
    """The sentence on one line, a sign in the place of the blank's words."""
    return on_one_line(f"{sentence[: blank.start]}{sign}{sentence[blank.end :]}")


def on_one_line(sentence: str) -> str:
    """The sentence with blanks for line ends, none within a word that was parted."""
    return " ".join(_BROKEN_WORD.sub("", sentence).split())


def _is_whole(sentence: str) -> bool:
    """Whether it begins like a sentence and what it opens it closes; where a chunk was cut it often does not."""
    pairs = ((sentence.count(opened), sentence.count(closed)) for opened, closed in ("()", "[]", "\u201c\u201d"))
    return (
        not sentence.lstrip("\"'(*_`\u201c\u2018\u00ab")[:1].islower()
        and not sentence.startswith("[")
        and all(opened == closed for opened, closed in pairs)
        and not any(sentence.count(sign) % 2 for sign in ('"', "`", "**"))
    )


def _names(sentence: str) -> Iterator[Blank]:
    for found in _NAME.finditer(sentence):
        start = found.start()
        if sentence.startswith("[", start - 1) or _CUT_NAME.match(sentence, found.end()):
            continue
        if _begins_afresh(sentence, start):
            # The first word has its capital from the place where it stands; those behind it have their own.
            first = _FIRST_OF_SEVERAL.match(found[0])
            start += first.end() if first else len(found[0])
        text = _POSSESSIVE.sub("", sentence[start : found.end()]).rstrip("-'\u2019")
        if _is_name(text) and _stands_once(text, sentence) and not _is_told_in_part(text, sentence):
            yield Blank(start=start, end=start + len(text), text=text, kind="name")


def _is_name(text: str) -> bool:
    folded = text.casefold()
    lists = _lists()
    return (
        len(text) > 1
        and "\n" not in text
        and not _ROMAN.fullmatch(text)
        and folded not in lists.common
        and folded not in lists.cited
        and not lists.openings.match(f"{folded} ")
    )


def _begins_afresh(sentence: str, start: int) -> bool:
    """Whether the word has a capital because a sentence, quotation or explanation begins with it."""
    before = sentence[:start].rstrip()
    return not before.strip(_QUOTES_OR_COLON + " *_'") or before[-1] in _QUOTES_OR_COLON


def _is_cited(sentence: str, start: int) -> bool:
    """Whether a number is that of a thing, as in ``sections 15 and 16``."""
    before = (word.casefold() for word in reversed(_WORD.findall(sentence[:start])))
    nearest = next((word for word in before if not (word.isdigit() or word in _ITEMS_BETWEEN)), "")
    return nearest in _lists().cited


def _stands_once(text: str, sentence: str) -> bool:
    """Whether no second place of the sentence gives the answer away, whatever its case."""
    # No pattern is made for it: compiling one for each word took half of all the time.
    wanted, there = text.lower(), f" {sentence.lower()} "
    count, place = 0, there.find(wanted)
    while place >= 0:
        count += not (_is_of_word(there[place - 1]) or _is_of_word(there[place + len(wanted)]))
        place = there.find(wanted, place + 1)
    return count == 1


def _is_of_word(sign: str) -> bool:
    """Whether a letter or digit makes one word with what it stands beside."""
    return sign.isalnum() and not _UNSPACED_SIGN.match(sign)


def _is_told_in_part(name: str, sentence: str) -> bool:
    """Whether another place says a word of a longer name: who Ida Marten's niece, ____ Marten, is, is half told."""
    words = name.split()
    return len(words) > 1 and any(len(word) > _LINK_LETTERS and not _stands_once(word, sentence) for word in words)


def _points_elsewhere(words: Sequence[str]) -> bool:
    begin = " ".join(words[:8]).casefold() + " "
    lists = _lists()
    opening = lists.connectives.match(begin)
    return bool(lists.openings.match(begin, opening.end() if opening else 0))


@dataclass(frozen=True, slots=True)
class _Lists:
    openings: re.Pattern[str]
    connectives: re.Pattern[str]
    cited: frozenset[str]
    common: frozenset[str]


@cache
def _lists() -> _Lists:
    lists = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return _Lists(
        openings=re.compile(f"(?:{'|'.join(map(re.escape, lists['openings']))}) "),
        connectives=re.compile(f"(?:{'|'.join(map(re.escape, lists['connectives']))}) "),
        cited=frozenset(lists["cited"]),
        common=frozenset(lists["common"]),
    )
