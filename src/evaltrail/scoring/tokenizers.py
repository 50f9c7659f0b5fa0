"""Tokenizers that lie on this machine: a Hugging Face ``tokenizer.json``, or an encoding of tiktoken."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest_bytes

_TIKTOKEN = "tiktoken:"
_TIKTOKEN_FILES = Path(__file__).with_name("tiktoken_files.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """What counts tokens, and which one it is."""

    identity: str
    """``tiktoken:NAME``, or the file's name and the digest of its content."""
    count: Callable[[str], int]


def open_tokenizer(place: str, folder: Path) -> Tokenizer:
    """The tokenizer of a path or of ``tiktoken:NAME``, without a download.

    Raises:
        InputError: the package or the tokenizer is not here, or the file is none.
    """
    if place.startswith(_TIKTOKEN):
        return _tiktoken(place.removeprefix(_TIKTOKEN))
    return _hugging_face(folder / place)


def _hugging_face(file: Path) -> Tokenizer:
    _require("tokenizers", str(file))
    from tokenizers import Tokenizer as FastTokenizer  # noqa: PLC0415  optional, and 40 ms

    try:
        content = file.read_bytes()
        tokenizer = FastTokenizer.from_buffer(content)
    except OSError as error:
        raise _missing(f"the tokenizer cannot be read: {error.strerror}", str(file)) from error
    except ValueError as error:
        raise InputError(
            f"the file is no tokenizer.json: {error}", code="bad_tokenizer", where=str(file), hint="give another file"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    identity = f"{file.name}:{digest_bytes(content)[:8]}"
    return Tokenizer(identity=identity, count=lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))


def _tiktoken(name: str) -> Tokenizer:
    place = f"{_TIKTOKEN}{name}"
    _require("tiktoken", place)
    import tiktoken  # noqa: PLC0415  optional, and 50 ms

    if name not in tiktoken.list_encoding_names():
        known = ", ".join(tiktoken.list_encoding_names())
        raise InputError(
            f"tiktoken has no encoding {name!r}", code="bad_tokenizer", where=place, hint=f"known: {known}"
        )
    _check_tiktoken_file(name, place)
    encoding = tiktoken.get_encoding(name)
    return Tokenizer(identity=place, count=lambda text: len(encoding.encode_ordinary(text)))


def _check_tiktoken_file(name: str, place: str) -> None:
    """Refuse an encoding whose whole file is not here: tiktoken itself would fetch it."""
    for url, sha256 in _tiktoken_files().get(name, {}).items():
        file = _tiktoken_folder() / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
        try:
            content = file.read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _missing(
                "the encoding's file is not on this machine, and nothing is downloaded",
                place,
                hint=f"fetch {url} as {file}, or point TIKTOKEN_CACHE_DIR to where tiktoken keeps it",
            )


def _tiktoken_files() -> Mapping[str, Mapping[str, str]]:
    files: Mapping[str, Mapping[str, str]] = json.loads(_TIKTOKEN_FILES.read_text(encoding="utf-8"))
    return files


def _tiktoken_folder() -> Path:
    """Where tiktoken looks first."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            return Path(os.environ[variable])
    return Path(tempfile.gettempdir()) / "data-gym-cache"


def _require(package: str, where: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"the tokenizer needs the package {package!r}",
            code="missing_extra",
            where=where,
            hint=f"pip install {package}, or leave the option out to count by the own rule",
        )


def _missing(message: str, where: str, hint: str = "check the path") -> InputError:
    return InputError(message, code="missing_tokenizer", where=where, hint=hint)
