"""One configuration file: its values with their lines, its defaults list, and the package that its head names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from evaltrail.config.composition.lines import line_tree
from evaltrail.config.composition.node import Node, planted
from evaltrail.config.composition.problems import Problems
from evaltrail.config.yaml_document import YamlDocument, YamlLimitError, first_document
from evaltrail.core.errors import InputError

_MOST_BYTES = 4_000_000
_PACKAGE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*?[ \t]*#[ \t]*@package[ \t]+(?P<package>[\w.]*)[ \t]*(?:\n|\Z)")
"""The line ``# @package a.b`` among the comments that a file begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """What one file says."""

    path: Path
    root: Node
    """A mapping, without the defaults list."""
    defaults: Node | None
    """The defaults list; None where the file has none."""
    package: str | None
    """Where its head says that its values belong; None where it says nothing."""


def read_config_file(path: Path) -> ConfigFile:
    """A configuration file.

    Raises:
        InputError: it cannot be read, is larger than 4 MB, is no YAML in UTF-8, or no mapping.
        PartialError: it says several keys twice.
    """
    text = _text(path)
    document = _document(path, text)
    lines, repeated = line_tree(text)
    problems = Problems()
    for one in repeated:
        problems.add(
            f"the key {one.key!r:.80} stands here again; it is on line {one.first} too",
            code="duplicate_key",
            where=f"{path}:{one.again}",
            hint="keep one",
        )
    problems.tell()
    value = {} if document.value is None else document.value
    root = planted(value, lines, str(path))
    if root.mapping is None:
        raise _bad(f"{path}:{lines.line}", "is no mapping of keys to values", "a run configuration begins with keys")
    inner = dict(root.mapping)
    defaults = inner.pop("defaults", None)
    head = _PACKAGE.match(text)
    package = head["package"] if head else None
    return ConfigFile(path=path, root=Node(inner, root.where), defaults=defaults, package=package)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise _bad(str(path), "is no file", "name a YAML file, or give --config-dir and --config-name")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _bad(str(path), f"cannot be read: {reason}", "check the path and its permissions") from error
    if len(data) > _MOST_BYTES:
        raise _bad(str(path), f"is larger than {_MOST_BYTES // 1_000_000} MB", "a run configuration is a short text")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _bad(f"{path}:{line}", "is no text in UTF-8", "save it as UTF-8") from error


def _document(path: Path, text: str) -> YamlDocument:
    try:
        document = first_document(text)
    except YamlLimitError as error:
        raise _bad(str(path), f"cannot be used: {error}", "write it out plainly") from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        what = f"is no YAML: {error.problem or error.context}"
        raise _bad(f"{path}{line}", what, "check indentation and quotes") from error
    except (yaml.YAMLError, ValueError) as error:
        what = " ".join(str(error).split())
        raise _bad(str(path), f"is no YAML: {what:.200}", "check indentation and quotes") from error
    if document.has_more:
        raise _bad(str(path), "holds more than one document", "keep what stands before the second `---`")
    return document


def _bad(where: str, what: str, hint: str) -> InputError:
    return InputError(what, code="bad_config", where=where, hint=hint)
