"""The service in this process, in a thread of its own, on a real port over a real database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import Settings, load_settings
from evaltrail.server.assembly import assembled
from evaltrail.server.run import _on_loop, _Server, address_of, listening
from service_client import ServiceClient

_PATIENCE_S = 20


def own_settings(folder: Path, **environ: str) -> Settings:
    """Settings whose home lies in a folder; MLflow is a file there that nobody has made."""
    usual = {
        "EVALTRAIL_HOME": str(folder / "home"),
        "EVALTRAIL_DATA_ROOT": str(folder),
        "EVALTRAIL_RATE_LIMIT": "0",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
    }
    return load_settings({**usual, **environ}, dotenv=None)


@contextmanager
def running_service(settings: Settings, lines: list[bytes], **limits: int) -> Iterator[ServiceClient]:
    """A client of a service that runs as long as the block does.

    Args:
        settings: of the service, all in all.
        lines: takes the lines of its log.
        limits: of the service that are others than usual.
    """
    service = replace(load_service_settings(settings, port=0), **limits)
    ready = threading.Event()
    with listening(service.host, 0) as listener, assembled(settings, service, write=lines.append) as parts:
        server = _Server(parts, ready.set)

        def run() -> None:
            with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
                runner.run(_on_loop(server, listener))

        thread = threading.Thread(target=run, name="service", daemon=True)
        thread.start()
        assert ready.wait(_PATIENCE_S), "the service did not start"
        try:
            yield ServiceClient(address_of(listener, service.host))
        finally:
            server.handle_exit(0, None)
            thread.join(_PATIENCE_S)
            assert not thread.is_alive(), "the service did not end"
