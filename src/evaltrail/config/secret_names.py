"""Names that say that their value is a secret, and values that only refer to one."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

HIDDEN = "***"
"""What stands where a secret stood."""

NAME_ENDINGS = (
    r"(?:(?:api|access|private|secret)[ _-]?keys?(?:[ _-]?id)?|secrets?|passwords?|passwd|passphrases?"
    r"|credentials?|authorization|(?:set-)?cookie|token)(?:[_-]\d{1,2})?"
)
"""How the name of a secret ends; without regard to case."""

_KEY_FILES = (
    ".secrets.env",
    "*.env",
    ".env.*",
    "*.pem",
    "*.key",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
)
_SECRET_NAME = re.compile(rf"(?ia){NAME_ENDINGS}\Z")
_TOKENS_OF_TEXT = re.compile(
    r"""(?xia) (?:^|[_.\s-])
    (?:eos|bos|eot|eod|pad|unk|sep|cls|mask|stop|start|end|begin|think|thinking|reasoning|image|audio|video|text|first
    |last|next|prev|previous|per|special|fim|prefix|suffix|middle|input|output|prompt|completion|generated|total|max|min
    |num|n|each|new|bad|forced|blank|empty|word|k|m|million)
    [ _-]?token\Z | [a-z](?:Eos|Bos|Pad|Unk|Sep|Cls|Mask|Stop|Start|End)Token\Z"""
)
_TOKEN = re.compile(r"(?ia)token(?:[_-]\d+)?\Z")
_REFERENCE = re.compile(
    r"""(?xa) (?: (?:host|runtime|env):[A-Za-z_]\w* | os\.environ[/.\[]\S*
    | \$(?:\{[^{}]*\} | \{\{[^{}]*\}\} | [A-Za-z_]\w* | \([^()]*\)) | \{\{[^{}]*\}\} | \{\w*\} | <[^<>]*> | %\w+%
    | \*+ | \*[A-Za-z]\w* | \?\?\? | -?\d{1,3} | -?\d*\.\d+(?:[eE][-+]?\d+)?
    | (?i:none|null|nil|true|false|empty|dummy|n/?a|unset|undefined) )\Z"""
)
_NUMBER = re.compile(r"(?a)-?[\d._,]+%?\Z")
_VARIABLE = re.compile(r"(?a)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
_SPECIAL_TOKEN = re.compile(r"(?:<.*>|\[[A-Z_]+\])\Z")
_RANDOM = re.compile(r"(?a)[^\W_]*\d|[a-z][A-Z]|[A-Z]{2}[a-z]|=\Z")
_LEAST_RANDOM = 8
_LONG = 20


def is_secret_name(name: str) -> bool:
    """Whether what bears this name is a secret: ``OPENAI_API_KEY``, but not ``api_key_name`` or ``eos_token``."""
    return bool(_SECRET_NAME.search(name)) and not _TOKENS_OF_TEXT.search(name)


def is_token_name(name: str) -> bool:
    """Whether the name says token, which is also what models read and write."""
    return bool(_TOKEN.search(name))


def is_reference(value: str, name: str) -> bool:
    """Whether what stands under a secret's name is no secret: a variable's name, a placeholder, a small number.

    Args:
        value: without quotes.
        name: what it stands under.
    """
    bare = value.strip()
    if not bare or bare == name or _REFERENCE.match(bare):
        return True
    if is_token_name(name) and (_NUMBER.match(bare) or _SPECIAL_TOKEN.match(bare)):
        return True
    return bool(_VARIABLE.match(bare)) and is_secret_name(bare)


def is_random(value: str) -> bool:
    """Whether a text looks like a key rather than like a word."""
    return len(value) >= _LEAST_RANDOM and not re.search(r"\s", value) and bool(_RANDOM.search(value))


def may_be_token(value: str) -> bool:
    """Whether what a log calls a token may be one that opens doors, and not a piece of text."""
    return is_random(value) or (len(value) >= _LONG and not re.search(r"\s", value))


def may_hold_keys(file_name: str) -> bool:
    """Whether a file is of a kind that holds keys, and so never leaves the machine, whatever is asked for."""
    return any(fnmatchcase(file_name.lower(), pattern) for pattern in _KEY_FILES)
