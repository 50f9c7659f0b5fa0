"""What is done to queued evaluations: each scenario gives the account of one of them."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from installed import until

from command_files import write_command
from mock_endpoint import MockEndpoint
from private_postgres import PostgresServer
from private_rabbit import RabbitServer
from private_redis import RedisServer
from private_server import PrivateServer, descendants
from proof_backends import Backend
from proof_trial import CHILDREN, IN_FLIGHT, LEASE_S, Account, Trial

MANY = 1600
"""Samples that fall into 16 units."""
SOME = 800
"""Samples that fall into 10 units."""
FEW = 150
"""Samples that are one unit, too few to be cut."""
THREE = 240
"""Samples that fall into 3 units."""
_WHILE_ONE_STARTS_MS = 2000.0
WORKERS = 2
KILLED_SERVERS: Mapping[str, Sequence[type[PrivateServer]]] = {
    "sqlite": (),
    "postgresql": (PostgresServer,),
    "rabbitmq": (PostgresServer, RabbitServer),
    "redis": (RedisServer,),
}
"""Of each backend; PostgreSQL is not killed twice."""
POISON = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"


class Place(Protocol):
    """Where trials are made."""

    endpoint: MockEndpoint

    def folder(self) -> Path:
        """A new one."""

    def backend(self, name: str) -> AbstractContextManager[Backend]:
        """One with nothing queued."""


def random_kills(
    place: Place,
    name: str,
    *,
    points: int,
    seed: int,
    words: tuple[object, ...] = ("--no-deliver",),
    **environ: str,
) -> Account:
    """``kill -9`` at random points: of a worker with all its processes, of some of them, of servers.

    Args:
        place: where.
        name: of the backend.
        points: kills, among them of the servers that ``KILLED_SERVERS`` names; one more, where we are so fast, is of
            who puts the result together and delivers it.
        seed: of everything random.
        words: further ones of the command line.
        environ: further variables of the command.
    """
    chance, servers = random.Random(seed), KILLED_SERVERS[name]
    with (
        place.backend(name) as backend,
        Trial("kill -9", backend, place.endpoint, place.folder(), items=MANY, words=words, **environ) as trial,
    ):
        trial.submit()
        for _ in range(WORKERS):
            trial.start_worker()
        counts = sorted(chance.sample(range(MANY // 20, MANY * 9 // 10), points))
        deeds: list[Callable[[], None]] = [
            *(partial(_kill_server, trial, kind, chance) for kind in servers),
            *(partial(_kill_worker, trial, number, chance) for number in range(points - len(servers))),
        ]
        chance.shuffle(deeds)
        for count, deed in zip(counts, deeds, strict=True):
            trial.await_answers(count)
            with trial.slowed():
                deed()
        _kill_the_last_unit(trial)
        return trial.await_end()


def _kill_worker(trial: Trial, number: int, chance: random.Random) -> None:
    """Kill, in turn: who has a unit, a main process, any process below one, a worker with all its processes."""
    owners, worker = sorted(trial.owners()), chance.choice(trial.workers)
    match number % 4:
        case 0 if owners:
            trial.kill_process(chance.choice(owners))
        case 1:
            trial.kill_worker(worker, main_alone=True)
            trial.start_worker()
        case 2 if below := sorted(descendants(worker.pid)):
            trial.kill_process(chance.choice(below), holds=CHILDREN)
        case _:
            trial.kill_worker(worker)
            trial.start_worker()


def _kill_server(trial: Trial, kind: type[PrivateServer], chance: random.Random) -> None:
    (server,) = (each for each in trial.backend.servers if isinstance(each, kind))
    trial.kills += 1
    server.kill()
    time.sleep(chance.uniform(0.0, LEASE_S))
    server.start()


def _kill_the_last_unit(trial: Trial) -> None:
    """Kill who puts the result together and delivers it, if we are so fast."""

    def is_last_begun() -> bool:
        return trial.detail().units[-1].state not in {"held", "waiting"}

    trial.until(is_last_begun)
    last = trial.detail().units[-1]
    if last.state == "running":
        trial.kill_process(int(last.owner.rpartition(":")[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """How a unit went from hand to hand."""

    account: Account
    first_call_s: float
    """From the kill of its worker to the first call of another one that was there."""
    late_rows: int
    """What the worker that was stopped, and went on later, wrote into the journal of the one after it."""
    said: str
    """By that worker."""


def taken_over(place: Place, name: str) -> TakenOver:
    """One unit, whose worker is killed, whose next one is stopped past its lease and goes on beside the third one."""
    with (
        place.backend(name) as backend,
        Trial("SIGSTOP", backend, place.endpoint, place.folder(), items=FEW, latency_ms=100.0) as trial,
    ):
        trial.submit()
        first = trial.start_worker(children=1)
        trial.await_answers(FEW // 5)
        with trial.slowed(_WHILE_ONE_STARTS_MS):
            for _ in range(2):
                trial.start_worker(children=1)
            trial.await_idle_worker()
            assert trial.owner_of_all() is first
            trial.kill_worker(first)
            asked, began = place.endpoint.stats()["total"], time.monotonic()
            trial.until(lambda: place.endpoint.stats()["total"] > asked)
            first_call_s = time.monotonic() - began
        trial.await_answers(trial.answers() + 2 * IN_FLIGHT)
        (pid,) = trial.owners()
        stopped = trial.owner_of_all()
        trial.signal(stopped, signal.SIGSTOP)
        trial.await_answers(trial.answers() + 4 * IN_FLIGHT)

        def let_it_go_on() -> None:
            trial.signal(stopped, signal.SIGCONT)
            until(lambda: not trial.has_journal_open(pid))

        with trial.slowed():
            # its answers came long ago: without this the database tells it that it is late before it looks at them
            trial.while_unanswered(let_it_go_on)
            done = trial.end_worker(stopped)
            late_rows = trial.doubled_rows()
        assert done.code == 0, done.err
        return TakenOver(account=trial.await_end(), first_call_s=first_call_s, late_rows=late_rows, said=done.err)


def servers_restarted(place: Place, name: str) -> Account:
    """All hints thrown away before anybody saw them; then the broker and the database stopped and started again."""
    with (
        place.backend(name) as backend,
        Trial("restarts", backend, place.endpoint, place.folder(), items=SOME, latency_ms=60.0) as trial,
    ):
        trial.submit()
        trial.kills += backend.broker is not None
        backend.purge()
        trial.start_worker()
        for number, server in enumerate(reversed(backend.servers), 1):
            trial.await_answers(trial.items * number // 4)
            trial.kills += 1
            with trial.slowed():
                server.restart()
        trial.await_answers(trial.items * 3 // 4)
        if backend.broker is not None:
            trial.kills += 1
            with trial.slowed():
                backend.purge()
        return trial.await_end()


def long_units(place: Place) -> tuple[Account, list[int], bool]:
    """Units that each last longer than RabbitMQ waits for the acknowledgement of a message; a hint waits behind them.

    Returns:
        The account; attempts of each unit; whether the worker is alive at the end.
    """
    with place.backend("rabbitmq") as backend:
        assert isinstance(backend.broker, RabbitServer)
        with (
            backend.broker.impatient(),
            Trial("long units", backend, place.endpoint, place.folder(), items=THREE, latency_ms=120.0) as trial,
        ):
            trial.submit()
            worker = trial.start_worker(children=1)
            account = trial.await_end()
            assert backend.broker.closes_silent_channels()
            return account, [unit.attempt for unit in trial.detail().units], worker.poll() is None


def poisoned(place: Place, name: str) -> tuple[Account, list[tuple[str, int, str]]]:
    """A task whose program kills the worker that runs it, beside a good one.

    Returns:
        The account; state, attempts and last error of each unit.
    """
    with (
        place.backend(name) as backend,
        Trial("poison", backend, place.endpoint, place.folder(), items=FEW, latency_ms=1.0) as trial,
    ):
        write_command(trial.command.home / "commands", "poison", POISON)
        trial.tasks.append("command/poison")
        trial.submit()
        trial.start_worker()
        account = trial.await_end()
        units = [(unit.state, unit.attempt, unit.error.code if unit.error else "") for unit in trial.detail().units]
        return account, units


def killed_in_turn(place: Place, name: str, *, kills: int) -> Account:
    """So many kills of a worker with all its processes, each of which another one follows; none = nothing happens."""
    with (
        place.backend(name) as backend,
        Trial(f"{kills} kills", backend, place.endpoint, place.folder(), items=THREE) as trial,
    ):
        trial.submit()
        trial.start_worker(children=1)
        for number in range(1, kills + 1):
            trial.await_answers(trial.items * number // (kills + 1))
            trial.kill_worker(trial.workers[0])
            trial.start_worker(children=1)
        return trial.await_end()
