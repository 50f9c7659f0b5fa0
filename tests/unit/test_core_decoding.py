"""Threads that meet a type at the same time decode it, and the process lives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

import evaltrail
from child import run_child
from evaltrail.core.decoding import converted, decoded, decoder

ROOT = Path(evaltrail.__file__).parent

RACE = """
    import sys, threading
    from dataclasses import make_dataclass
    from evaltrail.core.decoding import converted, decoded

    sys.setswitchinterval(1e-6)

    def new_kind():
        part = make_dataclass("Part", [(f"p{number}", int, 0) for number in range(20)])
        return make_dataclass("Whole", [(f"w{number}", (part | None), None) for number in range(40)])

    def meet(kind, start, found):
        start.wait()
        found.append(decoded(b'{"w39": {"p3": 1}}', kind).w39.p3)
        found.append(converted({"w38": {"p19": 1}}, kind).w38.p19)

    for turn in range(100):
        kind, start, found = new_kind(), threading.Barrier(8), []
        threads = [threading.Thread(target=meet, args=(kind, start, found)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [1] * 16, found
    print("alive")
"""


@dataclass(frozen=True)
class _Point:
    x: int
    y: int = 0


def test_threads_that_meet_a_type_together_all_decode_it():
    """Without the lock this very program ends with a segmentation fault in its first turns."""
    done = run_child(RACE)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_no_other_module_asks_msgspec_to_decode():
    """A call past the door could crash a process of many threads; the linter says so too, where it is spelled out."""
    past = re.compile(r"msgspec\.(?:convert|json\.decode|json\.Decoder|msgpack|yaml|toml)\b|from msgspec")
    files = [file for file in ROOT.rglob("*.py") if past.search(file.read_text("utf-8"))]
    assert [file.relative_to(ROOT).as_posix() for file in files] == ["core/decoding.py"]


def test_a_decoder_is_made_once():
    """Asked for again it is the same one, so that asking costs nothing where a function is called often."""
    assert decoder(_Point) is decoder(_Point)
    assert decoder(tuple[int, ...]) is decoder(tuple[int, ...])


def test_json_and_plain_values_become_the_type():
    """Both ways give the same value."""
    assert decoded(b'{"x": 1}', _Point) == converted({"x": 1}, _Point) == _Point(1)


@pytest.mark.parametrize("raw", [b'{"x": "1"}', b'{"y": 1}', b"[]", b"{", b""])
def test_what_is_not_of_the_type_is_refused(raw):
    """As msgspec refuses it: by DecodeError, of which ValidationError is a kind."""
    assert issubclass(msgspec.ValidationError, msgspec.DecodeError)
    with pytest.raises(msgspec.DecodeError):
        decoded(raw, _Point)


def test_a_value_not_of_the_type_is_refused():
    """By ValidationError, which names the place."""
    with pytest.raises(msgspec.ValidationError, match=r"\$\.x"):
        converted({"x": []}, _Point)


def test_a_type_that_cannot_be_remembered_converts_all_the_same():
    """A plugin's annotation may hold what has no hash."""
    assert converted(3, Annotated[int, ["a note"]]) == 3
