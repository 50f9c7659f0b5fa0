"""Links between runs that landed when MLflow was back: what nobody could know while all of them waited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.errors import DestinationError, InputError
from evaltrail.destinations.mlflow.destination import Sent
from evaltrail.destinations.mlflow.known_run import find_run, tag_run
from evaltrail.destinations.mlflow.run_plan import ID_TAG, PROVIDER_TAG
from evaltrail.destinations.mlflow.tracking_uri import public_uri
from evaltrail.providers.questions.lineage import (
    DATASET_TAG,
    EDITS_PROVIDER,
    GENERATION_RUN_TAG,
    GENERATORS,
    UPLOAD_PROVIDER,
    UPLOAD_RUN_TAG,
    UPLOAD_TAG,
    VERSION_TAG,
)
from evaltrail.service.generating.places import tracking_uri_of
from evaltrail.store.dataset_store import DatasetStore, DatasetVersion
from evaltrail.store.document_store import DocumentStore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    run_id: str
    tracking_uri: str
    tag: str
    value: str


def link_landed(sent: Sequence[Sent], settings: Settings) -> tuple[Sent, ...]:
    """The same, once the runs that landed among them say which runs they came from; a note where one cannot.

    Args:
        sent: what a sync sent, in its order.
        settings: of this process.

    Raises:
        StorageError: documents or data sets cannot be read or written.
    """
    store, documents = DatasetStore(settings.question_sets_folder), DocumentStore(settings.documents_folder)
    notes: dict[str, str] = {}
    for each, receipt in _uploads(sent):
        documents.note_run(each.tags.get(UPLOAD_TAG, ""), public_uri(each.tracking_uri), receipt.run_id)
    for each, run_id in _generated_earlier(sent, store):
        try:
            _name_documents(run_id, each.tracking_uri, settings)
        except (DestinationError, InputError) as error:
            notes[_run_id(each)] = f"run {run_id} stays without its tag {UPLOAD_RUN_TAG}: {error.message}"
    for link in [*_to_uploads(sent, documents), *_to_generations(sent, store)]:
        try:
            tag_run(link.run_id, {link.tag: link.value}, link.tracking_uri, environ=settings.environ)
        except (DestinationError, InputError) as error:
            notes[link.run_id] = f"it landed without its tag {link.tag}={link.value}: {error.message}"
    return tuple(replace(each, note=notes.get(_run_id(each), each.note)) for each in sent)


def link_generation(run_id: str, delivery: DeliveryOptions, settings: Settings) -> None:
    """Have the run of a generation name those of its documents, which landed after its result was written.

    Args:
        run_id: of the generation.
        delivery: how it landed.
        settings: fill what that leaves open.

    Raises:
        DestinationError: MLflow is away, or refuses.
    """
    _name_documents(run_id, tracking_uri_of(delivery, settings), settings)


def _name_documents(run_id: str, tracking_uri: str, settings: Settings) -> None:
    run = find_run(run_id, tracking_uri, environ=settings.environ)
    found = "" if run is None else _lacking(run.tags, tracking_uri, DocumentStore(settings.documents_folder))
    if found:
        tag_run(run_id, {UPLOAD_RUN_TAG: found}, tracking_uri, environ=settings.environ)


def _to_uploads(sent: Sequence[Sent], documents: DocumentStore) -> Iterator[_Link]:
    """From generations to the runs of their documents, which were sent before."""
    for each, receipt in _landed(sent):
        if found := _lacking(each.tags, each.tracking_uri, documents):
            yield _Link(run_id=receipt.run_id, tracking_uri=each.tracking_uri, tag=UPLOAD_RUN_TAG, value=found)


def _generated_earlier(sent: Sequence[Sent], store: DatasetStore) -> Iterator[tuple[Sent, str]]:
    """Each document with the runs of the generations that had landed before it did."""
    uploads, own = list(_uploads(sent)), {"", *map(_run_id, sent)}
    made = [version for known in store.list() for version in known.versions] if uploads else []
    for each, _ in uploads:
        digest = each.tags.get(UPLOAD_TAG, "")
        runs = {version.run_id for version in made if version.generation_id and digest in version.upload_ids}
        yield from ((each, run_id) for run_id in sorted(runs - own))


def _lacking(tags: Mapping[str, str], tracking_uri: str, documents: DocumentStore) -> str:
    """The runs of its documents that the run of a generation is to name and does not; empty while not all are there."""
    digests, told = (tags.get(name, "").split(",") for name in (UPLOAD_TAG, UPLOAD_RUN_TAG))
    if tags.get(PROVIDER_TAG) not in GENERATORS or (told[0] and len(told) == len(digests)):
        return ""
    run_ids = [_run_of(digest, tracking_uri, documents) for digest in digests]
    return ",".join(run_ids) if all(run_ids) else ""


def _run_of(digest: str, tracking_uri: str, documents: DocumentStore) -> str:
    try:
        return documents.get(digest).runs.get(public_uri(tracking_uri), "")
    except InputError:  # somebody removed it meanwhile
        return ""


def _to_generations(sent: Sequence[Sent], store: DatasetStore) -> Iterator[_Link]:
    """From edits and evaluations to the run that the questions are from; the store learns where edits landed."""
    for each, receipt in _landed(sent):
        version = _version(each, store)
        if version is None or each.source_id == version.generation_id:
            continue
        origin = version
        part = _part(each)
        if each.tags.get(PROVIDER_TAG + part) == EDITS_PROVIDER:
            if not version.run_id and not version.generation_id:
                store.note_run(version, receipt.run_id)
            first = store.version(version.dataset_id, 1)
            origin = first if first.generation_id else replace(first, run_id="")
        if origin.run_id and not each.tags.get(GENERATION_RUN_TAG + part):
            yield _Link(
                run_id=receipt.run_id,
                tracking_uri=each.tracking_uri,
                tag=GENERATION_RUN_TAG + part,
                value=origin.run_id,
            )


def _version(sent: Sent, store: DatasetStore) -> DatasetVersion | None:
    """The version of a data set that a run made; None where it made none."""
    dataset_id, number = (sent.tags.get(name + _part(sent), "") for name in (DATASET_TAG, VERSION_TAG))
    if not (dataset_id and number.isdecimal()):
        return None
    try:
        return store.version(dataset_id, int(number))
    except InputError:  # somebody removed it meanwhile
        return None


def _part(sent: Sent) -> str:
    """How the names of a result's tags end in a run that it is a part of; empty where the run is its own."""
    own = (name for name, value in sent.tags.items() if name.startswith(f"{ID_TAG}.") and value == sent.source_id)
    return next(own, ID_TAG).removeprefix(ID_TAG)


def _landed(sent: Sequence[Sent]) -> Iterator[tuple[Sent, Receipt]]:
    for each in sent:
        if each.receipt is not None:
            yield each, each.receipt


def _uploads(sent: Sequence[Sent]) -> Iterator[tuple[Sent, Receipt]]:
    return (pair for pair in _landed(sent) if pair[0].tags.get(PROVIDER_TAG) == UPLOAD_PROVIDER)


def _run_id(sent: Sent) -> str:
    return "" if sent.receipt is None else sent.receipt.run_id
