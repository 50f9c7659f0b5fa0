"""The files of one NeMo Evaluator Launcher job: which there are, what role each has, and what never leaves.

Roles as the launcher's exporter has them (0.2.6): five files are required, logs are logs, everything else below
``artifacts/`` is extra but for caches and databases.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from evaltrail.config.redaction import redact_text
from evaltrail.config.secret_names import may_hold_keys
from evaltrail.core.artifact import Artifact, Role
from evaltrail.core.source import Source
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import unreadable
from evaltrail.store.job_folders import RESULTS, SCRIPTS, has_stages, is_job_folder, job_place

COMPANIONS = ("run_config.yml", "metadata.yaml", "eval_factory_metrics.json", "omni-info.json")
"""What is required beside the results."""

_CACHES = ("cache", ".cache", "*_cache", "*-cache", "__pycache__", "*.db")
_LEFT_OUT = ("*.db", "*.db-wal", "*.db-shm", "*.db-journal", "*.lock", ".nemo_evaluator_interrupted")
_TEXTS = frozenset({".yml", ".yaml", ".json", ".log", ".sh", ".sub", ".txt", ".toml", ".ini", ".cfg", ".out", ".err"})
_TYPES: Mapping[str, str] = MappingProxyType(
    {".yml": "application/yaml", ".yaml": "application/yaml", ".jsonl": "application/jsonl"}
)
_BYTES = "application/octet-stream"
_MOST_FILES = 10_000
_LOG_END_BYTES = 65_536
_SCRIPT_BYTES = 4_000_000
_ENCODED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_MOST_LINE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFiles:
    """Where the files of a job lie."""

    folder: Path
    """What the paths of its artifacts are relative to."""
    inner: str
    """``artifacts/``, or nothing where the results lie in the folder itself."""
    results: Path | None
    """The file with the results, where there is one."""
    is_alone: bool = False
    """Whether one file was given, so that only its companions come along."""

    def companion(self, name: str) -> Path | None:
        """One of the files beside the results, where it is there."""
        if self.is_alone and self.results is not None and self.results.name not in RESULTS:
            return None  # one of several results that somebody put into one folder: whose companions would they be?
        return _inside(self.folder, self.folder / f"{self.inner}{name}")

    def artifacts(self, task: str, notes: Notes) -> tuple[Artifact, ...]:
        """Every file that may be uploaded, the required ones first.

        Args:
            task: the task that they belong to.
            notes: told what holds keys, leads out of the folder, or is one too many.
        """
        required = [file for file in (self.results, *map(self.companion, COMPANIONS)) if file is not None]
        found = [_artifact(self.folder, file, "required", task) for file in required]
        if self.is_alone:
            return tuple(found)
        known = set(required)
        for file in self._others(notes):
            if len(found) >= _MOST_FILES:
                notes.skip(f"files of {self.folder.name}", f"only the first {_MOST_FILES:,} are listed")
                break
            if file not in known:
                is_log = file.relative_to(self.folder).parts[0] == "logs"
                found.append(_artifact(self.folder, file, "log" if is_log else "extra", task))
        return tuple(found)

    def digest(self) -> str:
        """The content digest: 32 hex digits over results, companions and the stage that says how the job ended.

        Raises:
            InputError: one of them cannot be read.
        """
        state = hashlib.blake2b(digest_size=16)
        ended = None if self.is_alone else _inside(self.folder, self.folder / "logs" / "stage.exit")
        named = {RESULTS[0]: self.results, **{name: self.companion(name) for name in COMPANIONS}, "stage.exit": ended}
        for name, file in named.items():
            if file is not None:
                state.update(name.encode() + b"\0" + _file_digest(file))
        return state.hexdigest()

    def last_words(self, secrets: Iterable[str]) -> str:
        """The last line of the job's log, without secrets; empty where there is none."""
        for name in ("client_stdout.log", "stdout.log"):
            file = _inside(self.folder, self.folder / "logs" / name)
            lines = [] if file is None else _ESCAPES.sub("", _end(file)).splitlines()
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            if last:
                return redact_text(last, secrets)[:_MOST_LINE]
        return ""

    def encoded_secrets(self, secrets: Iterable[str]) -> frozenset[str]:
        """Base64 words of the job's script that hold secrets: the launcher writes its whole configuration there."""
        secrets = tuple(secrets)
        scripts = (_inside(self.folder, self.folder / name) for name in SCRIPTS)
        words = {word for file in scripts if file is not None for word in _ENCODED.findall(_end(file, _SCRIPT_BYTES))}
        return frozenset(word for word in words if (text := _decoded(word)) and redact_text(text, secrets) != text)

    def _others(self, notes: Notes) -> Iterator[Path]:
        scripts = (_inside(self.folder, self.folder / name) for name in SCRIPTS)
        if not self.inner:
            yield from _walk(self.folder, self.folder, notes)
            return
        yield from (file for file in scripts if file is not None)
        for part in ("artifacts", "logs"):
            if _inside(self.folder, self.folder / part, is_folder=True):
                yield from _walk(self.folder, self.folder / part, notes)


