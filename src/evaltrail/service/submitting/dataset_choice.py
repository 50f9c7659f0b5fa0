"""Data sets of questions as benchmarks: by their ids, or by a reference to a file that MLflow keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.submission import BenchmarkChoice
from evaltrail.core.values import Json
from evaltrail.providers.questions.mode import MODE, MODES, USUAL, check_baseline, read_mode
from evaltrail.service.working.dataset_reference import RUN_FILE
from evaltrail.store.dataset_store import DatasetStore

DATASET = "dataset"
"""The provider of such benchmarks."""
_PREFIX = f"{DATASET}:"
REFERENCES = ("runs:/", "mlflow-artifacts:/")
"""How references to files begin that a worker fetches from MLflow."""
_ID = re.compile(r"(?P<id>[0-9a-f]{1,16})(?:@(?P<version>[1-9][0-9]{0,8}))?")
_ARTIFACT = re.compile(r"mlflow-artifacts:/(?P<path>[^/].*)")
_ENDINGS = (".csv", ".jsonl", ".parquet")
_MOST_CHARACTERS = 1000
_FORMS = "give the id of a data set, runs:/RUN_ID/PATH.csv, or mlflow-artifacts:/PATH.csv"


def names_dataset(choice: BenchmarkChoice) -> bool:
    """Whether a benchmark is named as a data set of questions."""
    return choice.provider_id == DATASET or choice.id.startswith(_PREFIX)


def find_dataset(named: str, store: DatasetStore | None) -> str:
    """The task of a data set, ``dataset:ID@VERSION``; of a reference the task that fetches it.

    Args:
        named: ``dataset:ID``, an id, either with ``@VERSION``, or a reference into MLflow.
        store: of data sets.

    Raises:
        InputError: it is none of these, or there is no such data set or version.
    """
    told = named.removeprefix(_PREFIX)
    if told.startswith(REFERENCES):
        return _PREFIX + checked_reference(told)
    match = _ID.fullmatch(told)
    if match is None:
        raise InputError(f"{named!r:.100} is no data set", code="bad_benchmark_uri", hint=_FORMS)
    if store is None:
        raise InputError("there are no data sets here", code="unknown_benchmark", hint="generate one first")
    try:
        version = store.version(match["id"], int(match["version"]) if match["version"] else None)
    except InputError as error:
        raise InputError(error.message, code="unknown_benchmark", hint=error.hint) from error
    return f"{_PREFIX}{version.dataset_id}@{version.version}"


def checked_reference(uri: str) -> str:
    """The reference, once it can only mean a file of questions that MLflow itself keeps.

    Raises:
        InputError: it leads elsewhere, or to something else.
    """
    match = RUN_FILE.fullmatch(uri) or _ARTIFACT.fullmatch(uri)
    if match is None or len(uri) > _MOST_CHARACTERS or not uri.isprintable():
        raise InputError(f"{uri!r:.100} leads to no file in MLflow", code="bad_benchmark_uri", hint=_FORMS)
    path = unquote(match["path"])
    parts = path.split("/")
    is_plain = path.isprintable() and not any(sign in path for sign in "\\?#%")
    if not is_plain or any(part in {"", ".", ".."} for part in parts):
        raise InputError(f"{uri!r:.100} holds no plain path", code="bad_benchmark_uri", hint=_FORMS)
    if not path.lower().endswith(_ENDINGS):
        hint = f"name a file that ends in {', '.join(_ENDINGS)}"
        raise InputError(f"{uri!r:.100} names no file of questions", code="bad_benchmark_uri", hint=hint)
    return uri


def check_mode(config: Mapping[str, Json], model: str) -> str:
    """The mode that settings name, else the usual one.

    Raises:
        InputError: there is no such mode, or the model is a baseline that has nothing to answer with in it.
    """
    named = config.get(MODE, USUAL)
    if isinstance(named, str):
        mode = read_mode({MODE: named})
        check_baseline(model, mode)
        return mode
    raise InputError(
        f"a mode of {named!r:.40}", code="unknown_mode", hint=nearest(str(named), MODES) or f"known: {', '.join(MODES)}"
    )
