"""The provider `command`: any program of the operator's that leaves a folder which a reader knows."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaltrail.bundle.folders import make_private, write_whole
from evaltrail.config.secret_names import is_secret_name
from evaltrail.config.settings import load_settings
from evaltrail.core.dataset import Dataset
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ids import digest, nearest
from evaltrail.core.ports import FolderCall
from evaltrail.core.progress import Progress
from evaltrail.core.request import EvaluationRequest, RequestLimits
from evaltrail.core.values import Json, Scalar
from evaltrail.providers.command_file import CommandFile, param_values, read_command
from evaltrail.providers.log_tail import last_line
from evaltrail.providers.process import run_process
from evaltrail.providers.tasks import NAME

PROVIDER = "command"
_USUAL = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "TZ", "TMPDIR", "TERM")
"""Variables that every program may see."""
_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_OUT, _ENDED = "results", "ended"
_HOW = ("model", "url", "concurrency", "timeout", "rpm", "tpm", "max-retries")
"""Places that say whom to ask and how hard; neither decides what is asked."""
_NOT_IGNORED = ("limit", "samples", "seed", "repeats", "rpm", "tpm")
"""Settings that nobody gives without meaning it."""
_ENDINGS = (".yaml", ".yml")


@dataclass(kw_only=True)
class CommandTask:
    """A task that a program of the operator's runs."""

    command: CommandFile
    request: EvaluationRequest
    name: str
    provider_version: str
    leaves: str
    total: int
    provider: str = PROVIDER
    repeats: int = 1
    dataset: Dataset | None = None
    """The reader tells it from what the program leaves."""

    @property
    def identity(self) -> str:
        """Digest of everything that decides what is asked and how it is scored, except the model."""
        values = _values(self.command, self.request, self.request.limits)
        kept: dict[str, Json] = {place: value for place, value in values.items() if place not in _HOW}
        return digest([PROVIDER, self.command.digest, kept])

    def config(self) -> Mapping[str, Scalar]:
        """The settings that become params, flat."""
        return {"command.digest": self.command.digest}

    def run(self, folder: Path, call: FolderCall) -> Path:
        """The folder that holds the results now.

        Args:
            folder: of this task alone; a program that ended well in an earlier call is not run again.
            call: whom to ask, and how.

        Raises:
            InputError: the program cannot be started.
            StorageError: the disk refuses.
            EvaltrailError: the program failed, or its time was over; the message holds its last line.
            KeyboardInterrupt: it came while the program ran, which has ended.
        """
        out, ended = folder / _OUT, folder / _ENDED
        if ended.is_file() and out.is_dir():
            return out
        ended.unlink(missing_ok=True)  # what is made now may be cut short, unlike what it told of
        if not self.command.resumes:
            shutil.rmtree(out, ignore_errors=True)
        make_private(out)
        call.on_progress(Progress(task=self.name, done=0, total=self.total or None))
        self._run(out, call)
        _drop_links(out)
        write_whole(ended, b"")
        if self.total:
            call.on_progress(Progress(task=self.name, done=self.total, total=self.total))
        return out

    def _run(self, out: Path, call: FolderCall) -> None:
        command = self.command
        values = {**_values(command, self.request, call.limits), "out": str(out.absolute())}
        done = run_process(
            command.filled(values),
            cwd=command.file.parent,
            environ=_environ(command, call),
            log=call.log,
            timeout_s=command.timeout_s,
            secrets=(call.api_key, *call.secrets, *_secrets(command, call.environ)),
        )
        if not done.is_timed_out and not done.code:
            return
        how = f"was ended after {command.timeout_s:g} s" if done.is_timed_out else f"ended with code {done.code}"
        raise EvaltrailError(
            f"{command.words[0]} {how}: {last_line(call.log)}",
            code="command_timeout" if done.is_timed_out else "command_failed",
            where=f"{PROVIDER}/{self.name}",
            hint=f"{call.log} holds all that it said",
        )


