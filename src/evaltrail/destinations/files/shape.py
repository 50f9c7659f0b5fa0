"""What is said of a file that stands in a summary's place and is none."""

from __future__ import annotations

from pathlib import Path

from evaltrail.core.errors import InputError


def other_shape(file: Path, why: str) -> InputError:
    """The error of a file that is left as it is, because it holds something else."""
    return InputError(
        f"the file holds something else than exported results and is left as it is: {why}",
        code="other_shape",
        where=str(file),
        hint="move it away, or give another output_filename or output_dir",
    )
