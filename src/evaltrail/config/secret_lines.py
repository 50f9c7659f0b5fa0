"""The lines of a text without the secrets in them: settings, commands, logs, in whatever form.

Hidden are given values, what is assigned to a secret's name (JSON, YAML, env files, headers, queries, options of a
command), logins in URLs, private keys, and what looks like a well-known kind of key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote

from evaltrail.config.secret_names import (
    HIDDEN,
    SECRET_WORDS,
    is_random,
    is_reference,
    is_secret_name,
    is_token_name,
    may_be_token,
)

_LEAST_CHARACTERS = 4
_LEAST_LINE = 8
_MOST_NAME = 100
_MOST_KEY_LINES = 400

_STEMS = (
    *("key", "secret", "token", "passw", "passp", "credential", "authoriz", "cookie", "bearer", "basic", "lit:"),
    *("://", "sig", "sk-", "sk_", "nvapi-", "hf_", "gh", "glpat-", "xox", "gsk_", "r8_", "akia", "asia", "aiza"),
    *("ya29.", "eyj", "dapi"),
)
"""Without one of these in it, in small letters, a line is left as it is; only given secrets are looked for."""

_NAME_BEFORE = re.compile(r"(?a)[\w.\-]*\Z")
_ASSIGNED = re.compile(
    rf"""(?xia) (?P<word>{SECRET_WORDS.replace(" ", "[ ]")}) (?P<close>\\*["'`])?
    (?P<sign> [ \t]*(?:=>|:=|[:=])[ \t]* (?:[&!][\w!/.:<>-]+[ \t]+)? )"""
)
_OPTION = re.compile(
    rf"""(?xia) (?<![\w-])(?P<name>--?[\w-]{{0,100}}?{SECRET_WORDS.replace(" ", "[_-]")}) (?P<close>["'])?
    (?P<sign> [ \t]*,[ \t]* | [ \t]+ ) (?=\\*["']?[^\s"'-])"""
)
_SCHEME = re.compile(r"(?ia)(?:bearer|basic|token|apikey|digest|negotiate)[ \t]+(?=\S)")
_QUOTED = re.compile(
    r"""(?x) (?P<plain>["'`]) (?P<inner> (?: (?!(?P=plain))[^\\\n] | \\. | '' )* ) (?P<end>(?P=plain))?
    | (?P<escaped>\\+["']) (?P<within>.*?) (?P<last>(?P=escaped)|\Z)"""
)
_PLAIN = re.compile(rf"""(?xia) (?!{SECRET_WORDS.replace(" ", "[ ]")}["']?[ \t]*[:=]) [^\s"'`,;&}}\]\[{{(|>][^\s"'`,;&}}\]]*""")
_WHOLE_LINE = re.compile(
    rf"""(?xia) ^(?P<start> [ \t]*(?:-[ \t]+)*(?:export[ \t]+)? (?P<name>[\w.\-]{{0,100}}?{SECRET_WORDS.replace(" ", "[_-]")})
    [ \t]*[:=][ \t]* ) (?P<value>[^\s"'`\[{{|>&!*#][^"'`]*?) (?P<rest>[ \t]+\#.*|[ \t]*)\Z"""
)
_PHRASE = re.compile(r"(?ia)pass(?:word|phrase|wd)s?\Z")
_LOGIN = re.compile(r"""(?<=://)[^\s/@:"']*:(?P<password>[^\s/@"']+)(?=@)""")
_QUERY = re.compile(r"""(?ia)(?<=[?&])(?P<name>[\w-]{0,30}signature|sig|key)=(?P<value>[^\s&#"'<>]+)""")
_BEARER = re.compile(r"(?ia)\b(?P<scheme>bearer|basic)(?P<gap>[ \t]+)(?P<value>[\w.~+/=-]{8,})")
_LITERAL = re.compile(r"""(?a)(?P<quote>["'])?(?<!\w)lit:(?=[^\s"'])""")
_LITERAL_LINE = re.compile(r"""(?a)^[ \t]*(?:-[ \t]+)*["']?[\w.\-]+["']?[ \t]*:[ \t]+lit:(?P<value>\S.*)\Z""")
_LITERAL_END = re.compile(r"""[\s"',}\]]|\Z""")
_SHAPES = re.compile(
    r"""(?xa) \b(?: sk-(?=[\w-]*\d)[\w-]{8,} | sk-[\w-]{24,} | sk_(?:live|test)_\w{8,} | nvapi-[\w-]{8,}
    | hf_(?=[a-zA-Z]*[A-Z\d])[A-Za-z0-9]{8,} | hf_[a-z]{16,} | gh[pousr]_[A-Za-z0-9]{8,} | github_pat_\w{8,}
    | glpat-[\w-]{8,} | xox[abprs]-[\w-]{8,} | gsk_\w{16,} | r8_\w{16,} | A(?:KI|SI)A[0-9A-Z]{12,} | AIza[\w-]{20,}
    | ya29\.[\w-]{16,} | dapi[0-9a-f]{16,} | eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)? )"""
)
_KEY_BEGINS = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"""(?a)[\s"'>|#+\\nr,]*(?:[A-Za-z0-9+/=]{1,76}|[A-Za-z-]+:.*)?[\s"'\\nr,+]*\Z|.*[A-Za-z0-9+/=]{30}""")
_NAME_AT_START = rf"""(?P<indent>[ \t]*(?:-[ \t]+)*)["']?(?P<name>[\w.\-]{{0,100}}?{SECRET_WORDS})["']?[ \t]*"""
_BLOCK = re.compile(rf"(?ia)^{_NAME_AT_START}:[ \t]*(?:[!&]\S+[ \t]+)*[|>][-+\d]{{0,2}}[ \t]*(?:#.*)?\Z")
_OPEN = re.compile(rf"(?ia)^{_NAME_AT_START}[:=][ \t]*(?P<list>\[)?[ \t]*\Z")
_OPEN_OPTION = re.compile(rf"""(?ia)^[ \t]*(?:-[ \t]+)?["']?(?P<name>--?[\w-]{{0,100}}?{SECRET_WORDS})["']?,?[ \t]*\\?\Z""")
_ALONE = re.compile(
    r"""(?x)^(?P<lead>[ \t]*(?P<item>-[ \t]+)?) (?P<quote>["']?) (?P<value>[^\s"'\[\]{}#-][^"']*?) (?P=quote) (?P<tail>,?[ \t]*\\?)\Z"""
)
