"""Vectors out of an /embeddings answer (the OpenAI HTTP interface)."""

from __future__ import annotations

import msgspec

from evaltrail.core.answer import Answer
from evaltrail.core.decoding import decoder
from evaltrail.models.chat import error_note
from evaltrail.models.connection import Reply

BATCH = 64
"""Texts in one request."""


class _Row(msgspec.Struct, gc=False):
    embedding: tuple[float, ...]
    index: int = 0


class _Body(msgspec.Struct, gc=False):
    data: list[_Row]


_decode = decoder(_Body).decode


class VectorReader:
    """Reads the vectors of one batch; ``vectors`` holds them, in the order of the texts, once an answer was usable.

    Args:
        size: texts in the batch.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.vectors: tuple[tuple[float, ...], ...] = ()

    def __call__(self, reply: Reply, attempts: int) -> Answer:
        """An answer without ``error`` where the vectors are all there."""
        try:
            rows = sorted(_decode(reply.body).data, key=lambda row: row.index)
        except (ValueError, RecursionError) as error:
            detail = error_note(reply.body).message or str(error)
            return Answer(error="garbage", detail=detail, attempts=attempts)
        if len(rows) != self._size:
            return Answer(error="garbage", detail=f"{len(rows)} vectors for {self._size} texts", attempts=attempts)
        self.vectors = tuple(row.embedding for row in rows)
        return Answer(text="", latency_s=reply.latency_s, attempts=attempts)
