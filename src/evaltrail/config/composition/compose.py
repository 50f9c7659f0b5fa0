"""A run configuration as one value: files, defaults lists, ``-o`` and interpolations put together.

Source: what Hydra 1.3 and OmegaConf 2.3 do with the files of the NeMo Evaluator Launcher 0.2.6, without either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaltrail.config.composition import node as tree
from evaltrail.config.composition.changes import changed
from evaltrail.config.composition.config_file import ConfigFile, read_config_file
from evaltrail.config.composition.interpolation import named_keys
from evaltrail.config.composition.keys import read_keys
from evaltrail.config.composition.layers import layers_of
from evaltrail.config.composition.node import Node, Step
from evaltrail.config.composition.overrides import Override, parted, read_override
from evaltrail.config.composition.problems import Problems
from evaltrail.config.composition.resolution import Resolution
from evaltrail.config.composition.search import Search
from evaltrail.core.errors import InputError, PartialError
from evaltrail.core.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A configuration put together and interpolated, and where each part of it came from."""

    value: Mapping[str, Json] = field(repr=False)
    """Everything; ``???`` is where a value must still be given."""
    root: Node = field(repr=False)
    """The same before interpolation, with places."""
    secrets: frozenset[str] = field(repr=False)
    """Values of variables that bear a secret's name, brought in by ``${oc.env:NAME}``."""
    folders: tuple[Path, ...]
    """Where files were looked for, in order."""
    files: tuple[Path, ...]
    """What was read, in order."""
    referred: frozenset[tree.Path] = frozenset()
    """Keys that an interpolation leads to, and what they stand in."""
    gaps: Mapping[tree.Path, tree.Path] = field(default_factory=dict)
    """A ``???`` that an interpolation brought, and the key that it stands at."""
    from_environ: frozenset[tree.Path] = frozenset()
    """Texts that a variable is a part of."""

    def where(self, path: Sequence[Step]) -> str:
        """``file:line`` of the deepest part of a path that is there; what ``-o`` gave is named as ``-o a.b=c``."""
        node = self.root
        for step in path:
            inner = node.child(step)
            if inner is None:
                break
            node = inner
        return node.where


def compose(folders: Sequence[Path], name: str, overrides: Sequence[str], environ: Mapping[str, str]) -> Composed:
    """The configuration of a name.

    Args:
        folders: looked through in this order, before the options shipped with us.
        name: of the file to begin with; ``.yaml`` at its end may stand or not.
        overrides: of the command line, in their order.
        environ: variables that ``${oc.env:NAME}`` reads.

    Raises:
        InputError: a file is missing or cannot be read, or one thing in it, or in an override, is wrong.
        PartialError: several things are.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError("there is no such folder", code="bad_config", where=str(folder), hint="check --config-dir")
    search = Search(folders)
    primary = search.find(name, "--config-name")
    if primary is None:
        raise search.not_found("", name, "--config-name")
    bare = name.removesuffix(".yaml").removesuffix(".yml")
    return _composed(search, bare, primary, overrides=overrides, environ=environ, folders=tuple(folders))


def compose_file(
    file: Path, overrides: Sequence[str], environ: Mapping[str, str], folders: Sequence[Path] = ()
) -> Composed:
    """The configuration of a file; groups are looked for beside it first.

    Args:
        file: to begin with.
        overrides: of the command line, in their order.
        environ: variables that ``${oc.env:NAME}`` reads.
        folders: looked through after the file's own.

    Raises:
        InputError: a file is missing or cannot be read, or one thing in it, or in an override, is wrong.
        PartialError: several things are.
    """
    primary = read_config_file(file)
    looked = (file.parent, *(folder for folder in folders if folder != file.parent))
    return _composed(Search(looked), file.stem, primary, overrides=overrides, environ=environ, folders=looked)


def _composed(
    search: Search,
    name: str,
    primary: ConfigFile,
    *,
    overrides: Sequence[str],
    environ: Mapping[str, str],
    folders: tuple[Path, ...],
) -> Composed:
    choices, changes = parted(_read(overrides), search)
    root = Node({}, primary.root.where)
    layers = layers_of(search, name, primary, choices)
    for layer in layers:
        root = tree.merged(root, tree.wrapped(layer.file.root, layer.package))
    root = _changed(Node(root.value, primary.root.where), changes)
    resolution = Resolution(root, environ)
    value = resolution.value()
    named = {key for layer in layers for key in _named(layer.file.root)}  # -o may have replaced what refers to them
    return Composed(
        value=value,
        root=root,
        secrets=frozenset(resolution.secrets),
        folders=folders,
        files=tuple(dict.fromkeys((primary.path, *search.files))),
        referred=frozenset(path[:length] for path in resolution.referred | named for length in range(1, len(path) + 1)),
        gaps=resolution.gaps,
        from_environ=resolution.from_environ,
    )


def _named(root: Node) -> Iterator[tree.Path]:
    """Keys that the texts of a file refer to."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node.value, tuple):
            waiting.extend(node.value)
        elif node.mapping is not None:
            waiting.extend(node.mapping.values())
        elif isinstance(node.value, str) and "${" in node.value:
            yield from named_keys(node.value)


def _read(overrides: Sequence[str]) -> list[Override]:
    problems = Problems()
    found: list[Override] = []
    for text in overrides:
        try:
            found.append(read_override(text))
        except InputError as error:
            problems.take(error)
    problems.tell()
    return found


def _changed(root: Node, overrides: Sequence[Override]) -> Node:
    problems = Problems()
    keys = read_keys()
    for override in overrides:
        try:
            root = changed(root, override, keys)
        except (InputError, PartialError) as error:
            problems.take(error)
    problems.tell()
    return root