def job_files(source: Source) -> JobFiles:
    """The files of the job that a source is the head of: its folder, its ``artifacts``, or its results file."""
    if source.is_folder:
        folder, given = source.path, None
    else:
        folder, given = source.path.parent, source.path
    if given is None and is_job_folder(folder):
        return _of_job(folder)
    if folder.name == "artifacts" and (given is None or given.name in RESULTS) and _is_launched(folder.parent):
        return _of_job(folder.parent)
    return JobFiles(folder=folder, inner="", results=given or _results_in(folder, folder), is_alone=given is not None)


def _of_job(folder: Path) -> JobFiles:
    return JobFiles(folder=folder, inner="artifacts/", results=_results_in(folder, folder / "artifacts"))


def _is_launched(folder: Path) -> bool:
    """Whether the folder above some artifacts is the job's, not just any folder that they were put into."""
    return bool(job_place(folder).invocation) or has_stages(folder)


def _results_in(folder: Path, inner: Path) -> Path | None:
    return next((file for name in RESULTS if (file := _inside(folder, inner / name)) is not None), None)


def _inside(folder: Path, file: Path, *, is_folder: bool = False) -> Path | None:
    """The path, where it is a regular file (or a folder) and no link on the way leads out of the folder."""
    try:
        is_kind = stat.S_ISDIR if is_folder else stat.S_ISREG
        is_ours = file.resolve().is_relative_to(folder.resolve()) and is_kind(file.stat().st_mode)
    except (OSError, RuntimeError, ValueError):  # gone, a ring of links
        return None
    return file if is_ours else None


def _walk(folder: Path, top: Path, notes: Notes) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        notes.skip(str(error.filename), f"it cannot be read: {error.strerror}")

    for place, folders, names in os.walk(top, onerror=refused):
        folders[:] = sorted(name for name in folders if not _fits(name, _CACHES))
        for name in sorted(names):
            file = Path(place, name)
            where = file.relative_to(folder).as_posix()
            if may_hold_keys(name):
                notes.skip(where, "files that may hold keys are never uploaded")
            elif not _fits(name, _LEFT_OUT):
                if _inside(folder, file) is None:
                    notes.skip(where, "it leads out of the job's folder, or is no file")
                else:
                    yield file


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)


def _artifact(folder: Path, file: Path, role: Role, task: str) -> Artifact:
    ending = file.suffix.lower()
    is_log = role == "log"
    return Artifact(
        path=file.relative_to(folder).as_posix(),
        file=file,
        role=role,
        media_type=_TYPES.get(ending) or mimetypes.guess_type(file.name)[0] or ("text/plain" if is_log else _BYTES),
        size_bytes=_size(file),
        task=task,
        may_hold_secrets=is_log or ending in _TEXTS,
    )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # gone meanwhile, which its upload will tell
        return 0


def _file_digest(file: Path) -> bytes:
    try:
        with file.open("rb") as data:
            return hashlib.file_digest(data, hashlib.blake2b).digest()
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from error


def _end(file: Path, most_bytes: int = _LOG_END_BYTES) -> str:
    try:
        with file.open("rb") as data:
            size = data.seek(0, os.SEEK_END)
            data.seek(max(0, size - most_bytes))
            return data.read(most_bytes).decode("utf-8", "replace")
    except OSError:
        return ""


def _decoded(word: str) -> str:
    try:
        return base64.b64decode(word, validate=True).decode("utf-8")
    except ValueError:  # no base64, or no text
        return ""
