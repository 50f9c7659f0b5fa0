"""RedisServer: a private Redis for tests that keeps what it was told, whatever ends it."""

from __future__ import annotations

import os
import shutil
import subprocess

from private_server import PrivateServer, talk

_PROGRAM = "redis-server"
_KEEPS = ("--save", "", "--appendonly", "yes")


class RedisServer(PrivateServer):
    """One Redis whose writes are in the kernel's hands when they are answered."""

    kind = "REDIS"

    @classmethod
    def why_not(cls) -> str:
        """What keeps this server from being started here; nothing when it can be."""
        return "" if shutil.which(_PROGRAM) else f"not installed: {_PROGRAM} (Debian: redis-server)"

    @property
    def url(self) -> str:
        """Its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def is_answering(self) -> bool:
        """Whether it serves now."""
        return self.tell("PING") == "+PONG"

    def tell(self, *words: str) -> str:
        """The first line of the answer to a command, as it stands on the wire."""
        parts = [f"*{len(words)}", *(f"${len(word.encode())}\r\n{word}" for word in words), ""]
        return talk(self.port, "\r\n".join(parts).encode()).decode().partition("\r\n")[0]

    def _launch(self) -> subprocess.Popen[bytes]:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return self._spawn([_PROGRAM, *words, *_KEEPS], environ=os.environ, log="redis.log")
