"""What is told of a run that is watched, and the flags around it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import pytest

from evaltrail.cli import run, run_tasks, status
from evaltrail.cli.show import ProgressLine
from evaltrail.cli.watch import happening_line, happening_object
from evaltrail.core.errors import InputError
from evaltrail.core.progress import Progress
from evaltrail.service.history.happening import Happening, label

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def happening(kind, unit_id="", *, so_far="running", **data):
    progress = Progress(task="t", done=3, total=9, tokens=40, errors={"garbage": 1})
    return Happening(kind=kind, at=AT, state=so_far, progress=progress, unit_id=unit_id, data=data)


@pytest.mark.parametrize(
    ("happened", "line"),
    [
        (happening("claimed", "j.0", owner="host:7", attempt=1), "j.0: begun by host:7"),
        (happening("claimed", "j.0", owner="host:7", attempt=2), "j.0: begun by host:7, attempt 2"),
        (happening("failed", "j.0", message="gone\n away", retry_in_s=5.0), "j.0: failed: gone away; again in 5 s"),
        (happening("failed", "j.0", message="gone", retry_in_s=None), "j.0: failed: gone; it is given up"),
        (happening("lost", "j.0", owner="host:7", will_retry=True), "j.0: host:7 fell silent; it waits again"),
        (happening("lost", "j.0", owner="host:7", will_retry=False), "j.0: host:7 fell silent; it is given up"),
        (happening("handed_back", "j.0"), "j.0: handed back by its worker"),
        (happening("job", "i.1", state="failed", exit_code=1), "i.1: failed, exit code 1"),
        (happening("retried", units=2), "2 units wait again"),
        (happening("ended", state="completed"), "ended: completed"),
        (happening("back", where="jobs.db"), "the database of jobs is back: jobs.db"),
        (happening("progress", "j.0", done=3), ""),
        (happening("finished", "j.0"), ""),
        (happening("tick"), ""),
        (happening("of_a_later_version"), ""),
    ],
)
def test_only_what_is_worth_a_line_has_one(happened, line):
    """One line each, whatever the message holds; a kind of a later version is passed over."""
    assert happening_line(happened) == line


def test_a_cancelled_run_is_not_said_to_deliver():
    """Its last unit only puts things in order."""
    assert "delivers" in happening_line(happening("released", "j.1"))
    assert happening_line(happening("released", "j.1", so_far="cancelling")) == ""
    assert happening_line(happening("released")) == "the job that it comes after has ended"


def test_that_the_time_is_over_is_told():
    """With how much was not begun."""
    assert happening_line(happening("timed_out", units=4)) == "its time is over: 4 units that waited have failed"


def test_programs_get_the_event_and_how_far_the_whole_is():
    """The queue's data as they are, beside the progress of all units."""
    assert happening_object(happening("failed", "j.0", code="endpoint"), "j") == {
        "event": "failed",
        "event_id": None,
        "at": AT.isoformat(),
        "evaluation_id": "j",
        "unit_id": "j.0",
        "state": "running",
        "progress": {"done": 3, "total": 9},
        "tokens": 40,
        "errors": {"garbage": 1},
        "data": {"code": "endpoint"},
    }


def test_a_bar_is_called_after_its_task_or_their_number():
    """A bar has one line."""
    assert (label(("capitals",)), label(("a", "b"))) == ("capitals", "2 tasks")


def test_a_line_of_its_own_leaves_no_rest_of_the_bar(capsys):
    """It is written over the bar, which the next report draws again."""
    progress = ProgressLine()
    progress._is_terminal = True
    progress(Progress(task="t", done=1, total=2))
    bar = capsys.readouterr().err
    progress.say("lost")
    assert capsys.readouterr().err == "\r" + " " * len(bar.removeprefix("\r")) + "\rlost\n"


@pytest.mark.parametrize("ids", [[], ["a", "b"]])
def test_one_run_is_watched(ids):
    """Neither none nor two."""
    parser = argparse.ArgumentParser()
    status.add_arguments(parser)
    arguments = parser.parse_args([*ids, "--watch"])
    arguments.json = False
    with pytest.raises(InputError, match="follows one run"):
        status.execute(arguments)


def order_of(*words):
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    return parser.parse_args(["x.yaml", "--model", "m", *words])


@pytest.mark.parametrize("words", [("--queue", "gpu"), ("--priority", "0"), ("--idempotency-key", "k")])
def test_flags_of_the_queue_want_something_queued(words):
    """Nobody believes that a run here has a priority."""
    with pytest.raises(InputError, match=words[0]) as caught:
        run_tasks.execute(order_of(*words))
    assert "--detach" in caught.value.hint


@pytest.mark.parametrize("name", ["a,b", " a", "a "])
def test_a_queue_has_a_name_that_workers_can_be_given(name):
    """`--queues` takes several with commas, and cuts blanks off."""
    with pytest.raises(InputError, match="cannot be the name of a queue") as caught:
        run_tasks.execute(order_of("--detach", "--queue", name))
    assert caught.value.where == "--queue"
