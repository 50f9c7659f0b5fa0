"""What would keep results from being delivered, found before jobs are started, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from evaltrail.config.composition.env_values import resolve_values
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError, PartialError
from evaltrail.core.job import JobSpec
from evaltrail.destinations.files.destination import FilesDestination
from evaltrail.destinations.files.options import FileOptions
from evaltrail.destinations.mlflow.labels import check_tag_names
from evaltrail.destinations.mlflow.naming import checked_experiment
from evaltrail.destinations.mlflow.tracking_uri import check_tracking_uri
from evaltrail.service.exporting.export_config import ExportOptions, export_uri, placed_options, read_options
from evaltrail.service.launching.auto_export import export_settings

Places = Mapping[str, str]
"""Option to where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCheck:
    """What was found."""

    errors: tuple[InputError, ...] = ()
    notices: tuple[str, ...] = ()
    """What is left out of the variables, one sentence each."""


def check_export(spec: JobSpec, places: Mapping[str, Places], settings: Settings) -> ExportCheck:
    """What is wrong with the options of the destinations of a job, all of it; nothing is raised.

    Args:
        spec: of any job of the launch.
        places: destination to where each of its options stands.
        settings: of this process.
    """
    if not spec.destinations:
        return ExportCheck()
    missing = resolve_values(spec.export_env, settings.environ).missing
    errors: list[InputError] = []
    for destination in spec.destinations:
        known = places.get(destination, {})
        try:
            given = placed_options(spec.export.get(destination, {}), known, dest=destination)
            options = read_options(given, dest=destination)
        except PartialError as several:
            errors += [error for error in several.errors if isinstance(error, InputError)]
        except InputError as error:
            errors.append(error)
        else:
            if isinstance(options, ExportOptions):
                _check_mlflow(options, known, export_settings(spec, settings), errors)
            else:
                _check_files(options, known, errors)
    notices = tuple(f"env_vars.export: the variable {name} is not set and is left out" for name in missing)
    return ExportCheck(errors=tuple(errors), notices=notices)


def _check_mlflow(options: ExportOptions, places: Places, settings: Settings, errors: list[InputError]) -> None:
    delivery = options.delivery()
    with _noted(errors, places, "tracking_uri"):
        check_tracking_uri(export_uri(options, settings))
    with _noted(errors, places, "tags"):
        check_tag_names(delivery.tags)
    with _noted(errors, places, "experiment_name"):
        checked_experiment(delivery.experiment or delivery.default_experiment)


def _check_files(options: FileOptions, places: Places, errors: list[InputError]) -> None:
    before = len(errors)
    with _noted(errors, places, "output_filename"):
        options.file_name()
    if len(errors) == before:
        with _noted(errors, places, "output_dir"):
            FilesDestination(options).check(())


@contextmanager
def _noted(errors: list[InputError], places: Places, option: str) -> Iterator[None]:
    """Note an error with the place of the option that it is about, where the option was given."""
    try:
        yield
    except InputError as error:
        place = places.get(option)
        if place is None:
            errors.append(error)
            return
        thing = f" ({error.where})" if error.where else ""
        errors.append(InputError(error.message + thing, code=error.code, where=place, hint=error.hint))
