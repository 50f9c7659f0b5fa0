"""Source: a file or folder that may be the head of a result, and the evidence that it is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HEAD_BYTES = 65_536
"""Bytes at the beginning of a file that every reader may look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a reader is shown: one file with its first bytes, or one folder."""

    path: Path
    """Absolute; no symbolic link on the way from ``root`` leaves ``root``."""
    root: Path
    """The folder or file that the user named, absolute."""
    head: bytes = b""
    """The first 64 KiB of a file; empty for a folder."""
    is_folder: bool = False
    evaluation: str = ""
    """Name of the evaluation where the user says it; decides what content and path leave open."""

    @property
    def name(self) -> str:
        """File or folder name."""
        return self.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a reader takes a source for its own."""

    confidence: float
    """In (0, 1]; the most confident reader gets the source. 0.9 and above: the content leaves no doubt."""
    why: str
    """For people: ``keys "results", "versions" and "n-shot"``."""
    group: str = ""
    """Sources with the same reader and the same word here are one result; empty = a result of its own."""
    group_name: str = ""
    """What the run of such a result is called."""
