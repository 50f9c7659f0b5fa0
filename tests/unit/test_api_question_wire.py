"""Bodies of generations: what they ask for, and what is told of their mistakes."""

from __future__ import annotations

import json

import pytest

from evaltrail.api.problems import RefusedBodyError
from evaltrail.api.question_wire import read_generation


def read(**fields):
    """A generation on a document, and the given fields."""
    return read_generation(json.dumps({"documents": ["f" * 32], **fields}).encode())


@pytest.mark.parametrize("word", ["multi-hop", "multi_hop", "Multi-Hop"])
def test_a_type_is_spelled_as_on_the_command_line(word):
    """A hyphen is as good as an underscore."""
    assert read(types={word: 2, "simple": 1}).plan.types == {"multi_hop": 2, "simple": 1}


@pytest.mark.parametrize(
    ("types", "path", "said"),
    [
        ({"simpel": 1}, "types.simpel", "simpel has to be one of 'simple', 'reasoning', 'numeric', 'multi_hop' or"),
        ({"multi-hop": 1, "multi_hop": 2}, "types", "types names multi_hop twice"),
        ({"simple": "1"}, "types.simple", "simple has to be a whole number"),
        ({"[key]": 1}, "types.[key]", "[key] has to be one of"),
        (["simple"], "types", "types has to be an object"),
    ],
)
def test_a_type_that_there_is_not_is_told_by_its_name(types, path, said):
    """With those that there are; a type has one count."""
    with pytest.raises(RefusedBodyError) as caught:
        read(types=types)
    (field,) = caught.value.fields
    assert (field.path, field.message[: len(said)]) == (path, said)
