"""The lines of a text without the secrets in them: settings, commands, logs, in whatever form.

Hidden are given values, what is assigned to a secret's name (JSON, YAML, env files, headers, queries, options of a
command), logins in URLs, private keys, and what looks like a well-known kind of key. Every pattern here takes time in
proportion to the line: no part of one can match the same characters in two ways.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from functools import partial
from typing import Literal

from evaltrail.config.secret_names import (
    HIDDEN,
    NAME_ENDINGS,
    is_random,
    is_reference,
    is_secret_name,
    may_be_token,
)
from evaltrail.config.secret_values import forms_of, rewritten, scheme_of, value_at

_QUOTED_HIDDEN = f"'{HIDDEN}'"
"""To YAML, stars without quotes are an alias."""

State = Literal["", "key", "block", "open", "list", "option"]
"""What goes on from one line to the next."""

_MOST_NAME = 100
_MOST_KEY_LINES = 400
_MOST_ROUNDS = 5

_NAME_STEMS = ("key", "secret", "token", "passw", "passphrase", "credential", "authorization", "cookie")
"""What is in the name of every secret, in small letters."""
_SHAPE_STEMS = (
    *("sk-", "sk_", "nvapi-", "hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "gsk_"),
    *("r8_", "akia", "asia", "aiza", "ya29.", "eyj", "dapi", "etk_"),
)
_STEMS = (*_NAME_STEMS, *_SHAPE_STEMS, "bearer", "basic", "lit:", "://", "sig=", "signature=")
"""Without one of these in it, in small letters, a line is left as it is; only given secrets are looked for."""

_SMALL_LETTERS = {ord(letter): letter.lower() for letter in string.ascii_uppercase}
_NAME_BACKWARDS = re.compile(r"(?ia)[\w.\-]*+(?:[ ](?:ipa|ssecca|etavirp|terces)(?!\w))?+")
_ENDING = re.compile(
    r"""(?xia) (?:keys?(?:[ _-]?id)? | secrets? | passwords? | passwd | passphrases? | credentials? | authorization
    | cookie | token) (?:[_-]\d{1,2})?"""
)
_SIGN = re.compile(r"""(?xa) (?:\\*+["'`])?+ [ \t]*+ (?:=>|:=|[:=]) [ \t]*+ (?:[&!][\w!/.:<>-]++[ \t]++)?+""")
_OPTION_SIGN = re.compile(r"""(?xa) ["']?+ (?:[ \t]*+,[ \t]*+ | [ \t]++) (?=\\*["']?[^\s"'\\-])""")
_WHOLE_LINE = re.compile(
    rf"""(?xia) (?P<start> [ \t]*+ (?:-[ \t]++)*+ (?:export[ \t]++)?+ (?P<name>[\w.\-]{{0,100}}?{NAME_ENDINGS})
    [ \t]*+ [:=] [ \t]*+ ) (?P<value>[^\s"'`\[{{|>&!*#]\S*+) (?P<rest>[ \t]*+(?:\#.*)?)\Z"""
)
_PASSPHRASE = re.compile(
    r"""(?xia) (?P<start> [ \t]*+ (?:-[ \t]++)*+ (?P<name>[\w.\-]{0,100}?(?:passphrase|password|passwd)s?)
    [ \t]*+ : [ \t]++ ) (?P<value>[^\s"'`\[{|>&!*#].*) (?P<rest>)\Z"""
)
_WHOLE_HIDDEN = re.compile(
    rf"""(?xia) (?P<start> [ \t]*+ (?:-[ \t]++)*+ (?P<name>[\w.\-]{{0,100}}?{NAME_ENDINGS}) [ \t]*+ : [ \t]++ )
    \*\*\* (?P<rest>[ \t]*+(?:\#.*)?)\Z"""
)
_SEVERAL = re.compile(r"(?a)[,;&][ \t]*[\w.\-]++[=:]")
_LOGIN = re.compile(r"""(?<=://)[^\s/@:"']*+:(?P<password>[^\s/@"']++)(?=@)""")
_QUERY = re.compile(r"""(?ia)(?<=[?&])(?P<name>[\w-]{0,30}signature|sig|key)=(?P<value>[^\s&#"'<>]++)""")
_BEARER = re.compile(r"(?ia)\b(?P<scheme>(?:bearer|basic)[ \t]++)(?P<value>[\w.~+/=-]{8,}+)")
_LITERAL = re.compile(r"""(?a)(?P<quote>["'])?(?<!\w)lit:(?=[^\s"'])""")
_LITERAL_LINE = re.compile(r"""(?a)[ \t]*+(?:-[ \t]++)*+["']?[\w.\-]++["']?[ \t]*+:[ \t]++(?=lit:)""")
_LITERAL_END = re.compile(r"""[\s"',}\]]|\Z""")
_SHAPES = re.compile(
    r"""(?xa) (?<![\w-]) (?: sk-(?=[\w-]*\d)[\w-]{8,} | sk-[\w-]{24,} | sk_(?:live|test)_\w{8,} | nvapi-[\w-]{8,}
    | hf_(?=[a-zA-Z]*[A-Z\d])[A-Za-z0-9]{8,} | hf_[a-z]{16,} | gh[pousr]_[A-Za-z0-9]{8,} | github_pat_\w{8,}
    | glpat-[\w-]{8,} | xox[abprs]-[\w-]{8,} | gsk_\w{16,} | r8_\w{16,} | A(?:KI|SI)A[0-9A-Z]{12,} | AIza[\w-]{20,}
    | ya29\.[\w-]{16,} | dapi[0-9a-f]{16,} | etk_[\w-]{16,} | eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)? )"""
)
_KEY_BEGINS = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{0,80}\Z|[A-Za-z-]+:|.*?[A-Za-z0-9+/=]{30}")
_NAME_AT_START = rf"""(?P<indent>[ \t]*+(?:-[ \t]++)*+)["']?(?P<name>[\w.\-]{{0,100}}?{NAME_ENDINGS})["']?[ \t]*+"""
_BLOCK = re.compile(rf"(?ia){_NAME_AT_START}:[ \t]*+(?:[!&]\S++[ \t]++)*+[|>][-+\d]{{0,2}}[ \t]*+(?:#.*)?\Z")
_OPEN = re.compile(rf"(?ia){_NAME_AT_START}[:=][ \t]*+(?P<list>\[[ \t]*+)?\Z")
_OPEN_OPTION = re.compile(
    rf"""(?xia) [ \t]*+ (?:-[ \t]++)?+ ["']? (?P<name>--?[\w-]{{0,100}}?{NAME_ENDINGS}) ["']?+ ,?+ [ \t]*+ \\?\Z
    | .*? (?<![\w-]) (?P<last>--?[\w-]{{0,100}}?{NAME_ENDINGS}) [ \t]++ \\\Z"""
)
_ALONE = re.compile(
    r"""(?x) (?P<lead>[ \t]*+(?P<item>-[ \t]++)?)
    (?: (?P<quote>["'])(?P<quoted>[^"']++)(?P=quote) | (?P<plain>[^\s"'\[\]{}\#,-][^\s"',]*+) )
    (?P<tail>,?[ \t]*+\\?)\Z"""
)


class SecretLines:
    """Takes the lines of one text, in their order, and gives them back without secrets.

    What spans lines (a private key, a block of YAML, a list, an option and its value) is remembered from one to the
    next. A line may come in pieces, each but the last without a line's end.

    Args:
        secrets: values to look for in any place.
        met: where to put what was assigned to a secret's name and hidden.
    """

    def __init__(self, secrets: Iterable[str] = (), met: set[str] | None = None) -> None:
        self._given = sorted({form for secret in secrets for form in forms_of(secret)}, key=len, reverse=True)
        self._state: State = ""
        self._resumed: State = ""
        """What goes on when a private key has ended."""
        self._name = ""
        self._column = 0
        self._lines = 0
        self._is_piece = False
        self._is_dropped = False
        self._met = met

    def is_clean(self, text: str) -> bool:
        """Whether a text surely holds no secret."""
        small = text.lower()
        return not (any(stem in small for stem in _STEMS) or any(form in text for form in self._given))

    def line(self, line: str) -> str:
        """The line without secrets, with its end; empty for a line that only goes on with one."""
        if line.startswith("\ufeff"):
            return "\ufeff" + self.line(line[1:])
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        is_piece, self._is_piece = self._is_piece, not end
        if is_piece and self._is_dropped:
            self._is_dropped = not end
            return end
        self._is_dropped = False
        found = self._continued(body, end, is_piece=is_piece) if self._state else None
        if found is not None:
            return found
        if self.is_clean(body):
            return line
        for _ in range(_MOST_ROUNDS):
            before, body = body, self._once(body)
            if before == body:
                break
        if not self._state and end and not is_piece:
            self._look_ahead(body)
        return body + end

    def _once(self, body: str) -> str:
        body = self._without_given(body)
        small = _small(body)
        if "-----begin" in small:
            body = self._without_keys(body)
        if "://" in small:
            body = _LOGIN.sub(_without_login, body)
        if "?" in small or "&" in small:
            body = _QUERY.sub(lambda found: f"{found['name']}={HIDDEN}", body)
        if "bearer" in small or "basic" in small:
            body = _BEARER.sub(_without_bearer, body)
        if "lit:" in small:
            body = self._without_literals(body)
        if any(stem in small for stem in _NAME_STEMS):
            body = self._without_values(self._without_whole(body))
        return _SHAPES.sub(HIDDEN, body) if any(stem in small for stem in _SHAPE_STEMS) else body

    def _without_given(self, body: str) -> str:
        before = body
        for form in self._given:
            body = body.replace(form, HIDDEN)
        whole = _WHOLE_HIDDEN.match(body) if before != body else None
        return f"{whole['start']}{_QUOTED_HIDDEN}{whole['rest']}" if whole else body

    def _without_whole(self, body: str) -> str:
        """The line without a value that goes on to its end, as in YAML and env files."""
        whole = _WHOLE_LINE.match(body) or _PASSPHRASE.match(body)
        if whole is None or not is_secret_name(whole["name"]) or _SEVERAL.search(whole["value"]):
            return body
        shown = self._hide(whole["value"], whole["name"])
        if shown == HIDDEN and ":" in whole["start"] and whole["start"].endswith((" ", "\t")):
            shown = _QUOTED_HIDDEN
        return f"{whole['start']}{shown}{whole['rest']}"

    def _without_keys(self, body: str) -> str:
        """The line without private keys; one that does not end here goes on in the next lines."""
        parts, start = [], 0
        while begins := _KEY_BEGINS.search(body, start):
            parts += [body[start : begins.start()], HIDDEN]
            ends = _KEY_ENDS.search(body, begins.end())
            if ends is None:
                self._resumed = "" if self._state == "key" else self._state
                self._state, self._lines = "key", 0
                return "".join(parts)
            start = ends.end()
        return "".join((*parts, body[start:]))

    def _without_literals(self, body: str) -> str:
        whole = _LITERAL_LINE.match(body)
        if whole:
            return f"{whole.group()}lit:{HIDDEN}"
        parts, start = [], 0
        while found := _LITERAL.search(body, start):
            if found["quote"]:
                end = body.find(found["quote"], found.end())
                value = body[found.end() : end if end >= 0 else len(body)].rstrip("\\")
            else:
                value = body[found.end() : _end_of_literal(body, found.end())]
            parts += [body[start : found.end()], HIDDEN]
            start = found.end() + len(value)
        return "".join((*parts, body[start:]))

    def _without_values(self, body: str) -> str:
        """The line without what follows secrets' names, by a sign or, after the options of a command, a space."""
        small = _small(body)
        is_text = "logprob" in small  # then a token is a piece of an answer
        parts, start = [], 0
        for place in _places(small):
            ending = _ENDING.match(body, place) if place >= start else None
            if ending is None:
                continue
            sign = _SIGN.match(body, ending.end()) or _OPTION_SIGN.match(body, ending.end())
            if sign is None:
                continue
            name = _name_before(body, place) + ending.group()
            is_option = sign.re is _OPTION_SIGN
            if not is_secret_name(name) or (is_option and name[0] != "-") or (is_text and name.lower() == "token"):
                continue
            value = value_at(body, sign.end())
            if value:
                parts += [body[start : sign.end()], rewritten(value, partial(self._hide, name=name))]
                start = sign.end() + len(value)
        return "".join((*parts, body[start:]))

    def hide(self, value: str, name: str) -> str:
        """What is to be seen of a value that stands under a secret's name: a reference, or how a header begins."""
        start = scheme_of(value)
        bare = value[len(start) :]
        if is_reference(bare, name):
            return value
        if self._met is not None:
            self._met.add(bare)
        return start + HIDDEN

    def _hide(self, value: str, name: str) -> str:
        """The same within a text, where a token may be a word."""
        return value if name.lower() == "token" and not may_be_token(value) else self.hide(value, name)

    def _look_ahead(self, body: str) -> None:
        """Remember what the line begins and the next lines go on with."""
        option = _OPEN_OPTION.match(body)
        if option:
            self._begin("option", option["name"] or option["last"], 0)
            return
        block, opened = _BLOCK.match(body), _OPEN.match(body)
        if block:
            self._begin("block", block["name"], len(block["indent"]))
        elif opened:
            self._begin("list" if opened["list"] else "open", opened["name"], len(opened["indent"]))

    def _begin(self, state: State, name: str, column: int) -> None:
        if is_secret_name(name):
            self._state, self._name, self._column, self._lines = state, name, column, 0

    def _continued(self, body: str, end: str, *, is_piece: bool) -> str | None:
        """What becomes of a line within something that began before; None where that has ended."""
        if self._state == "key":
            return self._in_key(body, end, is_piece=is_piece)
        if not body.strip():
            return body + end
        self._lines += 1
        if self._state != "block":
            return self._alone(body, end)
        indent = len(body) - len(body.lstrip(" \t"))
        if indent <= self._column:
            self._state = ""
            return None
        self._is_dropped = not end
        return body[:indent] + HIDDEN + end if self._lines == 1 else ""

    def _in_key(self, body: str, end: str, *, is_piece: bool) -> str | None:
        ends = _KEY_ENDS.search(body)
        if ends:
            self._state = self._resumed
            rest = body[ends.end() :]
            self._is_piece = is_piece
            return self.line(rest + end) if rest.strip() or is_piece else ""
        self._lines += 1
        bare = body.strip(" \t\"'>|#+\\,")
        if self._lines > _MOST_KEY_LINES or not _KEY_LINE.match(bare):
            self._state = self._resumed
            return self._continued(body, end, is_piece=is_piece) if self._state else None
        return end if is_piece else ""

    def _alone(self, body: str, end: str) -> str | None:
        """A line that is nothing but the value which the line before asks for."""
        if _KEY_BEGINS.search(body):
            self._state = "" if self._state == "option" else self._state
            return None
        found = _ALONE.match(body)
        indent = len(body) - len(body.lstrip(" \t"))
        is_below = (
            self._state != "open" or indent > self._column or (found and found["item"] and indent == self._column)
        )
        value = found["quoted"] or found["plain"] if found else ""
        if found is None or not is_below or value.endswith(":") or ": " in value or value.startswith("-"):
            self._state = ""
            return None
        if self._state == "option":
            self._state = ""
        if HIDDEN in value:
            return None
        self._is_dropped = not end
        mark, shown = found["quote"] or "", self._hide(value, self._name)
        if shown == HIDDEN and not mark:
            shown = _QUOTED_HIDDEN
        return f"{found['lead']}{mark}{shown}{mark}{found['tail']}{end}"


def _small(text: str) -> str:
    """The text in small letters, each in its place."""
    small = text.lower()
    return small if len(small) == len(text) else text.translate(_SMALL_LETTERS)


def _places(small: str) -> list[int]:
    """Where the name of a secret may end."""
    places = []
    for stem in _NAME_STEMS:
        place = small.find(stem)
        while place >= 0:
            places.append(place)
            place = small.find(stem, place + 1)
    return sorted(places)


def _without_login(found: re.Match[str]) -> str:
    password = found["password"]
    return found.group() if is_reference(password, "") and not password.isalnum() else HIDDEN


def _without_bearer(found: re.Match[str]) -> str:
    return found["scheme"] + HIDDEN if is_random(found["value"]) else found.group()


def _end_of_literal(body: str, start: int) -> int:
    end = _LITERAL_END.search(body, start)
    return end.start() if end else len(body)


def _name_before(body: str, end: int) -> str:
    """What stands before the end of a name and is part of it."""
    found = _NAME_BACKWARDS.match(body[max(0, end - _MOST_NAME) : end][::-1])
    return found.group()[::-1] if found else ""
