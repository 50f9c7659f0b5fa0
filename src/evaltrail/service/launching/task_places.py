"""Which provider runs a task that a run configuration names, and where that provider finds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.job import ProviderName
from evaltrail.providers.catalog import provider_named
from evaltrail.providers.nemo.framework import Harness
from evaltrail.providers.nemo.harnesses import find_harnesses, find_task, search_paths
from evaltrail.providers.tasks import read_task

NATIVE = "native"
_ENDINGS = (".yaml", ".yml")
_SHIPPED = Path(__file__).parents[2] / "data" / "demo"
"""The tasks that evaltrail brings: ``native.reading``."""
_BELOW = ("", "tasks")
"""Where task files lie in a folder with run configurations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlace:
    """Where a task is found."""

    provider: ProviderName
    place: str
    """A task file's absolute path, ``provider/task``, or ``harness.task`` of a NeMo evaluator's."""
    name: str
    """What the job's folder is called after."""
    endpoint_types: tuple[str, ...] = ()
    """Kinds of endpoints that the task can ask; empty = any."""


class TaskFinder:
    """Finds the tasks of one run configuration; looks for harnesses only when one is asked for.

    Args:
        folders: where the configuration was looked for.
        environ: where a job's Python is told to look for packages.
    """

    def __init__(self, folders: Sequence[Path], environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._folders = tuple(folders)
        self._harnesses: tuple[Harness, ...] | None = None

    def find(self, name: str, where: str) -> TaskPlace:
        """The place of a task.

        Args:
            name: a task file, ``native.NAME``, ``provider/task`` or ``provider.task`` of a provider of ours,
                ``harness.task``, or a task that only one harness has.
            where: file and line, for errors.

        Raises:
            InputError: nobody offers it, or its file cannot be read.
        """
        if name.lower().endswith(_ENDINGS):
            return _native(self._task_file(name, where))
        owner, _, rest = name.partition("/")
        if rest and (provider := provider_named(owner)):
            return TaskPlace(provider="native", place=f"{provider}/{rest}", name=rest)
        harness, dot, task = name.partition(".")
        if harness == NATIVE and dot:
            return _native(self._named(task, where))
        try:
            found = find_task(name, self.harnesses)
        except InputError as error:
            if error.code != "unknown_task":
                raise
            if task and (provider := provider_named(harness)):
                return TaskPlace(provider="native", place=f"{provider}/{task}", name=name)
            is_sure = error.hint.startswith(("pip", "did you mean"))
            hint = error.hint if is_sure else nearest(name, self.names()) or error.hint
            raise InputError(error.message, code=error.code, where=where, hint=hint) from None
        return TaskPlace(provider="nemo", place=found.query, name=name, endpoint_types=found.endpoint_types)

    @property
    def harnesses(self) -> tuple[Harness, ...]:
        """The harnesses that are installed."""
        if self._harnesses is None:
            self._harnesses = find_harnesses(search_paths(self._environ))
        return self._harnesses

    def names(self) -> list[str]:
        """Every name that would be found, task files of the folders as ``native.NAME``."""
        own = {f"{NATIVE}.{file.stem}" for file in self._task_files()}
        return sorted(own | {f"{harness.name}.{task}" for harness in self.harnesses for task in harness.tasks})

    def _task_file(self, name: str, where: str) -> Path:
        """A task file, relative to the configuration or absolute."""
        given = Path(name).expanduser()
        for folder in self._folders:
            if (folder / given).is_file():
                return (folder / given).absolute()
        beside = [
            path.relative_to(folder).as_posix()
            for folder in self._folders
            for below in _BELOW
            for path in _yaml_files(folder / below)
        ]
        hint = nearest(given.as_posix(), beside) or "it is looked for beside the configuration"
        raise InputError(f"the task file {name!r} is not there", code="missing_task", where=where, hint=hint)

    def _named(self, task: str, where: str) -> Path:
        files = {file.stem: file for file in reversed(list(self._task_files()))}
        if task not in files:
            hint = nearest(task, files) or f"known: {', '.join(sorted(files))}"
            raise InputError(f"no task file is called {task!r}", code="unknown_task", where=where, hint=hint)
        return files[task].absolute()

    def _task_files(self) -> Iterator[Path]:
        """Files that may be tasks, the nearest first; configurations lie among them."""
        for folder in self._folders:
            for below in _BELOW:
                yield from _yaml_files(folder / below)
        yield from _yaml_files(_SHIPPED)


def _yaml_files(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        return ()
    return (path for path in sorted(folder.iterdir()) if path.suffix in _ENDINGS and path.is_file())


def _native(file: Path) -> TaskPlace:
    return TaskPlace(provider="native", place=str(file), name=read_task(file).name)
