"""The files beside a microservice's results that say which model was asked, and how.

Source: ``model_config_*.yaml`` and ``*_inference_params.yaml`` of a download (seed 000); their keys are the user's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from evaltrail.config.redaction import without_secrets
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.heads import word
from evaltrail.readers.leaves import leaves, settings
from evaltrail.readers.nemo_service.names import bears_evaluation, is_results_folder
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import read_yaml

_MODEL_CONFIG, _INFERENCE_PARAMS = "model_config", "inference_params"
_PATTERNS = tuple(
    f"{stem}.{ending}" for stem in (f"{_MODEL_CONFIG}_*", f"*_{_INFERENCE_PARAMS}") for ending in ("yaml", "yml")
)
_MODEL_KEYS = ("model_id", "llm_name", "model_name", "served_model_name", "model", "name")
"""Where a model's name may stand; the first one counts."""
_MOST_FILES = 20
_MOST_SETTINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """What the files beside a results folder say."""

    files: tuple[Path, ...]
    params: Mapping[str, Scalar]
    """Settings under ``model_config.`` and ``inference_params.``, or the files' own names where there are several."""
    model: str
    """Empty where none is named."""
    secrets: frozenset[str]


def read_companions(file: Path, root: Path, notes: Notes) -> Companions:
    """What stands beside the results folder that a file lies in; nothing where there are no such files.

    Args:
        file: a result.
        root: what the user gave; folders above it are looked into only where they bear an evaluation's name.
        notes: told what cannot be read.
    """
    files = _files(file, root)
    kinds = Counter(map(_kind, files))
    documents: dict[str, Json] = {}
    for companion in files:
        kind = _kind(companion)
        name = kind if kinds[kind] == 1 else companion.stem
        try:
            documents[companion.name if name in documents else name] = read_yaml(companion, notes)
        except InputError as error:
            notes.skip(companion.name, error.message)
    _, secrets = without_secrets(documents)
    params = settings(documents, notes, where="model_config and inference_params", most=_MOST_SETTINGS)
    return Companions(files=files, params=params, model=_model(documents, files), secrets=secrets)


def _files(file: Path, root: Path) -> tuple[Path, ...]:
    folder = _folder(file)
    if not (folder == file.parent or bears_evaluation(folder) or folder.is_relative_to(root)):
        return ()
    try:
        real = folder.resolve()
        found = sorted({path for pattern in _PATTERNS for path in folder.glob(pattern)} - {file})
        own = (path for path in found if path.is_file() and path.resolve().is_relative_to(real))
        return tuple(islice(own, _MOST_FILES))
    except OSError:  # a folder that may not be listed has no companions for us
        return ()


def _folder(file: Path) -> Path:
    """The evaluation's folder: above ``results``, else the one that bears its name, else the file's own."""
    for folder in file.parents:
        if is_results_folder(folder):
            return folder.parent
        if bears_evaluation(folder):
            return folder
    return file.parent


def _kind(companion: Path) -> str:
    return _MODEL_CONFIG if companion.name.startswith(_MODEL_CONFIG) else _INFERENCE_PARAMS


def _model(documents: Mapping[str, Json], files: tuple[Path, ...]) -> str:
    """The model's name in the settings, else in the name of the file that holds them."""
    named = {
        path[-1]: found
        for path, leaf in reversed(list(leaves({key: documents[key] for key in documents if _MODEL_CONFIG in key})))
        if path and (found := word(leaf))
    }
    from_file = (file.stem.removeprefix(f"{_MODEL_CONFIG}_") for file in files if _kind(file) == _MODEL_CONFIG)
    return next((named[key] for key in _MODEL_KEYS if key in named), "") or next(from_file, "")
