"""The child that looks at a large file: one question on stdin, one answer on stdout, within bounds of its own."""

from __future__ import annotations

import resource
import sys

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.service.submitting.upload_look import LookQuestion, looked

_MEMORY_BYTES = 2_000_000_000
_CPU_S = 120

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    asked = decoded(sys.stdin.buffer.read(), LookQuestion)
    sys.stdout.buffer.write(msgspec.json.encode(looked(asked)))
