"""RabbitServer: a private RabbitMQ for tests, with an Erlang port mapper, a cookie and a home of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow_server import free_port
from private_server import START_S, PrivateServer, end, talk

_BIN = Path("/usr/lib/rabbitmq/bin")  # Debian's wrappers in PATH change the user and the folder
_GREETING = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01\x00\x00"
_END_OF_PATIENCE_S = 10.0


class RabbitServer(PrivateServer):
    """One node without plugins, with the user guest:guest; its port mapper outlives stops and kills of the node."""

    kind = "AMQP"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self._mapper: subprocess.Popen[bytes] | None = None
        self._mapper_port, self._nodes_port = free_port(), free_port()
        self._node = f"rabbit-{self.port}@localhost"

    @classmethod
    def why_not(cls) -> str:
        """What keeps this server from being started here; nothing when it can be."""
        missing = [name for name in ("rabbitmq-server", "rabbitmqctl") if not _program(name)]
        missing += [name for name in ("epmd", "erl") if not shutil.which(name)]
        return f"not installed: {', '.join(missing)} (Debian: rabbitmq-server)" if missing else ""

    @property
    def url(self) -> str:
        """Its first virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def is_answering(self) -> bool:
        """Whether it serves now."""
        return talk(self.port, _GREETING).startswith(_METHOD_FRAME)

    @property
    def ends(self) -> list[tuple[int, int]]:
        """The node, and then its port mapper."""
        assert self._mapper is not None
        return [*super().ends, (self._mapper.pid, self.stop_signal)]

    def purge(self, queue: str) -> None:
        """Throw away every message that waits in a queue."""
        self.control("purge_queue", queue)

    @contextmanager
    def impatient(self, *, ack_s: float = 1.0) -> Iterator[None]:
        """Close channels whose consumer does not acknowledge a message within so long: 30 minutes as a rule.

        It holds for channels that are opened while the block runs. The server looks every half of that time.
        """
        self._set_waits(ack_ms=round(1000 * ack_s), tick_ms=round(500 * ack_s))
        try:
            yield
        finally:
            self._set_waits(ack_ms=1_800_000, tick_ms=60_000)

    def closes_silent_channels(self) -> bool:
        """Whether it loses patience, now, with a consumer that takes a message and says nothing."""
        import amqp  # noqa: PLC0415  Celery's own driver, which few tests need

        queue = f"silent.{secrets.token_hex(4)}"
        with amqp.Connection(f"127.0.0.1:{self.port}", userid="guest", password="guest") as line:
            channel = line.channel()
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
            channel.basic_consume(queue, callback=lambda _: None)
            channel.basic_publish(amqp.Message("unanswered"), routing_key=queue)
            try:
                line.drain_events(timeout=_END_OF_PATIENCE_S)
                line.drain_events(timeout=_END_OF_PATIENCE_S)
            except amqp.PreconditionFailed:
                return True
            except TimeoutError:
                return False
        return False

    def _set_waits(self, *, ack_ms: int, tick_ms: int) -> None:
        values = {"consumer_timeout": ack_ms, "channel_tick_interval": tick_ms}
        said = self.control(
            "eval", "".join(f"ok = application:set_env(rabbit, {k}, {v}), " for k, v in values.items()) + "ok."
        )
        assert said == "ok", said

    def control(self, *words: str) -> str:
        """What ``rabbitmqctl`` answers; takes about half a second."""
        done = subprocess.run(
            [_program("rabbitmqctl"), "--node", self._node, *words],
            env=self._environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"rabbitmqctl {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def close(self) -> None:
        """End everything that was started, and take a temporary folder away."""
        self.stop()
        if self._mapper is not None:
            end([(self._mapper.pid, self.stop_signal)])
            self._mapper.wait()
            self._mapper = None
        super().close()

    def _prepare(self) -> None:
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        for name in ("mnesia", "log"):
            (self.folder / name).mkdir()
        (self.folder / "environment.conf").touch()
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        command = [shutil.which("epmd") or "epmd", "-port", str(self._mapper_port), "-address", "127.0.0.1"]
        self._mapper = self._spawn(command, environ=self._environ(), log="epmd.log")
        ends = time.monotonic() + START_S
        while not talk(self._mapper_port, b"\x00\x01n"):  # its names, please
            assert time.monotonic() < ends, "the port mapper does not come up"
            time.sleep(0.02)

    def _launch(self) -> subprocess.Popen[bytes]:
        # Without this word a shell stands between us and the node, and kill -9 would not reach the node.
        environ = {**self._environ(), "RUNNING_UNDER_SYSTEMD": "true"}
        return self._spawn([_program("rabbitmq-server"), "-start_epmd", "false"], environ=environ, log="rabbitmq.log")

    def _environ(self) -> dict[str, str]:
        """Everything that would else be shared with a RabbitMQ of this machine."""
        own = {
            "CONF_ENV_FILE": self.folder / "environment.conf",
            "CONFIG_FILE": self.folder / "rabbitmq.conf",
            "DIST_PORT": self._nodes_port,
            "ENABLED_PLUGINS_FILE": self.folder / "plugins",
            "LOG_BASE": self.folder / "log",
            "MNESIA_BASE": self.folder / "mnesia",
            "NODENAME": self._node,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return {
            **kept,
            **{f"RABBITMQ_{name}": str(value) for name, value in own.items()},
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


def _program(name: str) -> str:
    """Where one of RabbitMQ's programs is; empty where it is not."""
    return shutil.which(name, path=f"{_BIN}:{os.environ.get('PATH', '')}") or ""
