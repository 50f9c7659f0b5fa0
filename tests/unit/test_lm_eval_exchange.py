"""What parent and child tell each other arrives as it was meant."""

from __future__ import annotations

import os

import msgspec
import pytest

from evaltrail.core.errors import BusyError, EndpointError, EvaltrailError, InputError, StorageError
from evaltrail.core.request import RequestLimits
from evaltrail.providers.lm_eval.exchange import ChildRequest, Report, error_of, failure_of
from evaltrail.providers.lm_eval.options import Options
from evaltrail.providers.lm_eval.tally import Tally


@pytest.mark.parametrize(
    ("kind", "arrives_as"),
    [
        (InputError, InputError),
        (BusyError, InputError),
        (EndpointError, EndpointError),
        (StorageError, StorageError),
        (EvaltrailError, EvaltrailError),
    ],
)
def test_an_error_crosses_the_wall_whole(kind, arrives_as):
    """Its class decides the exit code; message, code, hint and place are the user's."""
    found = error_of(failure_of(kind("it broke", code="broken", hint="mend it", where="file 3")))
    assert type(found) is arrives_as
    assert (found.message, found.code, found.hint, found.where) == ("it broke", "broken", "mend it", "file 3")


def test_a_request_comes_back_from_its_file():
    """Every field, nested settings too."""
    request = ChildRequest(
        task="sums",
        is_own=True,
        folders=("arc", "mmlu/default"),
        results="/r",
        journal="/j",
        options=Options(num_fewshot=2, system_instruction="Be brief."),
        limits=RequestLimits(concurrency=3),
        limit=0.5,
        generation={"stop": ["a"], "extra_body": {"x": [1, None]}},
    )
    assert msgspec.json.decode(msgspec.json.encode(request), type=ChildRequest) == request


@pytest.fixture
def pipe():
    """A pipe's two ends."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_the_tally_tells_how_far_it_is(pipe):
    """Documents, reasons, tokens, and what is in flight; the end is told too."""
    reading, writing = pipe
    tally = Tally("sums", writing)
    tally.expect(3)
    tally.begin()
    tally.begin()
    tally.spend(12)
    tally.fail("http_500")
    tally.end()
    tally.tell()
    tally.finish()
    *_, last, end = (msgspec.json.decode(line, type=Report) for line in os.read(reading, 9999).splitlines())
    told = last.progress
    assert (told.task, told.done, told.total, told.in_flight, told.tokens) == ("sums", 1, 3, 1, 12)
    assert (dict(told.errors), end.is_done, end.progress) == ({"http_500": 1}, True, None)


def test_a_tally_without_a_listener_goes_on():
    """The parent is gone: what is still being answered is kept all the same."""
    reading, writing = os.pipe()
    os.close(reading)
    tally = Tally("sums", writing)
    tally.expect(1)
    tally.begin()
    tally.end()
    os.close(writing)
    assert tally._done == 1
