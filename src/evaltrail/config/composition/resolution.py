"""Every ``${...}`` of a configuration replaced by what it stands for, with bounded work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaltrail.config.composition.interpolation import (
    Call,
    InterpolationError,
    Part,
    Parts,
    Reference,
    parts_of,
    reference_of,
)
from evaltrail.config.composition.node import MISSING, Node, Path, dotted, place_of
from evaltrail.config.composition.problems import Problems
from evaltrail.config.composition.value_text import ValueTextError, read_value
from evaltrail.config.secret_names import is_secret_name
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest, nearest_word
from evaltrail.core.values import Json

_MOST_WORK = 500_000
_MOST_CHARACTERS = 1_000_000
_MOST_DEPTH = 80
_CHARACTERS_A_VALUE = 100
_RESOLVERS = {"oc.env": (1, 2), "oc.select": (1, 2), "oc.decode": (1, 1), "select_not_null": (2, 2)}
"""How many arguments each takes; the last is the launcher's own: ``oc.select`` that passes over null as well."""


class _NotThereError(Exception):
    """A reference leads nowhere.

    Args:
        keys: that stand where it was lost.
        above: what they stand in.
    """

    def __init__(self, keys: Sequence[str], above: Path) -> None:
        super().__init__()
        self.keys = keys
        self.above = above


class _TooMuchError(InputError):
    """The whole is more than is worked on."""


@dataclass(frozen=True, slots=True)
class _Filled:
    value: Json
    weight: int
    is_environ: bool


