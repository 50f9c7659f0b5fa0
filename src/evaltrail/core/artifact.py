"""Artifact: one file that belongs to a result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["required", "extra", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file and the relative path it is to be found under."""

    path: str
    """Relative, with ``/``, never leaving its folder."""
    file: Path
    """Where the bytes lie now."""
    role: Role = "extra"
    media_type: str = "application/octet-stream"
    size_bytes: int = 0
    sha256: str = ""
    """Empty until computed."""
