"""The finished result that is to be scored anew: by id, by folder, in any format a reader knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.result import ResultBundle
from evaltrail.destinations.mlflow.staging import passing_folder
from evaltrail.service.deliver import outbox_folder
from evaltrail.service.gathering.land import read_unit
from evaltrail.service.gathering.survey import Search, Survey, load_readers, survey
from evaltrail.service.gathering.unpacking import Unpacking
from evaltrail.service.history.evaluations import find_known
from evaltrail.store.ledger import Entry

_MOST_NAMED = 5


@contextmanager
def open_result(name: str, settings: Settings) -> Iterator[ResultBundle]:
    """The result that an id or a path names; its samples can be read while the block runs.

    Args:
        name: id of an evaluation or of a launcher's job, its beginning, or a file, folder or archive.
        settings: where ledger and execution database are.

    Raises:
        InputError: there is no such result, several, or it cannot be read.
    """
    place = Path(name) if Path(name).exists() else _place_of(name, settings)
    if (place / MANIFEST).is_file():
        yield read_bundle(place)
        return
    readers = load_readers()
    with Unpacking(passing_folder(outbox_folder(settings))) as unpacking:
        found = survey(Search(paths=(place,)), readers, unpacking)
        if len(found.units) != 1:
            raise _not_one(found, place)
        bundle, errors = read_unit(found.units[0], readers)
        if errors:
            raise errors[0]
        yield bundle


def _place_of(name: str, settings: Settings) -> Path:
    """The folder of an evaluation of ours, or of the one job that an id names."""
    found = find_known(settings, name)
    if isinstance(found, Entry):
        if not (found.out / MANIFEST).is_file():
            raise InputError(
                f"evaluation {found.id} has no finished bundle", code="no_bundle", hint=f"`evaltrail status {found.id}`"
            )
        return found.out
    if len(found) > 1:
        raise InputError(
            f"{name!r} names {len(found)} jobs", code="several_results", hint=f"name one of them, such as {found[0].id}"
        )
    folder = found[0].folder
    if folder is None or not folder.is_dir():
        raise InputError(
            f"the folder of job {found[0].id} is not here", code="no_results", hint="name a folder instead"
        )
    return folder


def _not_one(found: Survey, place: Path) -> InputError:
    if found.errors:
        return found.errors[0]
    if not found.units:
        return InputError(
            "no result of a known format is here",
            code="no_results",
            where=str(place),
            hint=f"known formats: {', '.join(load_readers())}",
        )
    names = ", ".join(unit.label for unit in found.units[:_MOST_NAMED])
    more = ", ..." if len(found.units) > _MOST_NAMED else ""
    return InputError(
        f"{len(found.units)} results are here: {names}{more}",
        code="several_results",
        where=str(place),
        hint="name one of them",
    )
