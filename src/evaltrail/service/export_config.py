"""The exporter's options as one checked value: seed 002's table, in both vocabularies of the NeMo Evaluator Launcher.

Source: launcher 0.1.27 to 0.1.31 (``log_*``) and 0.2.6 (``copy_*``, ``log_config_params``, ``exclude_patterns``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

import msgspec
import yaml

from evaltrail.config.redaction import without_secrets
from evaltrail.core.artifact import Role
from evaltrail.core.delivery import DeliveryOptions, RunLayout
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.leaves import leaves
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import read_yaml
from evaltrail.readers.yaml_document import YamlLimitError, first_document

DEFAULT_EXPERIMENT = "nemo-evaluator-launcher"
Runs = Literal["invocation", "job", "nested"]

_LAYOUTS: Mapping[Runs, RunLayout] = {"invocation": "per_bundle", "job": "per_task", "nested": "nested"}
_OTHER_WORDS = {"copy_artifacts": "log_artifacts", "copy_logs": "log_logs"}
_TEXTS = ("tracking_uri", "experiment_name", "run_name", "description")
_LISTS = ("log_metrics", "exclude_patterns", "job_dirs")
_MAPPINGS = ("tags", "extra_metadata")
_SECTION = ["export", "mlflow"]
_KINDS = {
    "array": "list",
    "bool": "true or false",
    "float": "number",
    "int": "whole number",
    "null": "nothing",
    "object": "mapping",
    "str": "text",
}
"""What people call the kinds of values that msgspec names."""
_MISPLACED = re.compile(r"(?P<why>.*?)(?: - at `(?P<key>key )?.*?\$(?:\.(?P<name>\w+))?.*)?", re.DOTALL)
"""How msgspec says what is wrong, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """The options of seed 002 and ours beside them."""

    tracking_uri: str = ""
    """Where no option names it, MLFLOW_TRACKING_URI must."""
    experiment_name: str = ""
    run_name: str = ""
    """Default ``eval-<invocation>``, for a job's own run ``eval-<invocation>-<task>``."""
    description: str = ""
    tags: Mapping[str, Scalar] = field(default_factory=dict)
    extra_metadata: Mapping[str, Any] = field(default_factory=dict)
    """Params; what is nested gets dotted names."""
    skip_existing: bool = False
    log_metrics: Sequence[str] = ()
    log_artifacts: bool = True
    """False uploads nothing at all."""
    log_logs: bool = False
    only_required: bool = True
    runs: Runs = "invocation"
    log_config_params: bool = False
    """Whether the resolved run configuration becomes params too."""
    log_config_params_max_depth: int = 10
    exclude_patterns: Sequence[str] = ()
    job_dirs: Sequence[str] = ()
    """Folders to look for jobs in that the execution database does not know."""

    def delivery(self) -> DeliveryOptions:
        """The same as every destination takes it; what bears a secret's name is hidden."""
        roles: set[Role] = {"required"}
        if not self.only_required:
            roles.add("extra")
        if self.log_logs:
            roles.add("log")
        metadata, _ = without_secrets(cast("Json", self.extra_metadata))
        tags, _ = without_secrets(dict(self.tags))
        return DeliveryOptions(
            tracking_uri=self.tracking_uri,
            experiment=self.experiment_name,
            default_experiment=DEFAULT_EXPERIMENT,
            run_name=self.run_name,
            description=self.description,
            tags={path[0]: _text(value) for path, value in leaves(tags) if value is not None},
            params={".".join(path): value for path, value in leaves(metadata) if path},
            layout=_LAYOUTS[self.runs],
            log_metrics=tuple(self.log_metrics),
            artifact_roles=frozenset(roles) if self.log_artifacts else frozenset(),
            exclude_patterns=tuple(self.exclude_patterns),
            skip_existing=self.skip_existing,
        )


_KNOWN = frozenset(each.name for each in fields(ExportOptions))


def named(config: Mapping[str, Json], *, where: str = "config") -> dict[str, Json]:
    """The options under the names of the table, whichever vocabulary they were given in.

    Args:
        config: option to value; ``None`` means the default.
        where: named in errors.

    Raises:
        InputError: an option is unknown, or is given in both vocabularies with different values.
    """
    values: dict[str, Json] = {}
    for name, value in config.items():
        own = _OTHER_WORDS.get(str(name), str(name))
        if own not in _KNOWN:
            raise _unknown(str(name), where)
        known = values.get(own)
        if known is not None and value is not None and known != value:
            words = " and ".join(word for word in config if _OTHER_WORDS.get(word, word) == own)
            raise InputError(
                f"{words} are one option and say different things", code="bad_option", where=where, hint="keep one"
            )
        values[own] = known if value is None else value
    return values


def read_options(config: Mapping[str, Json], *, where: str = "config") -> ExportOptions:
    """The options of a mapping with the names of the table.

    Args:
        config: option to value, or the same below ``export: mlflow:``; ``None`` means the default.
        where: named in errors.

    Raises:
        InputError: an option is unknown, or of the wrong type.
    """
    inner = config.get("export")
    if set(config) == {"export"} and isinstance(inner, Mapping) and isinstance(inner.get("mlflow"), Mapping):
        config = cast("Mapping[str, Json]", inner["mlflow"])
    values = {name: value for name, value in named(config, where=where).items() if value is not None}
    for name in values.keys() & set(_TEXTS):
        if isinstance(values[name], int | float) and not isinstance(values[name], bool):
            values[name] = str(values[name])  # a run named 20251219 is a number to YAML
    for name in values.keys() & set(_LISTS):
        if isinstance(values[name], str):
            values[name] = [values[name]]
    try:
        return msgspec.convert(values, ExportOptions)
    except msgspec.ValidationError as error:
        raise _wrong(error, where) from error


