"""Following one run: a bar on a terminal, lines elsewhere, one JSON object a happening for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from evaltrail.cli.show import ProgressLine, print_json
from evaltrail.service.history.happening import TICK, Happening

_UNIT_KINDS = frozenset({"claimed", "failed", "lost", "handed_back", "job"})


def follow(happenings: Iterable[Happening], evaluation_id: str, *, as_json: bool) -> None:
    """Tell what happens, until nothing more does.

    Args:
        happenings: of one run.
        evaluation_id: its id.
        as_json: one object a line on stdout; else people are told on stderr.
    """
    if as_json:
        for happening in happenings:
            if happening.kind != TICK:
                print_json(happening_object(happening, evaluation_id))
                sys.stdout.flush()
        return
    with ProgressLine() as progress:
        for happening in happenings:
            line = happening_line(happening)
            if line:
                progress.say(line)
            progress(happening.progress)


def happening_object(happening: Happening, evaluation_id: str) -> dict[str, object]:
    """Something that happened, for programs."""
    progress = happening.progress
    return {
        "event": happening.kind,
        "event_id": happening.event_id,
        "at": happening.at.isoformat(),
        "evaluation_id": evaluation_id,
        "unit_id": happening.unit_id or None,
        "state": happening.state,
        "progress": {"done": progress.done, "total": progress.total},
        "tokens": progress.tokens,
        "errors": dict(progress.errors),
        "data": happening.data,
    }


def happening_line(happening: Happening) -> str:
    """What people are told in a line of its own; empty = nothing."""
    said = " ".join(_said(happening).split())
    return f"{happening.unit_id}: {said}" if said and happening.kind in _UNIT_KINDS else said


def _said(happening: Happening) -> str:
    data = happening.data
    match happening.kind:
        case "claimed":
            attempt = data.get("attempt")
            return f"begun by {data.get('owner')}" + (f", attempt {attempt}" if attempt != 1 else "")
        case "failed":
            again = data.get("retry_in_s")
            then = f"again in {again:.0f} s" if isinstance(again, float | int) else "it is given up"
            return f"failed: {data.get('message')}; {then}"
        case "lost":
            then = "it waits again" if data.get("will_retry") else "it is given up"
            return f"{data.get('owner') or 'its worker'} fell silent; {then}"
        case "handed_back":
            return "handed back by its worker"
        case "job":
            code = data.get("exit_code")
            return f"{data.get('state')}" + (f", exit code {code}" if code else "")
    return _said_of_whole(happening)


def _said_of_whole(happening: Happening) -> str:
    data = happening.data
    is_called_off = happening.state in {"cancelling", "cancelled"}
    said = {
        "released": "" if is_called_off else _released(happening),
        "timed_out": f"its time is over: {data.get('units')} units that waited have failed",
        "cancelling": "it is being called off",
        "retried": f"{data.get('units')} units wait again",
        "ended": f"ended: {data.get('state')}",
        "away": f"{data.get('where')}: {data.get('message')}; waiting for it, the work goes on meanwhile",
        "back": f"the database of jobs is back: {data.get('where')}",
    }
    return said.get(happening.kind, "")


def _released(happening: Happening) -> str:
    if not happening.unit_id:
        return "the job that it comes after has ended"
    return "all tasks have ended; the last unit puts the result together and delivers it"
