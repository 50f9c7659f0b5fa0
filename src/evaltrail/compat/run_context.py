"""MLflow's plugin that puts commit, branch and CI build on every run of this environment.

Source: ``mlflow.run_context_provider`` of MLflow 3.17; its interface is two methods, so mlflow is not imported.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path

from evaltrail.config.context_tags import COMMIT, context_tags


class EvaltrailRunContext:
    """The tags of the repository of the running script, else of the working folder; asked for once a process.

    MLflow itself looks only at the script's repository, so where both find one it is the same, under the same names.
    """

    def in_context(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._tags)

    def tags(self) -> dict[str, str]:
        """Name to value."""
        return dict(self._tags)

    @cached_property
    def _tags(self) -> dict[str, str]:
        script = _script_folder()
        found = {} if script is None else context_tags(os.environ, script)
        return found if COMMIT in found else context_tags(os.environ, Path())


def _script_folder() -> Path | None:
    """Where the running script lies; None for what came with the environment, such as ``pytest``, and for none."""
    file = Path(sys.argv[0] if sys.argv else "").absolute()
    is_ours = file.is_file() and not file.is_relative_to(sys.prefix)
    return file.parent if is_ours else None
