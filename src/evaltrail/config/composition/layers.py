"""Which files make up a configuration, in which order, and below which keys: Hydra 1.3's defaults lists, expanded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaltrail.config.composition.config_file import ConfigFile
from evaltrail.config.composition.defaults import Choice, Default, read_defaults
from evaltrail.config.composition.search import Search
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest

_MOST_FILES = 300
_MOST_IN_ONE_ANOTHER = 30
_GLOBAL = "_global_"
_IMPLIED = ("execution", "local"), ("deployment", "none")
"""What a file without a defaults list begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One file and the keys that its values go below."""

    file: ConfigFile
    package: str
    """Keys with dots between them; empty = the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChoices:
    """What the command line says about groups; a key is ``group`` or ``group@package``."""

    chosen: Mapping[str, Choice]
    added: Sequence[Default]
    removed: Mapping[str, Choice]
    """Group to the option that it must have; no option = whichever."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A file within the expansion."""

    name: str
    group: str
    package: str
    above: tuple[str, ...]
    """Names of the files that led to it."""


def layers_of(search: Search, name: str, primary: ConfigFile, choices: GroupChoices) -> list[Layer]:
    """The files of a configuration in the order they are laid over one another, the first at the bottom.

    Args:
        search: finds what the defaults lists name.
        name: of the file to begin with, below its folder.
        primary: that file.
        choices: what the command line says about groups.

    Raises:
        InputError: a list cannot be read, a file is missing or leads back to itself, a choice does not fit.
        PartialError: a file says several keys twice.
    """
    expansion = _Expansion(search, choices)
    group = name.rpartition("/")[0]
    package = _package(None, primary.package, group, "")
    found = expansion.visit(_Spot(name, group, package, ()), primary)
    expansion.check_all_used()
    return found