def read_config_file(file: Path) -> dict[str, Json]:
    """The exporter's options in a YAML file: below ``export: mlflow:`` as in a run configuration, or at its top.

    Raises:
        InputError: the file cannot be read, holds no options, or one that is unknown.
    """
    try:
        found = read_yaml(file, Notes())
    except InputError as error:
        hint = "name a YAML file with the options below `export:` and `mlflow:`"
        raise InputError(error.message, code="bad_config", where=error.where, hint=hint) from error
    if isinstance(found, Mapping) and "export" in found:
        section = found["export"]
        found = section.get("mlflow", "") if isinstance(section, Mapping) else ""
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InputError(
            "the file holds no options of this export",
            code="bad_config",
            where=str(file),
            hint="write them below `export:` and `mlflow:`, as in a run configuration",
        )
    return named(found, where=str(file))


def overridden(config: Mapping[str, Json], overrides: Sequence[str]) -> dict[str, Json]:
    """The options with what ``-o export.mlflow.KEY=VALUE`` says, under the names of the table.

    Texts (also tags and metadata) stay as they are written, other values are YAML; dotted keys go into a mapping.
    ``~export.mlflow.KEY`` takes an option back.

    Args:
        config: the options so far.
        overrides: later ones win.

    Raises:
        InputError: an override is no assignment, names another section or an unknown option, or holds no YAML.
    """
    result = named(config)
    for text in overrides:
        key, sign, value = text.lstrip("+").partition("=")
        is_removal = key.startswith("~")
        path = key.removeprefix("~").strip().split(".")
        if "" in path or bool(sign) == is_removal:
            raise InputError(f"-o {text!r} is no KEY=VALUE", code="usage", hint="write -o export.mlflow.KEY=VALUE")
        if path[:2] != _SECTION or len(path) == 2:
            near = "" if path[:2] == _SECTION else nearest(".".join(path[:2]), [".".join(_SECTION)])
            hint = near or "write -o export.mlflow.KEY=VALUE"
            raise InputError(f"-o {key!r} is no option of this export", code="unknown_option", hint=hint)
        name, inner = _OTHER_WORDS.get(path[2], path[2]), path[3:]
        if name not in _KNOWN:
            raise _unknown(path[2], "-o")
        if name == "tags" and inner:
            inner = [".".join(inner)]
        _put(result, [name, *inner], None if is_removal else _value(name, value, is_inner=bool(inner)), text)
    return result


def _value(name: str, text: str, *, is_inner: bool) -> Json:
    """What a value on the command line means for an option of that name."""
    bare = text.strip()
    is_label = name in _MAPPINGS and is_inner
    if bare in {"", "null", "~"}:
        return "" if is_label and not bare else None
    is_quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'"
    is_nested = bare[0] in "[{" and name not in _TEXTS and not (name == "tags" and is_inner)
    if not is_quoted and not is_nested and (is_label or name in _TEXTS or name in _LISTS):
        return text  # also `3.10` and `#general`, which are a number and nothing to YAML
    try:
        return first_document(text).value
    except (yaml.YAMLError, YamlLimitError, ValueError, RecursionError) as error:
        if is_label:
            return text
        raise InputError(
            f"the value of -o {name} cannot be read: {text!r:.200}", code="usage", hint="put quotes around texts in it"
        ) from error


def _put(options: dict[str, Json], path: Sequence[str], value: Json, text: str) -> None:
    *above, last = path
    place = options
    for name in above:
        inner = place.get(name)
        if inner is not None and not isinstance(inner, Mapping):
            raise InputError(f"-o {text!r} goes into what is no mapping", code="usage", hint=f"{name} is {inner!r:.80}")
        place[name] = dict(inner or {})
        place = cast("dict[str, Json]", place[name])
    place[last] = value


def _unknown(name: str, where: str) -> InputError:
    words = _KNOWN | set(_OTHER_WORDS)
    hint = nearest(name, words) or f"known: {', '.join(sorted(words))}"
    return InputError(f"the exporter has no option {name!r}", code="unknown_option", where=where, hint=hint)


def _wrong(error: msgspec.ValidationError, where: str) -> InputError:
    """What msgspec says of a value, in words of ours: which option, and what it must be."""
    found = _MISPLACED.fullmatch(str(error))
    name = found["name"] if found and found["name"] else ""
    why = re.sub(r"`(.*?)`", lambda kind: _plain(kind[1]), found["why"] if found else str(error))
    hint = f"known: {', '.join(get_args(Runs))}" if name == "runs" else f"{why[:1].lower()}{why[1:]}"
    return InputError(f"the value of option {name!r} cannot be used", code="bad_option", where=where, hint=hint)


def _plain(kinds: str) -> str:
    """``object | null`` as ``mapping or nothing``."""
    known = [_KINDS.get(kind, kind) for kind in kinds.split(" | ")]
    return " or ".join(known) if len(known) < 4 else "one plain value"


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
