"""A task that cannot be run: it stands among the others with its reason, and keeps none of them from being run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaltrail.core.dataset import Dataset
from evaltrail.core.errors import InputError
from evaltrail.core.ports import FolderCall
from evaltrail.core.values import Scalar

BROKEN = "broken"
"""The identity of such a task."""


@dataclass(slots=True, kw_only=True)
class BrokenTask:
    """What is left of a task of which something was found wrong: a ``FolderTask`` that fails."""

    name: str
    provider: str
    error: InputError
    """What was found wrong."""
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    provider_version: str = ""
    leaves: str = ""
    repeats: int = 1
    total: int = 0
    dataset: Dataset | None = None

    @property
    def identity(self) -> str:
        """The same whatever is wrong with it: another worker may find another reason."""
        return BROKEN

    def config(self) -> Mapping[str, Scalar]:
        """The settings that become params, flat."""
        return self.settings

    def run(self, folder: Path, call: FolderCall) -> Path:
        """Nothing.

        Raises:
            InputError: always; what was found wrong.
        """
        del folder, call
        raise self.error
