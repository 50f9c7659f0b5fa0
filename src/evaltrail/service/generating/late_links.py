"""Links between runs that landed when MLflow was back: what nobody could know while all of them waited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import Receipt
from evaltrail.core.errors import DestinationError, InputError
from evaltrail.destinations.mlflow.destination import Sent
from evaltrail.destinations.mlflow.known_run import tag_run
from evaltrail.service.generating.edits_bundle import GENERATION_RUN_TAG
from evaltrail.service.generating.generation_bundle import DATASET_TAG, UPLOAD_RUN_TAG, VERSION_TAG
from evaltrail.service.generating.upload_run import UPLOAD_TAG
from evaltrail.store.dataset_store import DatasetStore, DatasetVersion

_PROVIDER_TAG = "evaltrail.provider"
_UPLOAD, _EDITS = "upload", "edits"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    sent: Sent
    run_id: str
    tag: str
    value: str


def link_landed(sent: Sequence[Sent], settings: Settings) -> tuple[Sent, ...]:
    """The same, once the runs that landed among them say which runs they came from; a note where one cannot.

    Args:
        sent: what a sync sent, in its order.
        settings: of this process.

    Raises:
        StorageError: the data sets cannot be read or written.
    """
    store = DatasetStore(settings.question_sets_folder)
    notes: dict[str, str] = {}
    for link in [*_to_uploads(sent), *_to_generations(sent, store)]:
        try:
            tag_run(link.run_id, {link.tag: link.value}, link.sent.tracking_uri, environ=settings.environ)
        except (DestinationError, InputError) as error:
            notes[link.run_id] = f"it landed without its tag {link.tag}={link.value}: {error.message}"
    return tuple(replace(each, note=notes.get(_run_id(each), each.note)) for each in sent)


def _to_uploads(sent: Sequence[Sent]) -> Iterator[_Link]:
    """From what was generated to the runs of its documents, which were sent before it."""
    uploads: dict[tuple[str, str], str] = {}
    for each, receipt in _landed(sent):
        digest = each.tags.get(UPLOAD_TAG, "")
        if each.tags.get(_PROVIDER_TAG) == _UPLOAD:
            uploads[each.tracking_uri, digest] = receipt.run_id
        elif digest and DATASET_TAG in each.tags:
            run_ids = [uploads.get((each.tracking_uri, one), "") for one in digest.split(",")]
            if all(run_ids) and UPLOAD_RUN_TAG not in each.tags:
                yield _Link(sent=each, run_id=receipt.run_id, tag=UPLOAD_RUN_TAG, value=",".join(run_ids))


def _to_generations(sent: Sequence[Sent], store: DatasetStore) -> Iterator[_Link]:
    """From edits and evaluations to the run that the questions are from; the store learns where edits landed."""
    for each, receipt in _landed(sent):
        version = _version(each, store)
        if version is None or each.source_id == version.generation_id:
            continue
        origin = version
        if each.tags.get(_PROVIDER_TAG) == _EDITS:
            if not version.run_id:
                store.note_run(version, receipt.run_id)
            first = store.version(version.dataset_id, 1)
            origin = first if first.generation_id and version.version > 1 else replace(first, run_id="")
        if origin.run_id and not each.tags.get(GENERATION_RUN_TAG):
            yield _Link(sent=each, run_id=receipt.run_id, tag=GENERATION_RUN_TAG, value=origin.run_id)


def _version(sent: Sent, store: DatasetStore) -> DatasetVersion | None:
    """The version of a data set that a run made; None where it made none."""
    dataset_id, number = sent.tags.get(DATASET_TAG, ""), sent.tags.get(VERSION_TAG, "")
    if not (dataset_id and number.isdecimal()):
        return None
    try:
        return store.version(dataset_id, int(number))
    except InputError:  # somebody removed it meanwhile
        return None


def _landed(sent: Sequence[Sent]) -> Iterator[tuple[Sent, Receipt]]:
    for each in sent:
        if each.receipt is not None:
            yield each, each.receipt


def _run_id(sent: Sent) -> str:
    return "" if sent.receipt is None else sent.receipt.run_id
