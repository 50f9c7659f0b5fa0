"""Supervisor: keeps several processes standing until it is told to leave; then none of them is left."""

from __future__ import annotations

import http.client
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from evaltrail.bundle.folders import make_private
from evaltrail.core.errors import EvaltrailError, InputError, StorageError
from evaltrail.service.standing.guard import Guard
from evaltrail.service.standing.part import Part, PartOrder, ended_words
from evaltrail.service.standing.rotated_log import RotatedLog

_TURN_S = 0.1
_PROBE_S = 1.0
_MOST_STARTS = 3
"""In a row, of a process that has never stood or says that it cannot work."""
START_S = 180.0
LEAVE_S = 24.0
"""That processes are given to end by themselves; those that end last are given a fifth of it beyond."""
_ORPHANS_S, _LAST_ORPHANS_S = 3.0, 0.5
"""What a process that was killed left running is given; and one that ended in order, which waits for its own."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Starts processes side by side, and starts again what dies.

    Args:
        orders: what is to stand; the last ones end last.
        logs: folder of what they print.
        notice: told, in one sentence, what a person watching wants to know.
        show: told what a process prints, by its name.
        lasting: how many of the orders, counted from the end, end only when the others have.

    Raises:
        StorageError: the folder or a log cannot be written.
    """

    def __init__(
        self,
        orders: Sequence[PartOrder],
        logs: Path,
        *,
        notice: Callable[[str], None],
        show: Callable[[str, bytes], None] = lambda _name, _data: None,
        lasting: int = 0,
    ) -> None:
        make_private(logs)
        files = {order.log: RotatedLog(logs / order.log) for order in orders}
        self._parts = tuple(Part(order, files[order.log], show=show) for order in orders)
        self._files = tuple(files.values())
        self._lasting = lasting
        self._notice = notice
        self._selector = selectors.DefaultSelector()
        self._guard: Guard | None = None
        self._told_to_leave = 0

    @property
    def pids(self) -> tuple[tuple[str, int], ...]:
        """Name and process of each; 0 = it does not run just now."""
        return tuple((part.order.name, part.pid) for part in self._parts)

    def run(self, ready: Callable[[], None], *, start_s: float = START_S, leave_s: float = LEAVE_S) -> None:
        """Keep everything standing until SIGTERM, SIGINT or SIGHUP comes; then all processes end.

        Args:
            ready: called once, when everything stands.
            start_s: within which everything has to stand for the first time.
            leave_s: that processes are given to end by themselves; a second signal kills them.

        Raises:
            InputError: a process says that it cannot work like that.
            EvaltrailError: one ends again and again without ever having stood, or does not come to stand.
        """
        wanted = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._leave) for number in wanted}
        try:
            self._stand(ready, time.monotonic() + start_s)
        finally:
            self._end_all(leave_s)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        self._told_to_leave += 1

    def _stand(self, ready: Callable[[], None], ends: float) -> None:
        is_told = False
        while not self._told_to_leave:
            self._turn()
            if is_told:
                continue
            if all(part.is_ready for part in self._parts):
                is_told = True
                ready()
            elif time.monotonic() > ends:
                raise self._not_standing(next(part for part in self._parts if not part.is_ready), "does not answer")

    def _turn(self) -> None:
        guard = self._living_guard()
        for part in self._parts:
            if not part.pid and time.monotonic() >= part.starts_at and self._is_clear(part, patience_s=_ORPHANS_S):
                self._start(part, guard)
        self._listen(_TURN_S)
        for part in self._parts:
            if part.has_ended():
                self._bury(part)
                self._tell_of_death(part)
            elif part.pid and not part.is_ready and _stands(part):
                part.is_ready = True
                if part.has_stood:
                    self._notice(f"{part.order.name} stands again, process {part.pid}")
                part.has_stood = True

    def _start(self, part: Part, guard: Guard) -> None:
        """Start it; where there is no room for another process just now, later."""
        try:
            part.start()
        except StorageError as error:
            if not part.has_stood and part.deaths >= _MOST_STARTS:
                raise
            self._notice(f"{error}; it is tried again")
        else:
            guard.watch(part.pid)
            self._selector.register(part.output, selectors.EVENT_READ, part)

    def _living_guard(self) -> Guard:
        """The guard, or a new one in place of one that was ended, as soon as there is room for it."""
        if self._guard is None or not self._guard.is_alive():
            try:
                self._guard = Guard()
            except StorageError:
                if self._guard is None:
                    raise
                return self._guard
            for part in self._parts:
                for group in filter(None, (part.pid, part.group_left)):
                    self._guard.watch(group)
        return self._guard

    def _is_clear(self, part: Part, *, patience_s: float) -> bool:
        """Whether nothing is left of the process that died."""
        group = part.group_left
        if not part.is_clear(patience_s=patience_s):
            return False
        if group and self._guard is not None:
            self._guard.forget(group)
        return True

    def _listen(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Part) and not key.data.read():
                self._selector.unregister(key.fd)

    def _bury(self, part: Part) -> None:
        if part.output in self._selector.get_map():
            self._selector.unregister(part.output)
        part.bury()

    def _tell_of_death(self, part: Part) -> None:
        """Say that it died, once for deaths in a row; what another start does not mend is not started for ever."""
        words = ended_words(part.code)
        is_mistaken, is_tried = part.code == InputError.exit_code, part.deaths >= _MOST_STARTS
        if (is_mistaken and is_tried) or (not part.has_stood and (is_mistaken or is_tried)):
            raise self._not_standing(part, words)
        if part.has_stood and part.deaths == 1:
            self._notice(f"{part.order.name} {words}; it is started again")

    def _not_standing(self, part: Part, words: str) -> EvaltrailError:
        last = " / ".join(part.log.last_lines(1))
        told = last.removeprefix("error: ")
        kind = InputError if part.code == InputError.exit_code else EvaltrailError
        return kind(
            f"{part.order.name} {words}" + (f": {told[:500]}" if told else ""),
            code="not_standing",
            hint=f"{part.log.file} tells more",
        )

    def _end_all(self, leave_s: float) -> None:
        """End all processes; those that others need are ended last."""
        count = len(self._parts) - self._lasting
        try:
            self._end(self._parts[:count], leave_s, told=1)
            self._end(self._parts[count:], leave_s / 5, told=max(1, self._told_to_leave))
        finally:
            for part in self._parts:
                part.tell(signal.SIGKILL)
            if self._guard is not None:
                for part in self._parts:
                    self._guard.forget(part.pid or part.group_left)
                self._guard.close()
            self._selector.close()
            for file in self._files:
                file.close()

    def _end(self, parts: Sequence[Part], leave_s: float, *, told: int) -> None:
        """End these processes; who is told to leave more often than ``told`` waits for nobody."""
        ends, is_killed = time.monotonic() + leave_s, False
        for part in parts:
            part.tell(signal.SIGTERM)
        while any(part.pid or not self._is_clear(part, patience_s=_LAST_ORPHANS_S) for part in parts):
            if not is_killed and (time.monotonic() > ends or self._told_to_leave > told):
                is_killed = True
                for part in parts:
                    if part.pid:
                        self._notice(f"{part.order.name} does not end: it is killed")
                    part.tell(signal.SIGKILL)
            self._listen(_TURN_S / 2)
            for part in parts:
                if part.has_ended():
                    self._bury(part)


def _stands(part: Part) -> bool:
    """Whether a process that runs has come to stand."""
    if not part.order.url:
        return part.has_said
    url = urlsplit(part.order.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_PROBE_S)
    try:
        connection.request("GET", url.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
