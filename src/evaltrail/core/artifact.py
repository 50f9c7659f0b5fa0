"""Artifact: one file that belongs to a result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["required", "extra", "log", "samples"]
"""``required``: no run is complete without it; ``samples``: raw rows that come along as samples, so not uploaded."""


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
    task: str = ""
    """Name of the one task that it belongs to; empty = the whole result."""
    may_hold_secrets: bool = False
    """Whether it is a text that settings may stand in; it lands without the secrets among them."""
