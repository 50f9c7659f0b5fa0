"""What a user may say about an export to files: the options of the launcher's local exporter (0.2.6), and ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evaltrail.core.artifact import Role
from evaltrail.core.errors import InputError

Format = Literal["json", "csv", "parquet"]
DEFAULT_FOLDER = "./evaltrail-results"
_MOST_NAME_BYTES = 200
"""What a file's name may have, so that a temporary one beside it fits too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """The options of destination ``local``."""

    output_dir: str = DEFAULT_FOLDER
    """Relative to the working folder; made where it is missing."""
    format: Format = "json"
    output_filename: str = ""
    """Of every summary; empty = ``processed_results.<format>``."""
    log_metrics: Sequence[str] = ()
    log_artifacts: bool = True
    """False copies no file at all."""
    log_logs: bool = False
    only_required: bool = True
    exclude_patterns: Sequence[str] = ()
    job_dirs: Sequence[str] = ()
    """Folders to look for jobs in that the execution database does not know."""

    @property
    def roles(self) -> frozenset[Role]:
        """Which files are copied."""
        if not self.log_artifacts:
            return frozenset()
        roles: set[Role] = {"required"}
        if not self.only_required:
            roles.add("extra")
        if self.log_logs:
            roles.add("log")
        return frozenset(roles)

    def folder(self) -> Path:
        """Where everything goes, absolute.

        Raises:
            InputError: no folder can have such a name.
        """
        try:
            return Path(self.output_dir or DEFAULT_FOLDER).expanduser().absolute()
        except (RuntimeError, ValueError) as error:  # the home of an unknown user
            raise _unusable("output_dir", self.output_dir, str(error)) from error

    def file_name(self) -> str:
        """What every summary is called.

        Raises:
            InputError: no file can have the name, or it would lie elsewhere.
        """
        name = self.output_filename or f"processed_results.{self.format}"
        if (
            "/" in name
            or "\0" in name
            or name.startswith(".")
            or len(name.encode("utf-8", "replace")) > _MOST_NAME_BYTES
        ):
            raise _unusable("output_filename", name, "a file's name alone; the folder is output_dir")
        return name


def _unusable(option: str, value: str, hint: str) -> InputError:
    return InputError(
        f"the value of option {option!r} cannot be used: {value!r:.200}", code="bad_option", hint=hint[:200]
    )
