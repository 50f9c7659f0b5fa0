"""Dataset: what was asked, by name and content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A data set as lineage knows it; its records are read by the providers."""

    name: str
    digest: str
    """Content digest over the records that were used."""
    source: str = ""
    """Where it came from: a file's name, ``hf://...``; never a secret, never an absolute path."""
    size: int | None = None
    """Number of records."""
    context: str = ""
    """What it was used for, such as ``generation``; empty = it was evaluated on."""
