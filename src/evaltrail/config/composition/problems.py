"""What is wrong with a run configuration, all of it: gathered first, told at once."""

from __future__ import annotations

from evaltrail.core.errors import InputError, PartialError

_MOST = 100
"""Problems that are told; a file with more is another kind of file."""


class Problems:
    """Errors in the order they were found, each once."""

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str], InputError] = {}

    @property
    def is_full(self) -> bool:
        """Whether no more are told."""
        return len(self._errors) >= _MOST

    def add(self, message: str, *, code: str, where: str = "", hint: str = "") -> None:
        """Note an error."""
        self.take(InputError(message, code=code, where=where, hint=hint))

    def take(self, error: InputError | PartialError) -> None:
        """Note an error that was raised, or each of several."""
        for one in error.errors if isinstance(error, PartialError) else (error,):
            if isinstance(one, InputError) and not self.is_full:
                self._errors.setdefault((one.where, one.message), one)

    def tell(self) -> None:
        """Raise what was noted; nothing where nothing was.

        Raises:
            InputError: one thing is wrong.
            PartialError: several are; it holds an error for each.
        """
        errors = list(self._errors.values())
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise PartialError(errors, exit_code=2)
