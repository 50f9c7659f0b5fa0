"""pass@k (Chen et al. 2021), pass^k (Yao et al. 2024) and the majority vote (Wang et al. 2022) of repeated answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache


@lru_cache(maxsize=4096)
def pass_at_k(n: int, correct: int, k: int) -> float:
    """Unbiased estimate of the chance that at least one of k answers is right, from n answers of which some are.

    Raises:
        ValueError: unless 0 <= correct <= n and 1 <= k <= n.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", equation 1, in whole numbers, so that
    the quotient is the only rounding.
    """
    _require(n, correct, k)
    ways = math.comb(n, k)
    return (ways - math.comb(n - correct, k)) / ways


@lru_cache(maxsize=4096)
def pass_hat_k(n: int, correct: int, k: int) -> float:
    """Unbiased estimate of the chance that all of k answers are right, from n answers of which some are.

    Raises:
        ValueError: unless 0 <= correct <= n and 1 <= k <= n.

    Source: Yao et al. 2024, "tau-bench", section 3, where it is written pass^k.
    """
    _require(n, correct, k)
    return math.comb(correct, k) / math.comb(n, k)


def majority(votes: Sequence[Hashable]) -> int:
    """Position of the first vote for the most frequent choice; of equally frequent ones, the earliest cast wins.

    Raises:
        ValueError: there are no votes.
    """
    if not votes:
        raise ValueError("a vote without votes")
    # Counter keeps the order of first appearance, and max takes the first of equals.
    counts = Counter(votes)
    return votes.index(max(counts, key=counts.__getitem__))


def repeat_steps(repeats: int) -> tuple[int, ...]:
    """The k that are worth reporting for so many repeats: 1, the powers of two below, and the repeats themselves."""
    return (*(2**power for power in range((repeats - 1).bit_length())), repeats)


def _require(n: int, correct: int, k: int) -> None:
    if not (0 <= correct <= n and 1 <= k <= n):
        raise ValueError(f"no estimate for n={n}, correct={correct}, k={k}")
