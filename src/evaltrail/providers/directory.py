"""The directory of providers: what each runs and needs, whether it can run here, and the tasks that it offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.providers.catalog import PROVIDERS
from evaltrail.providers.command import command_names
from evaltrail.providers.lm_eval.index import HarnessIndex
from evaltrail.providers.mlflow_scorers import scorer_names
from evaltrail.providers.questions.task import dataset_names
from evaltrail.providers.ragas import METRICS as RAGAS_METRICS

_FILE = Path(__file__).with_name("providers.yaml")
HARNESS = "lm_evaluation_harness"
"""The provider whose tasks are too many to be listed unasked."""
_SMALL = ("ragas", "mlflow", "command", "dataset")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNote:
    """What a person is told of a provider."""

    name: str
    line: str
    task: str
    """How its tasks are written."""
    needs: str = ""
    """What it needs beside a model."""
    package: str = ""
    """The package without which it cannot run; empty = it can."""
    extra: str = ""
    """The extra of ours that installs that package."""

    @property
    def is_ready(self) -> bool:
        """Whether its package is installed; it is not imported."""
        return not self.package or find_spec(self.package) is not None

    @property
    def install(self) -> str:
        """What to type where it is not ready; empty where it is."""
        return "" if self.is_ready else f"pip install 'evaltrail[{self.extra}]'"


def provider_notes() -> list[ProviderNote]:
    """Every provider: ours in their order, then those of other packages."""
    ours = [ProviderNote(**entry) for entry in yaml.safe_load(_FILE.read_text(encoding="utf-8"))]
    known = {note.name for note in ours}
    others = (name for name in PROVIDERS.names() if name not in known)
    return [*ours, *(ProviderNote(name=name, line="of another package", task=f"{name}/NAME") for name in others)]


def task_names(provider: str, environ: Mapping[str, str]) -> list[str]:
    """The tasks of a provider that can tell them, as ``provider/task``, sorted; none of one that cannot.

    Args:
        provider: its name; ``native`` and ``nemo`` have theirs where a run configuration finds them.
        environ: every variable.

    Raises:
        InputError: there is no such provider.
    """
    notes = [note.name for note in provider_notes()]
    if provider not in notes:
        hint = nearest(provider, notes) or f"known: {', '.join(notes)}"
        raise InputError(f"unknown provider {provider!r}", code="unknown_provider", hint=hint)
    return sorted(f"{provider}/{task}" for task in _tasks(provider, environ))


def small_providers_tasks(environ: Mapping[str, str]) -> list[str]:
    """The tasks of the providers that have few of them, as ``provider/task``, sorted."""
    return sorted(f"{provider}/{task}" for provider in _SMALL for task in _tasks(provider, environ))


def tasks_like(word: str, environ: Mapping[str, str]) -> list[str]:
    """The tasks, as ``provider/task``, that a word without a provider may mean: of that very name, else close ones.

    Args:
        word: as it was written.
        environ: every variable.
    """
    names = [*small_providers_tasks(environ), *task_names(HARNESS, environ)]
    same = [name for name in names if name.partition("/")[2] == word]
    return same or [f"{HARNESS}/{name}" for name in HarnessIndex().like(word)]


def _tasks(provider: str, environ: Mapping[str, str]) -> list[str]:
    if provider == HARNESS:
        return list(HarnessIndex().lines)
    if provider == "command":
        return command_names(environ)
    if provider == "dataset":
        return dataset_names(environ)
    if provider == "mlflow":
        return scorer_names()
    return list(RAGAS_METRICS) if provider == "ragas" else []
