"""A composed configuration read key by key: each value of its kind, and every problem noted with file and line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaltrail.config.composition.compose import Composed
from evaltrail.config.composition.keys import Keys
from evaltrail.config.composition.kinds import KindError, as_kind, kind_of
from evaltrail.config.composition.node import MISSING, Node, Path, Step, dotted
from evaltrail.config.composition.problems import Problems
from evaltrail.config.secret_names import is_random, is_secret_name
from evaltrail.core.values import Json

_MOST_SHOWN = 60


class Reading:
    """What a composed configuration says under known keys.

    Args:
        composed: the configuration.
        keys: the table that says what stands under each key.
    """

    def __init__(self, composed: Composed, keys: Keys) -> None:
        self.composed = composed
        self.keys = keys
        self.problems = Problems()
        self.notices: list[str] = []

    def given(self, path: Sequence[Step]) -> Json:
        """What stands at a key, of whatever kind; None where nothing does, or a value must still be given."""
        value = self._at(path)
        return None if value == MISSING else value

    def written(self, path: Path) -> str:
        """The text at a key as it stands in the files, interpolations and all; empty where nothing stands."""
        node: Node | None = self.composed.root
        for step in path:
            node = node.child(step) if node is not None else None
        return "" if node is None else str(node.value)

    def text(self, *path: Step, default: str = "") -> str:
        """The text at a key; the default where there is none."""
        found = self._typed(path)
        return default if found is None else str(found)

    def whole(self, *path: Step, default: int) -> int:
        """The whole number at a key; the default where there is none."""
        found = self._typed(path)
        return found if isinstance(found, int) else default

    def number(self, *path: Step) -> float | None:
        """The number at a key; None where there is none."""
        found = self._typed(path)
        return found if isinstance(found, float) else None

    def mapping(self, *path: Step) -> Mapping[str, Json]:
        """The mapping at a key; an empty one where there is none."""
        return cast("Mapping[str, Json]", self._typed(path) or {})

    def items(self, *path: Step) -> Sequence[Json]:
        """The list at a key; an empty one where there is none."""
        return cast("Sequence[Json]", self._typed(path) or [])

    def typed(self, path: Path, kind: str, value: Json) -> Json:
        """A value as its kind; None, and a noted problem, where it is none or must still be given."""
        if value is None:
            return None
        if value == MISSING:
            self.missing(path)
            return None
        try:
            return as_kind(kind, value)
        except KindError as wanted:
            self.wrong(path, f"{dotted(path)} must be {wanted}", f"it is {self.shown(path, value)}", code="wrong_type")
            return None

    def no_gaps(self, path: Path, value: Json) -> None:
        """Note every value that must still be given below a key."""
        if value == MISSING:
            self.missing(path)
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                self.no_gaps((*path, key), inner)
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                self.no_gaps((*path, place), inner)

    def missing(self, path: Path, why: str = "needs a value") -> None:
        """Note that a value must still be given."""
        wanted = self.composed.gaps.get(path, path)
        what = dotted(path) if wanted == path else f"{dotted(path)} refers to {dotted(wanted)}, which"
        where = self.composed.where(wanted)
        hint = f"give it: -o {dotted(wanted)}=VALUE, or in the file"
        self.problems.add(f"{what} {why}", code="missing_value", where=where, hint=hint)

    def wrong(self, path: Path, message: str, hint: str = "", *, code: str = "bad_value") -> None:
        """Note a problem with what stands at a key."""
        self.problems.add(message, code=code, where=self.composed.where(path), hint=hint)

    def notice(self, path: Path, message: str) -> None:
        """Note what a person may want to know."""
        self.notices.append(f"{self.composed.where(path)}: {message}")

    def shown(self, path: Path, value: Json) -> str:
        """A value in words: quoted where it cannot be a secret."""
        kind = kind_of(value)
        if isinstance(value, Mapping | list | tuple) or value is None:
            return kind
        text = str(value).lower() if isinstance(value, bool) else str(value)
        is_secret = any(is_secret_name(str(step)) for step in path) or path in self.composed.from_environ
        if is_secret or is_random(text) or any(secret in text for secret in self.composed.secrets):
            return kind
        short = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
        return f"{kind}: {short!r}" if isinstance(value, str) else short

    def _typed(self, path: Path) -> Json:
        return self.typed(path, self.keys.kind(path), self._at(path))

    def _at(self, path: Sequence[Step]) -> Json:
        value: Json = self.composed.value
        for step in path:
            if isinstance(value, Mapping):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int):
                value = value[step]
            else:
                return None
        return value
