"""The harnesses that are installed, and the task that a name means. Nothing of them is imported.

As nemo-evaluator finds them: packages of the namespaces ``nemo_evaluator`` and ``core_evals`` with a ``framework.yml``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from evaltrail.config.yaml_document import first_document
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.providers.nemo.framework import FRAMEWORK_FILE, Harness, HarnessTask, read_harness

_NAMESPACES = ("nemo_evaluator", "core_evals")
_PACKAGES = Path(__file__).with_name("packages.yaml")
_EXAMPLE = "simple_evals.mmlu"


def search_paths(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where a Python that is started with these variables looks for packages: PYTHONPATH, then where this one looks."""
    given = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return tuple(dict.fromkeys((*given, *sys.path)))


def find_harnesses(paths: Sequence[str] | None = None) -> tuple[Harness, ...]:
    """Every harness on the paths, in the order in which they are found; broken ones hold their problem.

    Args:
        paths: folders that hold packages; None = those of this Python.
    """
    folders = tuple(sys.path if paths is None else paths)
    found: dict[tuple[str, str], Harness] = {}
    for namespace in _NAMESPACES:
        for part in _parts(namespace, folders):
            for file in _framework_files(part):
                key = (namespace, file.parent.name)
                if key not in found:
                    found[key] = read_harness(file)
    return tuple(found.values())


def find_task(name: str, harnesses: Sequence[Harness]) -> HarnessTask:
    """The task that a name means: ``harness.task``, or ``task`` alone where one harness offers it.

    Raises:
        InputError: no installed harness offers it, or several do.
    """
    queries = {task.query: task for task in _tasks(harnesses)}
    if name in queries:
        return queries[name]
    same = {query: task for query, task in queries.items() if task.name == name}
    if len(same) > 1:
        raise InputError(
            f"the task {name!r} is offered by {_listed(task.harness for task in same.values())}",
            code="ambiguous_task",
            hint=f"write {_listed(same, 'or')}",
        )
    if not same:
        raise _unknown(name, harnesses, [*queries, *(task.name for task in queries.values())])
    return next(iter(same.values()))


def evaluator_type(task: HarnessTask, harnesses: Sequence[Harness]) -> str:
    """What nemo-evaluator calls the task: its name, or ``harness.task`` where several harnesses offer that name."""
    offers = [other for other in _tasks(harnesses) if other.name == task.name]
    return task.name if len(offers) == 1 and "." not in task.name else task.query


def _tasks(harnesses: Sequence[Harness]) -> Iterator[HarnessTask]:
    for harness in harnesses:
        yield from harness.tasks.values()


def _parts(namespace: str, folders: Sequence[str]) -> Iterator[Path]:
    """The folders that make up a namespace.

    One with an ``__init__.py`` is a package like any other, and the first of these is all there is. A package that is
    imported already says itself where it lies: tools add to that while Python starts.
    """
    module = sys.modules.get(namespace)
    places = [Path(folder or os.curdir) / namespace for folder in folders]
    whole = next((place for place in places if (place / "__init__.py").is_file()), None)
    known = [Path(place) for place in getattr(module, "__path__", ())]
    if whole is not None:
        yield whole
        yield from known if whole in known else ()
    else:
        yield from filter(partial(Path.is_dir), dict.fromkeys((*places, *known)))


def _framework_files(part: Path) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(part))  # noqa: PTH208  names alone are asked for
    except OSError:
        return
    for name in names:
        file = part / name / FRAMEWORK_FILE
        if (file.with_name("__init__.py")).is_file() and file.is_file():
            yield file


def _unknown(name: str, harnesses: Sequence[Harness], known: Sequence[str]) -> InputError:
    harness, dot, word = name.partition(".")
    broken = next((found for found in harnesses if found.problem and found.name == harness), None)
    if broken:
        return InputError(
            f"the harness {harness!r} cannot be used: {broken.problem}",
            code="broken_harness",
            hint="reinstall its package",
            where=str(broken.file),
        )
    own = {task.name: task.query for found in harnesses if found.name == harness for task in found.tasks.values()}
    if dot and own:
        is_close = bool(nearest(word, own))
        hint = nearest(name, own.values()) if is_close else f"it offers {_listed(sorted(own))}"
        return InputError(f"the harness {harness!r} has no task {word!r}", code="unknown_task", hint=hint)
    packages = _packages()
    if dot and harness in packages:
        package = packages[harness]
        hint = f"pip install {package}" if package else "NVIDIA offers this harness in a container only"
        return InputError(f"the harness {harness!r} is not installed", code="unknown_task", hint=hint)
    hint = nearest(name, known) or nearest(harness, packages) or _no_harness(known, packages)
    return InputError(f"unknown task {name!r}", code="unknown_task", hint=hint)


def _no_harness(known: Sequence[str], packages: Mapping[str, str]) -> str:
    if known:
        return "`nemo-evaluator ls` lists what is installed"
    return f"no harness is installed: pip install {packages[_EXAMPLE.partition('.')[0]]} offers {_EXAMPLE}"


def _packages() -> Mapping[str, str]:
    found = first_document(_PACKAGES.read_text(encoding="utf-8")).value
    return {name: str(package) for name, package in found.items()} if isinstance(found, dict) else {}


def _listed(names: Iterable[str], word: str = "and") -> str:
    shown = list(names)
    shown = [*shown[:10], f"{len(shown) - 10} more"] if len(shown) > 11 else shown
    return f" {word} ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else "nothing"
