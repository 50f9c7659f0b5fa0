"""Which benchmark of an evaluation a word means."""

from __future__ import annotations

from collections.abc import Sequence

from evaltrail.core.errors import InputError
from evaltrail.service.answering.account import BenchmarkAccount


def find_benchmark(benchmarks: Sequence[BenchmarkAccount], word: str) -> BenchmarkAccount:
    """The benchmark that a word means.

    Args:
        benchmarks: of one evaluation.
        word: a position from 0, an id, or ``provider/id``.

    Raises:
        InputError: it means none, or several.
    """
    if word.isascii() and word.isdecimal() and len(word) < 10 and int(word) < len(benchmarks):
        return benchmarks[int(word)]
    found = [each for each in benchmarks if word in {each.id, f"{each.provider_id}/{each.id}"}]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(f"{each.index} ({each.provider_id}/{each.id})" for each in found)
        raise InputError(
            f"several benchmarks are called {word!r:.80}",
            code="ambiguous_benchmark",
            where="benchmark",
            hint=f"name it by its position: {shown}",
        )
    shown = ", ".join(f"{each.provider_id}/{each.id}" for each in benchmarks)
    raise InputError(
        f"the evaluation has no benchmark {word!r:.80}",
        code="unknown_benchmark",
        where="benchmark",
        hint=f"it has {shown}" if shown else "it has none",
    )
