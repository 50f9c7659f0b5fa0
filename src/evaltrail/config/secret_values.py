"""Values as texts write them: plain, in quotes, in quotes within quotes, in lists, behind the scheme of a header."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import quote

from evaltrail.config.secret_names import NAME_ENDINGS

_LEAST_CHARACTERS = 4
_LEAST_LINE = 8
_SCHEME = re.compile(r"(?ia)(?:bearer|basic|token|apikey|digest|negotiate)[ \t]+(?=\S)")
_QUOTED = re.compile(
    r"""(?x) (?P<open>["'`]) (?P<inner> (?: (?!(?P=open))[^\\] | \\. | '' )*+ ) (?P<close>(?P=open))?
    | (?P<escaped>\\+["']) (?P<within>.*?) (?P<end>(?P=escaped)|\Z)"""
)
_LIST = re.compile(r"\[[^\[\]]*+\]?")
_ITEM = re.compile(r"""(?P<quote>["'])(?P<quoted>[^"']*+)(?P=quote)|(?P<plain>[^\s"',\[\]]++)""")
_PLAIN = re.compile(
    rf"""(?xia) (?!{NAME_ENDINGS}["']?[ \t]*[:=])
    (?: \$\{{[^{{}}\s]*+\}} | \$\([^()]*+\) | \{{\{{[^{{}}]*+\}}\}} | <[^<>"']*+> | [^\s"'`,;&}}\]\[{{(|>] )
    [^\s"'`,;&}}\]]*+"""
)


def forms_of(secret: str) -> set[str]:
    """A secret as texts write it: as it is, within JSON, within a URL, within YAML, and line by line."""
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe="", errors="surrogatepass"),
        secret.replace("'", "''"),
    }
    lines = {line.strip() for line in secret.splitlines()} if "\n" in secret else set()
    return {form for form in forms if len(form) >= _LEAST_CHARACTERS and "\n" not in form} | {
        line for line in lines if len(line) >= _LEAST_LINE
    }


def scheme_of(value: str) -> str:
    """How the value of a header begins: ``Bearer`` and a space; empty where it does not."""
    found = _SCHEME.match(value)
    return found.group() if found else ""


def value_at(body: str, start: int) -> str:
    """The value that begins at a place, with its quotes; empty where there is none."""
    found = _QUOTED.match(body, start) or _LIST.match(body, start)
    if found:
        return found.group()
    scheme = _SCHEME.match(body, start)
    plain = _PLAIN.match(body, scheme.end() if scheme else start)
    return body[start : plain.end()] if plain else ""


def rewritten(value: str, rewrite: Callable[[str], str]) -> str:
    """A value as ``value_at`` gives it, with each plain value in it put through a function, and its quotes kept."""
    if value.startswith("["):
        return _ITEM.sub(lambda item: _rewritten_item(item, rewrite), value)
    quoted = _QUOTED.match(value)
    if quoted is None:
        return rewrite(value)
    if quoted["open"]:
        return quoted["open"] + rewrite(quoted["inner"]) + (quoted["close"] or "")
    return quoted["escaped"] + rewrite(quoted["within"]) + quoted["end"]


def _rewritten_item(item: re.Match[str], rewrite: Callable[[str], str]) -> str:
    if item["quote"]:
        return item["quote"] + rewrite(item["quoted"]) + item["quote"]
    return rewrite(item["plain"])
