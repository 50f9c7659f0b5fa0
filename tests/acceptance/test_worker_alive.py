"""Who is alive comes from the table: `worker --check` and `doctor`."""

from __future__ import annotations

import os
import signal

import pytest
from installed import Installed, ended, until
from sums import write_sums


@pytest.mark.slow
def test_a_worker_is_alive_from_its_first_sign_of_life_to_its_end(tmp_path, endpoint):
    """Also when its process is there but stands still; who waits for nobody is told."""
    command = Installed(tmp_path, EVALTRAIL_LEASE_SECONDS="1.5")
    try:
        assert "which the first" in queue_check(command)["found"]
        words = ("run", write_sums(command.cwd, 2), "--model", "m", "--url", endpoint.url, "--no-deliver", "--detach")
        assert "no worker of the queue 'default' is alive" in command(*words).err
        assert queue_check(command)["ok"] is False
        assert "1 unit waits and no worker is alive" in queue_check(command)["found"]
        assert command("worker", "--check").code == 1
        worker = command.start("worker")
        until(lambda: command("worker", "--check").code == 0, seconds=30)
        assert queue_check(command)["ok"]
        assert [found["pid"] for found in command("jobs", "workers", "--json").object["workers"]] == [worker.pid]
        assert "is alive" not in command(*words).err
        os.kill(worker.pid, signal.SIGSTOP)
        until(lambda: command("worker", "--check").code == 1, seconds=30)
        os.kill(worker.pid, signal.SIGCONT)
        until(lambda: command("worker", "--check", "--json").object["ok"], seconds=30)
        worker.terminate()
        assert ended(worker).code == 0
        assert command("worker", "--check", "--json").object == {"ok": False, "exit_code": 1, "workers": []}
    finally:
        command.end_all()


def queue_check(command):
    checks = command("doctor", "--json").object["checks"]
    return next(check for check in checks if check["what"] == "queue")
