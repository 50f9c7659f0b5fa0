"""Documents, generations and data sets as JSON."""

from __future__ import annotations

from evaltrail.api.accounts import Wire
from evaltrail.api.links import Link, linked
from evaltrail.service.answering.generation_account import GenerationAccount, GenerationPage, QuestionJob
from evaltrail.service.submitting.upload_desk import KeptDocument
from evaltrail.store.dataset_store import DatasetVersion, StoredDataset
from evaltrail.store.document_store import StoredUpload

DOCUMENTS, GENERATIONS = "/api/v1/documents", "/api/v1/generations"
DATASETS, EDITS = "/api/v1/datasets", "/api/v1/edits"


def document_object(stored: StoredUpload) -> Wire:
    """One document."""
    return {
        "id": stored.id,
        "file_name": stored.name,
        "names": stored.names,
        "size_bytes": stored.size_bytes,
        "digest": stored.digest,
        "created_at": stored.created_at,
        "links": linked({"self": f"{DOCUMENTS}/{stored.id}"}),
    }


def kept_object(kept: KeptDocument) -> Wire:
    """A document that was sent just now."""
    about = {"file_name": kept.name, "format": kept.kind, "chunks": kept.chunks}
    return {**document_object(kept.stored), **about}


def generation_object(account: GenerationAccount) -> Wire:
    """One generation."""
    own = f"{GENERATIONS}/{account.id}"
    rejects = linked({"rejects": f"{own}/rejects"} if account.has_rejects else {})
    return {
        **_job_object(account.job),
        "documents": account.documents,
        "model": account.model,
        "server": account.server or None,
        "plan": account.plan,
        "progress": account.progress,
        "tokens_used": account.tokens,
        "links": {**_links(account.job, own), **rejects},
    }


def generation_page_object(page: GenerationPage) -> Wire:
    """Some generations, newest first."""
    return {
        "items": [generation_object(each) for each in page.items],
        "total_count": page.total_count,
        "next_cursor": page.next_cursor or None,
    }


def edits_object(account: QuestionJob) -> Wire:
    """Edited questions that were sent."""
    own = f"{EDITS}/{account.id}"
    return {**_job_object(account), "links": _links(account, own)}


def dataset_object(stored: StoredDataset) -> Wire:
    """One data set, as its latest version is."""
    return {
        **version_object(stored.latest),
        "id": stored.id,
        "versions": len(stored.versions),
        "created_at": stored.created_at,
        "updated_at": stored.latest.created_at,
    }


def version_object(version: DatasetVersion) -> Wire:
    """One version of a data set."""
    own = f"{DATASETS}/{version.dataset_id}"
    files = {kind: f"{own}/download?format={kind}&version={version.version}" for kind in ("csv", "jsonl", "parquet")}
    return {
        "dataset_id": version.dataset_id,
        "version": version.version,
        "parent_version": version.parent_version,
        "name": version.name,
        "digest": version.digest,
        "count": version.count,
        "created_at": version.created_at,
        "documents": version.upload_ids,
        "generation_id": version.generation_id or None,
        "run_id": version.run_id or None,
        "links": linked({"self": own, "versions": f"{own}/versions", **files}),
    }


def _job_object(account: QuestionJob) -> Wire:
    return {
        "id": account.id,
        "job_id": account.id,
        "name": account.name,
        "status": account.state,
        "message": account.message,
        "created_at": account.created_at,
        "started_at": account.started_at,
        "ended_at": account.ended_at,
        "run_id": account.run_id or None,
        "run_url": account.run_page or None,
        "mlflow_sync": account.mlflow_sync,
        "dataset_id": account.dataset_id or None,
        "dataset_version": account.dataset_version or None,
        "error": account.error,
        **account.outcome,
    }


def _links(account: QuestionJob, own: str) -> dict[str, Link]:
    dataset = {"dataset": f"{DATASETS}/{account.dataset_id}"} if account.dataset_id else {}
    return linked({"self": own, "run": f"{own}/run", "events": f"{own}/events", **dataset})
