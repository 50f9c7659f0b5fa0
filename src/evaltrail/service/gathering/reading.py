"""Reading: the wall before readers, ours and strangers': what they stumble over is told by path, the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.result import ResultBundle
from evaltrail.core.sample import Sample, SampleStream
from evaltrail.readers.detect import Found


def guarded(bundle: ResultBundle, found: Found) -> ResultBundle:
    """The bundle of a reader, fit to be handed on: its streams raise our errors, its files have names that can be kept.

    Args:
        bundle: as the reader gave it.
        found: what it was read from.
    """
    tasks = tuple(
        task if task.samples is None else replace(task, samples=_Guarded(task.samples, found)) for task in bundle.tasks
    )
    kept = tuple(item for item in bundle.artifacts if _is_text(item))
    left_out = tuple(
        Skipped(what=f"artifact {_shown(item.path)}", why="its name is no UTF-8 text; rename it")
        for item in bundle.artifacts
        if not _is_text(item)
    )
    return replace(bundle, tasks=tasks, artifacts=kept, skipped=(*bundle.skipped, *left_out))


def stumbled(found: Found, error: Exception) -> InputError:
    """The error of a reader that raised what it should not."""
    return InputError(
        f"reader {found.reader} stumbled over it: {type(error).__name__}: {error}",
        code="unreadable",
        where=str(found.source.path),
        hint="please report it; it holds up no other",
    )


@dataclass(frozen=True, slots=True)
class _Guarded:
    """The samples of a reader, read lazily, again and again."""

    samples: SampleStream
    found: Found

    def __iter__(self) -> Iterator[Sample]:
        try:
            yield from self.samples
        except EvaltrailError:
            raise
        except Exception as error:  # a reader's wall, as lazy as the stream
            raise stumbled(self.found, error) from error


def _is_text(item: Artifact) -> bool:
    try:
        f"{item.path}{item.file}".encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()