class _Expansion:
    def __init__(self, search: Search, choices: GroupChoices) -> None:
        self._search = search
        self._choices = choices
        self._wanted = dict(choices.chosen)
        self._used: set[str] = set()
        self._met: dict[str, Choice] = {}
        self._visits = 0

    def visit(self, spot: _Spot, file: ConfigFile) -> list[Layer]:
        entries = read_defaults(file)
        if not spot.above:
            entries = self._first(entries, file)
        for entry in entries:
            if entry.is_override and entry.choice is not None:
                self._wanted.setdefault(self._key(entry, spot), entry.choice)
        if not entries:
            return [Layer(file=file, package=spot.package)]
        parts: list[list[Layer]] = []
        for entry in reversed(entries):  # a later entry may override the choice of one before it
            if entry.is_self:
                parts.append([Layer(file=file, package=spot.package)])
            elif not entry.is_override:
                parts.append(self._entry(entry, spot))
        return [layer for part in reversed(parts) for layer in part]

    def check_all_used(self) -> None:
        """Raise where something was chosen, or removed, for a group that no defaults list names."""
        for key, choice in {**self._wanted, **self._choices.removed}.items():
            if key in self._used:
                continue
            option = ",".join(choice.options)
            if key in self._met:
                hint = f"{key}={','.join(self._met[key].options)} is chosen; write -o ~{key}"
                raise InputError(f"{key}={option} is not chosen", code="unknown_group", where=choice.where, hint=hint)
            hint = nearest(key, self._met)
            if not hint and choice.is_external and key not in self._choices.removed:
                hint = f"to add it, write -o +{key}={option}"
            raise InputError(
                f"no defaults list names the group {key!r:.80}",
                code="unknown_group",
                where=choice.where,
                hint=hint or f"they name: {', '.join(self._met) or 'nothing'}",
            )

    def _first(self, entries: list[Default], file: ConfigFile) -> list[Default]:
        """The entries of the first file: with what is implied, and what the command line adds."""
        if file.defaults is None:
            where = file.root.where
            entries = [
                Default(
                    name=f"/{group}",
                    choice=Choice(options=(option,), where=where),
                    package=f"{_GLOBAL}.{group}",
                    where=where,
                )
                for group, option in _IMPLIED
            ]
            entries.append(Default(name="_self_", where=where))
        elif not entries and self._choices.added:
            entries = [Default(name="_self_", where=file.root.where)]
        return [*entries, *self._choices.added]

    def _entry(self, entry: Default, spot: _Spot) -> list[Layer]:
        if entry.choice is None:
            return self._file(entry, entry.name, spot, entry.where)
        key = self._key(entry, spot)
        removed = self._choices.removed.get(key)
        choice = entry.choice
        if key in self._wanted:
            choice = self._wanted[key]
            self._used.add(key)
        if removed is not None and removed.options in {(), choice.options}:
            self._used.add(key)
            return []
        self._meet(key, choice)
        if choice.is_missing:
            raise self._unchosen(key, entry, spot)
        found = []
        for option in choice.options:
            found += self._file(entry, f"{entry.name}/{option}", spot, choice.where, option)
        return found

    def _meet(self, key: str, choice: Choice) -> None:
        before = self._met.setdefault(key, choice)
        if before is not choice:
            raise InputError(
                f"the group {key!r:.80} is chosen twice; it is chosen at {choice.where} too",
                code="duplicate_group",
                where=before.where,
                hint=f"to replace a choice, write `override {key}: OPTION`, or -o {key}=OPTION",
            )

    def _file(self, entry: Default, name: str, spot: _Spot, where: str, option: str | None = None) -> list[Layer]:
        """The layers of a file that a list names, and of what that file names."""
        path = _from_top(name, spot.group)
        group = _from_top(entry.name, spot.group) if option is not None else path.rpartition("/")[0]
        file = self._search.find(path, where)
        if file is None and entry.is_optional:
            return []
        if file is None:
            raise self._search.not_found(group, option or path.rpartition("/")[2], where)
        relative = (entry.name if option is not None else entry.name.rpartition("/")[0]).removeprefix("/")
        package = _package(_explicit(entry.package, group), file.package, relative, spot.package)
        above = (*spot.above, spot.name)
        self._visits += 1
        if path in above:
            chain = " -> ".join([*above[above.index(path) :], path])
            raise InputError(f"files name one another in a circle: {chain}", code="circle", where=where)
        if self._visits > _MOST_FILES or len(above) > _MOST_IN_ONE_ANOTHER:
            raise InputError("the defaults lists name too many files", code="bad_defaults", where=where)
        return self.visit(_Spot(path, group, package, above), file)

    def _key(self, entry: Default, spot: _Spot) -> str:
        """How a choice is named from outside: the group, and its package where that is not the group's own."""
        group = _from_top(entry.name, spot.group)
        package = _package(_explicit(entry.package, group), None, entry.name.removeprefix("/"), spot.package)
        return group if package == group.replace("/", ".") else f"{group}@{package or _GLOBAL}"

    def _unchosen(self, key: str, entry: Default, spot: _Spot) -> InputError:
        known = ", ".join(self._search.options(_from_top(entry.name, spot.group)))
        hint = f"give it: -o {key}=OPTION" + (f"; there are: {known:.500}" if known else "")
        return InputError(
            f"an option must be chosen for the group {key!r:.80}", code="missing_value", where=entry.where, hint=hint
        )


def _from_top(name: str, group: str) -> str:
    """A name in a defaults list as a path from the top; ``group`` is that of the file with the list."""
    if name.startswith("/"):
        return name[1:]
    return f"{group}/{name}" if group else name


def _explicit(package: str | None, group: str) -> str | None:
    """The package that an entry names, its words replaced."""
    if package is None:
        return None
    if package == "_here_":
        return ""
    return package.replace("_group_", f"{_GLOBAL}.{group.replace('/', '.')}")


def _package(explicit: str | None, head: str | None, relative: str, above: str) -> str:
    """Where the values of a file go.

    Args:
        explicit: what the defaults list says; goes below the package of the file with the list.
        head: what the file's own head says; from the top.
        relative: the group as the list names it, used where nothing else is said.
        above: the package of the file with the list.
    """
    if explicit is not None:
        own = explicit
    elif head is not None and head != "_group_":
        own = f"{_GLOBAL}.{head}"
    else:
        own = relative.replace("/", ".")
    steps = [step for step in f"{above}.{own}".split(".") if step]
    last = max((place for place, step in enumerate(steps) if step == _GLOBAL), default=-1)
    return ".".join(steps[last + 1 :])
