"""What the types of options are called to people, where a value is of the wrong one."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAMES: Mapping[str, str] = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a text",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`(?: - at `\$?(?P<place>[^`]*)`)?")


def wanted_words(message: str) -> str:
    """A converter's complaint in words: ``a number is wanted, not a text``.

    Args:
        message: of msgspec, such as ``Expected `float`, got `str` - at `$[0]```.
    """
    found = _EXPECTED.fullmatch(message)
    if found is None:
        return message[:1].lower() + message[1:]
    place = f" at {found['place']}" if found["place"] else ""
    return f"{_named(found['wanted'])} is wanted, not {_named(found['got'])}{place}"


def _named(types: str) -> str:
    names = [_NAMES.get(each, each) for each in types.split(" | ") if each != "null" or types == "null"]
    return " or ".join(names)
