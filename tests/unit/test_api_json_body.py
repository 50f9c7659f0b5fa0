"""Bodies as JSON: one meaning or none, and where they are wrong."""

from __future__ import annotations

import pytest

from evaltrail.api.json_body import MOST_LEVELS, read_json
from evaltrail.core.errors import InputError


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"a": 1,\n "b": x}', "line 2, column 7"),
        (b'{"a": 1,}', "line 1, column 9"),
        (b'{"a": 1} {', "line 1, column 10"),
        (b'{"a": 1}\n  \xff', "no UTF-8 at line 2, column 3"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "-Infinity is no JSON"),
        (b'{"a": 1e999}', "number is too large"),
        (b'{"a": 9223372036854775808}', "9223372036854775808 is too large"),
        (b"1" * 5000, "too many digits"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b"[" * 200_000, "deeper than 32 levels"),
    ],
)
def test_ambiguous_or_broken_body_is_refused_with_its_place(body, said):
    """What two readers could understand differently, or nobody can keep, is refused with a sentence that says where."""
    with pytest.raises(InputError) as refused:
        read_json(body)
    assert refused.value.code == "bad_json"
    assert said in refused.value.message


def test_depth_is_counted_in_objects_and_lists():
    """32 levels are read and 33 are not, whether or not the innermost one holds something."""
    for inner in (b"", b"1"):
        nested = b"[" * MOST_LEVELS + inner + b"]" * MOST_LEVELS
        assert read_json(nested)
        with pytest.raises(InputError, match="deeper"):
            read_json(b"[" + nested + b"]")


def test_plain_values_come_through():
    """What JSON can say is read as it is: empty texts, null, the largest number, characters beyond ASCII."""
    body = '{"a": ["", null, true, 9223372036854775807, -1.5, "é😀"]}'.encode()
    assert read_json(body) == {"a": ["", None, True, 2**63 - 1, -1.5, "é😀"]}
