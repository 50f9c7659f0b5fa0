"""Which role a request needs, by its method and path."""

from __future__ import annotations

from operator import contains

from evaltrail.store.api_keys import Role

_OPEN = frozenset({"/health", "/ready"})
_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})
_EVALUATIONS = ["api", "v1", "evaluations"]
_QUESTIONS = ({"api"}, {"v1"}, {"documents", "generations", "datasets", "edits"})
"""Whoever may start an evaluation may make its questions too."""
_SEED = frozenset({"", "post_json", "upload_data_generation_edits", "edited_questions", "evaluate_model"})
"""Paths of seed 003, and those of its forms."""
_FORMS = frozenset({"", "edited_questions"})
_UPLOADS = frozenset({*_FORMS, "post_json", "upload_data_generation_edits", "api/v1/documents"})
_CATALOGS = ("collections", "providers")


def is_open_path(path: str) -> bool:
    """Whether a path tells nothing but that the service lives: supervisors ask it, without a key and by any name."""
    return path in _OPEN


def is_upload(method: str, path: str) -> bool:
    """Whether a request brings a file, which may be larger than what is read at once."""
    plain = path.strip("/")
    is_edits = plain.startswith("api/v1/datasets/") and plain.endswith("/edits")
    return method == "POST" and (plain in _UPLOADS or is_edits)


def is_form(method: str, path: str) -> bool:
    """Whether a request is a page's form, which is answered with a page, whatever is wrong with it."""
    return method == "POST" and path.strip("/") in _FORMS


def needed_role(method: str, path: str) -> Role:
    """The least role that a request needs; what is not known to start or end an evaluation needs the highest.

    Args:
        method: of HTTP, in capitals.
        path: decoded, without the query.
    """
    if method in _LOOKING:
        return "read"
    parts = [part for part in path.split("/") if part]
    if path.strip("/") in _SEED or (len(parts) > 2 and all(map(contains, _QUESTIONS, parts))):
        return "submit"
    if parts[:3] != _EVALUATIONS:
        return "admin"
    below = parts[3:]
    if not below or below[0] not in _CATALOGS:
        return "submit"
    starts_collection = method == "POST" and len(below) == 2 and below[0] == "collections"
    return "submit" if starts_collection else "admin"
