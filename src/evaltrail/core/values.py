"""The plain values that cross walls: what JSON can say, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Scalar = str | int | float | bool | None
"""One JSON value that is neither list nor object."""

Json = Scalar | Sequence["Json"] | Mapping[str, "Json"]
"""Any JSON value; lists and objects are read-only."""