class Resolution:
    """The resolved configuration, and what was learned on the way.

    Args:
        root: the configuration.
        environ: variables that ``oc.env`` reads.
    """

    def __init__(self, root: Node, environ: Mapping[str, str]) -> None:
        self._root = root
        self._environ = environ
        self._filled: dict[Path, _Filled] = {}
        self._failed: dict[Path, InputError] = {}
        self._open: dict[Path, None] = {}
        self._problems = Problems()
        self._work = 0
        self._depth = 0
        self._is_environ = False
        self.secrets: set[str] = set()
        """Values of variables that bear a secret's name."""
        self.referred: set[Path] = set()
        """What an interpolation leads to."""
        self.gaps: dict[Path, Path] = {}
        """A value that must still be given, because another one that it refers to must be."""

    def value(self) -> Mapping[str, Json]:
        """The configuration without interpolations.

        Raises:
            InputError: an interpolation cannot be resolved.
            PartialError: several cannot.
        """
        found = self._value(self._root, ())
        self._problems.tell()
        return found if isinstance(found, Mapping) else {}

    @property
    def from_environ(self) -> frozenset[Path]:
        """Texts that a variable is a part of."""
        return frozenset(path for path, filled in self._filled.items() if filled.is_environ)

    def _value(self, node: Node, path: Path) -> Json:
        self._spend(1, node.where)
        self._enter(path, node.where)
        try:
            if isinstance(node.value, Mapping):
                return {key: self._guarded(inner, (*path, key)) for key, inner in node.value.items()}
            if isinstance(node.value, tuple):
                return [self._guarded(inner, (*path, place)) for place, inner in enumerate(node.value)]
            if isinstance(node.value, str) and "${" in node.value:
                return self._text(node, node.value, path)
            return node.value
        finally:
            self._depth -= 1

    def _guarded(self, node: Node, path: Path) -> Json:
        """The value, or nothing and a noted problem: all of them are to be told."""
        try:
            return self._value(node, path)
        except _TooMuchError:
            raise
        except InputError as error:
            self._problems.take(error)
            return None

    def _text(self, node: Node, text: str, path: Path) -> Json:
        if path in self._failed:
            raise self._failed[path]
        known = self._filled.get(path)
        if known is not None:
            self._spend(known.weight, node.where)
            self._is_environ = self._is_environ or known.is_environ
            return known.value
        if path in self._open:
            chain = [*self._open]
            names = [dotted(each) for each in [*chain[chain.index(path) :], path]]
            raise InputError(f"refers to itself: {' -> '.join(names):.500}", code="circle", where=node.where)
        return self._fill(node, text, path)

    def _fill(self, node: Node, text: str, path: Path) -> Json:
        before, self._is_environ = self._is_environ, False
        work = self._work
        self._open[path] = None
        try:
            value = self._joined(parts_of(text), path, node.where)
        except InterpolationError as error:
            self._failed[path] = InputError(f"{dotted(path)}: {error}", code="bad_interpolation", where=node.where)
            raise self._failed[path] from error
        except InputError as error:
            self._failed[path] = error
            raise
        finally:
            del self._open[path]
        self._filled[path] = _Filled(value, self._work - work, self._is_environ)
        self._is_environ = self._is_environ or before
        return value

    def _joined(self, parts: Parts, path: Path, where: str) -> Json:
        """The pieces as one value: a single one keeps its type, several become a text."""
        if len(parts) == 1:
            return self._part(parts[0], path, where)
        texts: list[str] = []
        length = 0
        for part in parts:
            value = self._part(part, path, where)
            if value == MISSING and not isinstance(part, str):
                return MISSING
            texts.append(value if isinstance(value, str) else str(value))
            length += len(texts[-1])
            self._spend(len(texts[-1]) // _CHARACTERS_A_VALUE, where)
            if length > _MOST_CHARACTERS:
                raise _too_much(where)
        return "".join(texts)

    def _part(self, part: Part, path: Path, where: str) -> Json:
        if isinstance(part, str):
            return part
        self._enter(path, where)
        try:
            return self._referred(part, path, where) if isinstance(part, Reference) else self._called(part, path, where)
        finally:
            self._depth -= 1

    def _referred(self, reference: Reference, path: Path, where: str) -> Json:
        steps = self._steps(reference, path, where)
        try:
            return self._found(steps, path)
        except _NotThereError as lost:
            above = [dotted((*lost.above, key)) for key in lost.keys]
            hint = self._nearest(steps) or nearest(dotted(steps), above) or _listed(above)
            raise InputError(
                f"{dotted(path)} refers to {dotted(steps)!r:.200}, which is not there",
                code="unknown_key",
                where=where,
                hint=hint,
            ) from None

    def _nearest(self, steps: Path) -> str:
        """Which key was probably meant, as far as one stands there, and where; empty where none is close."""
        node, is_close = self._root, False
        done: Path = ()
        for step in steps:
            inner, name = node.child(step), str(step)
            if inner is None:
                name = nearest_word(name, node.mapping or {})
                inner = node.child(name) if name else None
                if inner is None:
                    break
                is_close = True
            node, done = inner, (*done, name)
        return f"did you mean {dotted(done)!r}? It stands at {node.where}" if is_close else ""

    def _steps(self, reference: Reference, path: Path, where: str) -> Path:
        """The steps from the top that a reference names."""
        texts = [str(self._joined(parts, path, where)) for parts in reference.steps]
        steps = [step for text in texts for step in text.split(".")]
        if not reference.dots:
            return tuple(steps)
        if reference.dots > len(path):
            raise InputError(f"{dotted(path)} refers to what is above the top", code="unknown_key", where=where)
        return (*path[: len(path) - reference.dots], *steps)

    def _found(self, steps: Path, path: Path) -> Json:
        node = self._root
        done: Path = ()
        for number, step in enumerate(steps):
            if isinstance(node.value, str) and "${" in node.value:
                return _below(self._text(node, node.value, done), steps[number:], done)
            inner = node.child(step)
            if inner is None:
                if node.is_missing:
                    self.gaps[path] = self.gaps.get(done, done)
                    return MISSING
                raise _NotThereError(_keys(node.value), done)
            done = (*done, place_of(step) or 0) if isinstance(node.value, tuple) else (*done, str(step))
            node = inner
        self.referred.add(done)
        value = self._value(node, done)
        if value == MISSING:
            self.gaps[path] = self.gaps.get(done, done)
        return value

    def _called(self, call: Call, path: Path, where: str) -> Json:
        name = str(self._joined(call.name, path, where))
        least, most = _RESOLVERS.get(name, (-1, -1))
        if most < 0:
            hint = nearest(name, _RESOLVERS) or f"known: {', '.join(_RESOLVERS)}"
            message = f"{dotted(path)} asks for the resolver {name!r:.80}, which there is none of"
            raise InputError(message, code="unknown_resolver", where=where, hint=hint)
        if not least <= len(call.arguments) <= most:
            wanted = f"{least}" if least == most else f"{least} or {most}"
            message = f"{dotted(path)} gives {name} {len(call.arguments)} values; it takes {wanted}"
            raise InputError(message, code="bad_interpolation", where=where)
        first = self._argument(call.arguments[0], path, where)
        others = call.arguments[1:]
        if name == "oc.decode":
            return _decoded(first, path, where)
        if name == "oc.env":
            return self._variable(str(first), others, path, where)
        found = self._selected(str(first), path, where)
        if found == MISSING or found is None:
            is_default = found == MISSING or name == "select_not_null"
            return self._argument(others[0], path, where) if others and is_default else None
        return found

    def _argument(self, text: str, path: Path, where: str) -> Json:
        try:
            return self._inner(read_value(text), path, where)
        except (ValueTextError, InterpolationError) as error:
            raise InputError(f"{dotted(path)}: {error}", code="bad_interpolation", where=where) from error

    def _inner(self, value: Json, path: Path, where: str) -> Json:
        """What a resolver is given, with the interpolations in it resolved."""
        if isinstance(value, str):
            return self._joined(parts_of(value), path, where) if "${" in value else value
        if isinstance(value, Mapping):
            return {key: self._inner(inner, path, where) for key, inner in value.items()}
        if isinstance(value, Sequence):
            return [self._inner(inner, path, where) for inner in value]
        return value

    def _variable(self, name: str, default: Sequence[str], path: Path, where: str) -> Json:
        self._is_environ = True
        found = self._environ.get(name)
        if found is not None:
            if is_secret_name(name) and found:
                self.secrets.add(found)
            return found
        if default:
            value = self._argument(default[0], path, where)
            return None if value is None else str(value)
        raise InputError(
            f"{dotted(path)} needs the variable {name!r:.80}, which is not set",
            code="missing_variable",
            where=where,
            hint=f"export {name:.80}=..., or write ${{oc.env:{name:.80},DEFAULT}}",
        )

    def _selected(self, key: str, path: Path, where: str) -> Json:
        """What a key leads to; ``???`` where it leads nowhere."""
        steps = self._steps(reference_of(key), path, where)
        before = self.gaps.get(path)
        try:
            found = self._found(steps, path)
        except _NotThereError:
            return MISSING
        if found == MISSING and before is None:
            self.gaps.pop(path, None)
        return found

    def _enter(self, path: Path, where: str) -> None:
        if self._depth >= _MOST_DEPTH:
            message = f"{dotted(path):.200} stands in, or leads to, more than {_MOST_DEPTH} others"
            raise InputError(message, code="bad_interpolation", where=where)
        self._depth += 1

    def _spend(self, weight: int, where: str) -> None:
        self._work += weight
        if self._work > _MOST_WORK:
            raise _too_much(where)


def _too_much(where: str) -> InputError:
    hint = "refer to smaller parts, or write them out"
    return _TooMuchError("the interpolations grow too large", code="bad_interpolation", where=where, hint=hint)


def _below(value: Json, steps: Path, done: Path) -> Json:
    """What steps lead to within a value that an interpolation brought."""
    for step in steps:
        if value == MISSING:
            return MISSING
        place = place_of(step)
        if isinstance(value, Mapping) and str(step) in value:
            value = value[str(step)]
        elif isinstance(value, list) and place is not None and place < len(value):
            value = value[place]
        else:
            raise _NotThereError([str(key) for key in value] if isinstance(value, Mapping) else [], done)
        done = (*done, step)
    return value


def _keys(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [str(key) for key in value]
    return [str(place) for place in range(min(len(value), 20))] if isinstance(value, tuple) else []


def _listed(keys: Sequence[str]) -> str:
    return f"there are: {', '.join(keys)[:300]}" if keys else "nothing stands there"


def _decoded(value: Json, path: Path, where: str) -> Json:
    if value is None or not isinstance(value, str):
        return value
    try:
        return read_value(value)
    except ValueTextError as error:
        raise InputError(
            f"{dotted(path)}: the value cannot be decoded: {error}", code="bad_interpolation", where=where
        ) from error
