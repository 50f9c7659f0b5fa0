"""WantedColumns: what a task's judges read of its records, found missing before anybody is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.providers.datasets import Record
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.judging.columns import role_of
from evaltrail.scoring.judging.port import Judge, needs_of

Texts = Callable[[Record], Sequence[str]]
_MOST_FIELDS = 1_000
_SHOWN_CHARACTERS = 400
_OURS = "evaltrail."
"""How the names of fields begin that no user has given."""
_ALWAYS = ("input", "output")
"""What every sample that is judged has."""
_TOLD = {"reference": "a reference", "contexts": "contexts"}


class WantedColumns:
    """The columns that judges want and no record has shown so far.

    Args:
        scorers: of a task, in their order.
        roles: what a record gives as ``reference`` and as ``contexts``.
    """

    def __init__(self, scorers: Sequence[Scorer], roles: Mapping[str, Texts]) -> None:
        self._roles = roles
        self._wants = [
            (place, scorer.name, column)
            for place, scorer in enumerate(scorers)
            if isinstance(scorer, Judge)
            for column in needs_of(scorer)
        ]
        self._missing = {column for _, _, column in self._wants if role_of(column) not in _ALWAYS}
        self._fields: dict[str, bool] = {}
        """Each field that was met, and whether some record has a value in it."""

    def see(self, record: Record) -> None:
        """Note what one record has; costs nothing once every column was met."""
        if self._missing:
            if len(self._fields) < _MOST_FIELDS:
                for name, value in record.fields.items():
                    self._fields[name] = self._fields.get(name, False) or value is not None
            self._missing = {column for column in self._missing if not self._has(record, column)}

    def refuse_missing(self, *, data: str, where: Callable[[int], str], hints: Mapping[str, str]) -> None:
        """Refuse a task of which a judge wants what none of its records has.

        Args:
            data: what the data set is called.
            where: the place of a metric, by its position.
            hints: for ``reference`` and ``contexts``: how the task names them.

        Raises:
            InputError: a column is missing.
        """
        for place, judge, column in self._wants:
            if column not in self._missing:
                continue
            role = role_of(column)
            code = "missing_column"
            if role:
                message = f"judge {judge!r} wants {_TOLD[role]} ({column!r}), and no record of {data} gives any"
                raise InputError(message, code=code, where=where(place), hint=hints[role])
            if column in self._fields:
                message = f"judge {judge!r} wants the column {column!r}, which is empty in every record of {data}"
                raise InputError(message, code=code, where=where(place), hint="fill it, or name another")
            names = [name for name, has_value in self._fields.items() if has_value and not name.startswith(_OURS)]
            message = f"judge {judge!r} wants the column {column!r}; {data} has {', '.join(names)[:_SHOWN_CHARACTERS]}"
            raise InputError(
                message, code=code, where=where(place), hint=nearest(column, names) or "name one that is there"
            )

    def _has(self, record: Record, column: str) -> bool:
        if record.fields.get(column) not in (None, [], ()):
            return True
        texts = self._roles.get(role_of(column))
        try:
            return texts is not None and bool(texts(record))
        except InputError:  # a template that fails on this record, which is told where it is asked
            return False
