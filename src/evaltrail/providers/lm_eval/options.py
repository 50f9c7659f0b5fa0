"""What a user may say about a harness task with ``--param``, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.values import Scalar

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The harness's own settings."""

    include_path: str = ""
    """A folder with task files (YAML) of the user's; absolute. Empty = the harness's own tasks."""
    num_fewshot: int | None = None
    """Examples before each question; None = as the task says."""
    apply_chat_template: bool = False
    """Whether prompts become chat turns, for endpoints that chat."""
    fewshot_as_multiturn: bool | None = None
    """Whether each example is a turn of its own; None = as the harness has it."""
    system_instruction: str = ""
    prefix_text: str = ""
    """What stands before a text whose likelihood is asked without a context, such as ``<|endoftext|>``."""
    allow_downloads: bool = False
    """Whether data may be fetched from the hub."""
    allow_unsafe_code: bool = False
    """Whether tasks that run what the model writes may do so."""


def read_options(params: Mapping[str, Scalar]) -> Options:
    """The options among a user's parameters; parameters by other names are notes of the user's, and let pass.

    Raises:
        InputError: a value has the wrong type, a name is nearly one of these, or two of them contradict each other.
    """
    known = {field.name: field for field in fields(Options)}
    found: dict[str, object] = {}
    for name, value in params.items():
        if name in known:
            kind = str(known[name].type)
            found[name] = _READERS[kind.removesuffix(" | None")](name, value)
        elif close := get_close_matches(name, known, n=1, cutoff=0.85):
            raise _wrong(name, "is not known", f"did you mean {close[0]!r}?")
    options = Options(**found)  # type: ignore[arg-type]  # each read by its field's type
    if options.fewshot_as_multiturn and not options.apply_chat_template:
        raise _wrong("fewshot_as_multiturn", "makes chat turns", "add --param apply_chat_template=true")
    return options


def _flag(name: str, value: Scalar) -> bool:
    found = _WORDS.get(str(value).strip().lower())
    if found is None:
        raise _wrong(name, f"is {value!r}", "write true or false")
    return found


def _count(name: str, value: Scalar) -> int:
    text = str(value).strip()
    if not text.isdecimal() or not text.isascii():
        raise _wrong(name, f"is {value!r}", "write a whole number from 0 on")
    return int(text)


def _text(name: str, value: Scalar) -> str:
    if not isinstance(value, str):
        raise _wrong(name, f"is {value!r}", "write a text")
    if name != "include_path":
        return value
    folder = Path(value).expanduser().absolute()
    if not folder.is_dir():
        raise _wrong(name, f"names no folder: {value}", "name the folder that holds the task files (YAML)")
    return str(folder)


_READERS = {"bool": _flag, "int": _count, "str": _text}


def _wrong(name: str, what: str, hint: str) -> InputError:
    return InputError(f"--param {name} {what}", code="bad_param", hint=hint)
