"""The exporters' options as checked values: of seed 002's table, and of files.

Source: launcher 0.1.27 to 0.1.31 (``log_*``) and 0.2.6 (``copy_*``, ``log_config_params``, ``exclude_patterns``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, overload

import yaml

from evaltrail.config.composition.config_file import read_config_file as read_lines
from evaltrail.config.redaction import without_secrets
from evaltrail.config.settings import Settings
from evaltrail.config.yaml_document import YamlLimitError, first_document
from evaltrail.core.artifact import Role
from evaltrail.core.delivery import DeliveryOptions, RunLayout
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.trace_choice import read_trace_choice
from evaltrail.core.values import Json, Scalar
from evaltrail.destinations.files.options import FileOptions
from evaltrail.readers.leaves import leaves
from evaltrail.service.exporting.export_table import OTHER_WORDS, Given, OptionTable, option_names

DEFAULT_EXPERIMENT = "nemo-evaluator-launcher"
Runs = Literal["invocation", "job", "nested"]

_LAYOUTS: Mapping[Runs, RunLayout] = {"invocation": "per_bundle", "job": "per_task", "nested": "nested"}


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
    traces: str | int | None = None
    """Samples that become traces: ``failures``, ``all``, ``none``, or a number of them."""
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
            traces=None if self.traces is None else read_trace_choice(self.traces, where="export.mlflow.traces"),
        )


MLFLOW = OptionTable(
    dest="mlflow",
    kind=ExportOptions,
    texts=frozenset({"tracking_uri", "experiment_name", "run_name", "description"}),
    mappings=frozenset({"tags", "extra_metadata"}),
    elsewhere=dict.fromkeys(option_names(FileOptions) - option_names(ExportOptions), "local"),
)
LOCAL = OptionTable(
    dest="local",
    kind=FileOptions,
    texts=frozenset({"output_dir", "output_filename", "format"}),
    elsewhere=dict.fromkeys(option_names(ExportOptions) - option_names(FileOptions), "mlflow"),
)
AnyTable = OptionTable[ExportOptions] | OptionTable[FileOptions]
_TABLES: Mapping[str, AnyTable] = {"mlflow": MLFLOW, "local": LOCAL}
DESTINATIONS = tuple(_TABLES)


def table_of(dest: str) -> AnyTable:
    """The options of a destination.

    Raises:
        InputError: there is no such destination.
    """
    if dest not in _TABLES:
        hint = nearest(dest, DESTINATIONS) or f"known: {', '.join(DESTINATIONS)}"
        raise InputError(f"unknown destination {dest!r}", code="unknown_destination", hint=hint)
    return _TABLES[dest]


Config = Mapping[str, Json] | Given
"""Option to value, or what was given with its places."""


@overload
def read_options(config: Config, *, where: str = "config", dest: Literal["mlflow"] = "mlflow") -> ExportOptions: ...


@overload
def read_options(config: Config, *, where: str = "config", dest: Literal["local"]) -> FileOptions: ...


@overload
def read_options(config: Config, *, where: str = "config", dest: str) -> ExportOptions | FileOptions: ...


def read_options(config: Config, *, where: str = "config", dest: str = "mlflow") -> ExportOptions | FileOptions:
    """The options with the names of the destination's table, checked.

    Args:
        config: option to value, or the same below ``export: <dest>:``; ``None`` means the default.
        where: named in errors, where the options bring no places of their own.
        dest: ``mlflow`` or ``local``.

    Raises:
        InputError: the destination or an option is unknown, or a value is of the wrong type.
        PartialError: several are; it holds an error for each.
    """
    table = table_of(dest)
    if isinstance(config, Given):
        return table.read(config)
    section = config.get("export")
    inner = section.get(dest) if set(config) == {"export"} and isinstance(section, Mapping) else None
    return table.read(table.given(inner if isinstance(inner, Mapping) else config, where=where))


def placed_options(config: Mapping[str, Json], places: Mapping[str, str], *, dest: str) -> Given:
    """The options of one destination as a run configuration has them, and where each of them stands."""
    return table_of(dest).given(config, where=f"export.{dest}", places=places)


def read_config_file(file: Path, *, dest: str = "mlflow") -> Given:
    """The exporter's options in a YAML file: below ``export: <dest>:`` as in a run configuration, or at its top.

    Raises:
        InputError: the file cannot be read, or holds no options.
        PartialError: it says several keys twice.
    """
    table = table_of(dest)
    place = f"`export:` and `{dest}:`"
    try:
        root = read_lines(file).root
    except InputError as error:
        hint = f"name a YAML file with the options below {place}"
        raise InputError(error.message, code="bad_config", where=error.where, hint=hint) from error
    section = root.child("export")
    found = root if section is None else section.child(dest)
    if found is not None and found.value is None:
        return Given()
    if found is None or found.mapping is None:
        raise InputError(
            "the file holds no options of this export",
            code="bad_config",
            where=(found or section or root).where,
            hint=f"write them below {place}, as in a run configuration",
        )
    places = {name: inner.where for name, inner in found.mapping.items()}
    return table.given(cast("Mapping[str, Json]", found.plain()), where=found.where, places=places)


def overridden(given: Given, overrides: Sequence[str], *, dest: str = "mlflow") -> Given:
    """The options with what ``-o export.<dest>.KEY=VALUE`` says, under the names of the table.

    Texts (also tags and metadata) stay as they are written, other values are YAML; dotted keys go into a mapping.
    ``~export.<dest>.KEY`` takes an option back. An override that is no assignment, names another section or an unknown
    option, or holds no YAML, is among the errors.

    Args:
        given: the options so far.
        overrides: later ones win.
        dest: whose options they are.

    Raises:
        InputError: there is no such destination.
    """
    table = table_of(dest)
    for text in overrides:
        try:
            given = _with_override(given, text, table)
        except InputError as error:
            where = f"-o {text.partition('=')[0].strip():.200}"
            placed = InputError(error.message, code=error.code, where=where, hint=error.hint)
            given = replace(given, errors=(*given.errors, placed))
    return given


def with_flags(given: Given, flags: Mapping[str, Json], *, dest: str = "mlflow") -> Given:
    """The options with those that flags of the same names say, ``None`` nothing."""
    said = {name: value for name, value in flags.items() if value is not None}
    own = table_of(dest).given(said, places={name: f"--{name.replace('_', '-')}" for name in said})
    return Given(
        values={**given.values, **own.values},
        places={**given.places, **own.places},
        errors=(*given.errors, *own.errors),
    )


def _with_override(given: Given, text: str, table: AnyTable) -> Given:
    """The options with one override in force.

    Raises:
        InputError: it cannot be meant.
    """
    key, sign, value = text.lstrip("+").partition("=")
    is_removal = key.startswith("~")
    path = key.removeprefix("~").strip().split(".")
    if "" in path or bool(sign) == is_removal:
        raise InputError("is no KEY=VALUE", code="usage", hint=f"write -o export.{table.dest}.KEY=VALUE")
    if tuple(path[:2]) != table.section or len(path) == 2:
        raise _misplaced(path, table)
    name, inner = OTHER_WORDS.get(path[2], path[2]), path[3:]
    if name not in table.known:
        raise table.unknown(path[2], "")
    if name == "tags" and inner:
        inner = [".".join(inner)]
    said = None if is_removal else _value(table, name, value, is_inner=bool(inner))
    values = _with_value(given.values, [name, *inner], said)
    return replace(given, values=values, places={**given.places, name: f"-o {text.partition('=')[0].strip():.200}"})


def export_uri(options: ExportOptions, settings: Settings) -> str:
    """The URI that is given, or that the variable of this name holds, else that of the settings.

    Raises:
        InputError: there is none.
    """
    given = options.tracking_uri
    uri = (given if "://" in given else settings.environ.get(given, given)) or settings.tracking_uri
    if not uri:
        raise InputError(
            "no MLflow is named",
            code="missing_uri",
            hint="set MLFLOW_TRACKING_URI, or add -o export.mlflow.tracking_uri=http://HOST:PORT",
        )
    return uri


def _misplaced(path: Sequence[str], table: AnyTable) -> InputError:
    """The error of an override that is none of this destination's."""
    section, usage = ".".join(table.section), f"write -o export.{table.dest}.KEY=VALUE"
    given = ".".join(path[:2])
    if len(path) > 2 and path[0] == "export" and path[1] in DESTINATIONS:
        return InputError(
            f"is an option of destination {path[1]!r}, and the results go to {table.dest!r}",
            code="unknown_option",
            hint=f"{usage}, or export with --dest {path[1]}",
        )
    near = "" if given == section else nearest(given, [section])
    return InputError("is no option of this export", code="unknown_option", hint=near or usage)