def command_task(
    name: str, request: EvaluationRequest, *, datasets_dir: Path | None, environ: Mapping[str, str]
) -> CommandTask:
    """The task of a command file, checked.

    Which program runs is said by the operator's files alone: no parameter of a request names a file or a word of it.

    Args:
        name: of a file in the folder of commands, without its ending.
        request: what was asked for; its ``params`` fill the places ``{param.NAME}``.
        datasets_dir: EVALTRAIL_DATASETS_DIR; none of a command's.
        environ: every variable; EVALTRAIL_COMMANDS_DIR is the folder of commands.

    Raises:
        InputError: there is no such file, or it is wrong; a place has no value; a setting cannot be handed on.
    """
    del datasets_dir
    command = read_command(_file(name, load_settings(environ, None).commands_dir))
    _check_program(command, environ)
    _check_request(command, request)
    command.filled({**_values(command, request, request.limits), "out": "out"})
    return CommandTask(
        command=command,
        request=request,
        name=command.name,
        provider_version=command.version,
        leaves=command.leaves,
        total=command.total,
    )


def command_names(environ: Mapping[str, str]) -> list[str]:
    """The names of all command files, sorted."""
    return sorted(_files(load_settings(environ, None).commands_dir))


def _file(name: str, folder: Path) -> Path:
    files = _files(folder)
    if name not in files or not NAME.fullmatch(name):
        hint = nearest(name, files) or f"commands there: {', '.join(files) or 'none'}"
        raise InputError(
            f"no command is called {name!r:.80} in {folder}",
            code="unknown_task",
            hint=f"{hint}; EVALTRAIL_COMMANDS_DIR names the folder",
        )
    return files[name]


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {file.stem: file for file in sorted(folder.iterdir()) if file.suffix in _ENDINGS and file.is_file()}


def _check_program(command: CommandFile, environ: Mapping[str, str]) -> None:
    """Refuse a program that is not there.

    Raises:
        InputError: it is not.
    """
    program, folder = command.words[0], command.file.parent
    place = str(folder / program) if "/" in program else program
    if shutil.which(place, path=environ.get("PATH")) is None:
        raise InputError(
            f"the program {program!r} is not there, or cannot be run",
            code="missing_command",
            where=str(command.file),
            hint=f"install it, or write its path, relative to {folder}",
        )


def _check_request(command: CommandFile, request: EvaluationRequest) -> None:
    """Refuse settings that would not reach the program.

    Raises:
        InputError: there is one.
    """
    for place, value in _values(command, request, request.limits).items():
        if place in _NOT_IGNORED and value not in (None, "") and f"{{{place}}}" not in command.words:
            raise InputError(
                f"the command takes no {place}",
                code="bad_request",
                where=str(command.file),
                hint=f"leave --{place} out, or add [--{place}, '{{{place}}}'] to its words",
            )
    for what, given in (("generation settings", request.generation), ("request headers", request.target.headers)):
        if given:
            raise InputError(
                f"{what} do not reach a command",
                code="bad_request",
                where=str(command.file),
                hint="leave them out, or hand them on as {param.NAME}",
            )
    if request.target.is_outside and request.target.url:
        raise InputError(
            "a command asks by itself, so that the URL of a request cannot be checked",
            code="private_url",
            where=str(command.file),
            hint="name a server of the operator's",
        )


def _drop_links(folder: Path) -> None:
    """Remove what is neither file nor folder: a link may lead anywhere, and a pipe cannot be copied."""
    for path in list(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            path.unlink()


def _values(command: CommandFile, request: EvaluationRequest, limits: RequestLimits) -> dict[str, Scalar]:
    return {
        "model": request.target.id,
        "url": request.target.url,
        "limit": request.limit,
        "seed": request.seed,
        "repeats": request.repeats,
        "samples": ",".join(request.sample_ids),
        "concurrency": limits.concurrency,
        "timeout": limits.timeout_s,
        "rpm": limits.rpm,
        "tpm": limits.tpm,
        "max-retries": limits.max_retries,
        **param_values(command, request.params),
    }


def _secrets(command: CommandFile, environ: Mapping[str, str]) -> list[str]:
    """The values that it may see and its log may not hold."""
    return [environ[name] for name in command.env if is_secret_name(name) and environ.get(name)]


def _environ(command: CommandFile, call: FolderCall) -> dict[str, str]:
    names = (*_USUAL, *_NETWORK, *(name.lower() for name in _NETWORK), *command.env)
    found = {name: call.environ[name] for name in names if name in call.environ}
    if command.api_key_env and call.api_key:
        found[command.api_key_env] = call.api_key
    return found
