"""A real Slurm of one node for tests: munged, slurmctld and slurmd below a folder, ended by their pids."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from evaltrail.executors.slurm import job_word, slurm_states
from mlflow_server import free_port

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"
_START_S = 30.0
_END_S = 30.0

_CONF = """\
ClusterName=evaltrail
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
MessageTimeout=5
KillWait=5
NodeName=localhost NodeAddr=127.0.0.1 CPUs=16 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
# linuxproc: what a job starts in a session of its own ends with it, as under cgroups, and not so under pgid.
# config_overrides: sixteen small jobs may run side by side, however few processors there are.


def why_not() -> str:
    """What keeps a cluster from being started here; nothing when it can be."""
    if os.geteuid() != 0:
        return "Slurm's daemons of these tests need root"
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: slurmctld slurmd slurm-client munge)"
    try:
        pwd.getpwnam("munge")
    except KeyError:
        return "there is no user munge"
    return ""


class SlurmCluster:
    """One cluster of one node on ports of 127.0.0.1, with one partition ``main`` and without accounting.

    Its folder is gone when it ends.
    """

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self._folder.chmod(0o711)  # munged is not root
        self.conf = self._folder / "slurm.conf"
        self.environ: Mapping[str, str] = {**os.environ, "PATH": _PATH, "SLURM_CONF": str(self.conf)}
        self._daemons: list[subprocess.Popen[bytes]] = []
        try:
            self._start_munge()
            self._start_slurm()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if len(self._daemons) > 1:  # slurmstepd and the jobs would live on
            self._run("scancel", "--full", "--signal=KILL", "--user=root")
            with suppress(RuntimeError):
                self._await(lambda: not self._run("squeue", "--noheader"), "jobs live on")
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait(timeout=10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def ended(self, job: str, *, within_s: float = _END_S) -> str:
        """Slurm's word for a job that has ended; waited for."""
        self._await(lambda: job_word(self._state(job)) not in {"pending", "running"}, f"job {job} goes on", within_s)
        return self._state(job)

    def running(self, job: str) -> None:
        """Wait until a job runs."""
        self._await(lambda: self._state(job) == "RUNNING", f"job {job} does not start")

    def hasten(self, job: str) -> None:
        """Bring a running job's time limit near; Slurm looks after limits every 30 s."""
        self._run("scontrol", "update", f"JobId={job}", "EndTime=now+1")

    def told(self, job: str, field: str) -> str:
        """One field of ``scontrol show job``, to the end of its word; ``Comment`` to the end of its line."""
        text = self._run("scontrol", "show", "job", job)
        value = r".*" if field == "Comment" else r"\S*"
        found = re.search(rf"\b{field}=({value})", text)
        assert found, text
        return found[1]

    def _state(self, job: str) -> str:
        return slurm_states([job], self.environ).get(job, "")

    def _start_munge(self) -> None:
        account = pwd.getpwnam("munge")
        folder = self._folder / "munge"
        folder.mkdir(mode=0o711)
        key = folder / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        for path in (folder, key):
            os.chown(path, account.pw_uid, account.pw_gid)
        files = {"socket": "socket", "key-file": "key", "log-file": "log", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={folder / name}" for option, name in files.items()]
        self._daemon("munged", "--foreground", *options, user=account.pw_uid, group=account.pw_gid, extra_groups=())
        self._await((folder / "socket").exists, "munged does not come up")

    def _start_slurm(self) -> None:
        for name in ("state", "spool"):
            (self._folder / name).mkdir(mode=0o755)
        text = _CONF.format(folder=self._folder, ctld_port=free_port(), node_port=free_port())
        self.conf.write_text(text)
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", "localhost")
        self._await(lambda: self._run("sinfo", "--noheader", "--format=%T").strip() == "idle", "the node is not idle")

    def _daemon(self, program: str, *arguments: str, **account: object) -> None:
        command = [shutil.which(program, path=_PATH) or program, *arguments]
        with (self._folder / f"{program}.out").open("ab") as log:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    env=dict(self.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    **account,
                )
            )

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], env=dict(self.environ), capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout

    def _await(self, holds: Callable[[], bool], complaint: str, within_s: float = _START_S) -> None:
        ends = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > ends or any(daemon.poll() is not None for daemon in self._daemons):
                said = "\n".join(file.read_text()[-1500:] for file in sorted(self._folder.glob("slurm*.log")))
                raise RuntimeError(f"{complaint}:\n{said}")
            time.sleep(0.05)


@contextmanager
def only_cluster() -> Iterator[SlurmCluster]:
    """A cluster for the tests of a file; processes that test this code beside each other have one in turn.

    Skips the test where none can be started; in CI that is a failure.
    """
    reason = why_not()
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with SlurmCluster() as cluster:
            yield cluster