def _value(table: AnyTable, name: str, text: str, *, is_inner: bool) -> Json:
    """What a value on the command line means for an option of that name."""
    bare = text.strip()
    is_label = name in table.mappings and is_inner
    if bare in {"", "null", "~"}:
        return "" if is_label and not bare else None
    is_quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'"
    is_nested = bare[0] in "[{" and name not in table.texts and not (name == "tags" and is_inner)
    if not is_quoted and not is_nested and (is_label or name in table.texts or name in table.lists):
        return text  # also `3.10` and `#general`, which are a number and nothing to YAML
    try:
        return first_document(text).value
    except (yaml.YAMLError, YamlLimitError, ValueError, RecursionError) as error:
        if is_label:
            return text
        raise InputError(
            f"the value cannot be read: {text!r:.200}", code="usage", hint="put quotes around texts in it"
        ) from error


def _with_value(options: Mapping[str, Json], path: Sequence[str], value: Json) -> dict[str, Json]:
    """The options with a value at a path; what was given is left as it is."""
    name, *inner = path
    if not inner:
        return {**options, name: value}
    there = options.get(name)
    if there is not None and not isinstance(there, Mapping):
        raise InputError("goes into what is no mapping", code="usage", hint=f"{name} is {there!r:.80}")
    return {**options, name: _with_value(there or {}, inner, value)}


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
