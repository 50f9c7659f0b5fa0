"""SQL as data: named statements in a .sql file beside its reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_NAMED = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)


def read_statements(file: Path) -> Mapping[str, str]:
    """The statements of a file, each below a line ``-- name: word``."""
    return dict(_NAMED.findall(file.read_text(encoding="utf-8")))
