"""Bodies that are made to cost: each is refused in the time and the memory that reading it takes."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from evaltrail.api.json_body import read_json
from evaltrail.api.problems import RefusedBodyError
from evaltrail.api.wire import read_evaluation
from evaltrail.core.errors import InputError


def test_name_that_stands_twice_among_many_is_found_in_one_pass():
    """The time grows with the body, not with its square: one request does not stop the service."""
    names = ",".join(f'"field_{number}":0' for number in range(50_000))
    body = f'{{{names},"field_49999":0}}'.encode()
    began = time.process_time()
    with pytest.raises(InputError, match="'field_49999' stands twice"):
        read_json(body)
    assert time.process_time() - began < 5


def test_body_with_a_form_holds_no_more_values_than_a_form_can_tell_of():
    """Of a million unknown fields nobody is told one by one: that took a gigabyte."""
    body = ("{" + ",".join(f'"field_{number}":0' for number in range(60_000)) + "}").encode()
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="more than 100,000 values"):
            read_evaluation(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


def test_rows_of_a_benchmark_may_be_many():
    """A document without a form holds as much as the operator lets bodies hold."""
    body = b"[" + b",".join([b'{"question":"q","answer":"a"}'] * 40_000) + b"]"
    assert len(read_json(body)) == 40_000


def test_place_of_a_mistake_is_told_in_a_line():
    """What a client made up is not sent back at length."""
    body = b'{"model": {"server": "vllm", "name": "m", "' + b"x" * 100_000 + b'": 1}}'
    with pytest.raises(RefusedBodyError) as refused:
        read_evaluation(body)
    assert [len(each.path) for each in refused.value.fields] == [len("model.") + 80]
