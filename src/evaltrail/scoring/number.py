"""Numbers as people and models write them in a text."""

from __future__ import annotations

import math
import re
from collections import deque

# U+2212 is the minus sign of typesetters and of some models.
_NUMBER = re.compile(
    r"""(?<![\w.])
    (?P<sign>[-+\u2212]?) [$€£¥]? (?P<inner>[-+\u2212]?)
    (?P<digits> (?: \d{1,3}(?:,\d{3})+(?!\d) | \d+ ) (?:\.\d+)? | \.\d+ )
    (?: [eE](?P<power>[-+]?\d{1,4}) | \s?/\s?(?P<divisor>\d+)(?![\d./]) )?
    (?: \s?(?P<percent>%) )?""",
    re.VERBOSE,
)


def read_number(text: str) -> tuple[float, ...]:
    """What the last number in a text may mean: nothing, one value, or two for a percentage.

    Read are signs, ``$ € £ ¥`` before it, commas between thousands (``1,234.5``), exponents (``1e-3``) and fractions of
    whole numbers (``3/4``). ``50%`` means 50 and 0.5 both, since references are written either way. Decimal commas
    and mixed numbers (``1 1/2``) are not known; a division by zero or a value beyond the floats is no number.
    """
    found = deque(_NUMBER.finditer(text), maxlen=1)
    if not found:
        return ()
    match = found[0]
    value = float(f"{match['digits'].replace(',', '')}e{match['power'] or 0}")
    divisor = float(match["divisor"] or 1)
    if divisor == 0.0 or not math.isfinite(value) or not math.isfinite(divisor):
        return ()
    is_negative = (match["sign"] or match["inner"]) in {"-", "\u2212"}
    value = (-value if is_negative else value) / divisor
    return (value, value / 100.0) if match["percent"] else (value,)
