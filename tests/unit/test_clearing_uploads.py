"""Clearing what is left of uploads: whole ones are their owners' alone."""

from __future__ import annotations

import os
import time

from evaltrail.config.settings import load_settings
from evaltrail.service.clearing.clear import clear
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.document_store import DocumentStore
from question_sets import keep_questions

DAY_S = 86_400


def age(*folders):
    """Let all of it look as if nobody had touched it for two days."""
    for folder in folders:
        for each in [*folder.rglob("*"), folder]:
            os.utime(each, (time.time() - 2 * DAY_S,) * 2)


def test_documents_and_data_sets_stay_and_halves_of_them_go(tmp_path):
    """However old what came whole is; half an upload goes after a day, wherever uploads are kept, and what was being
    fetched for an evaluation after an hour."""
    home, uploads = tmp_path / "home", tmp_path / "uploads"
    settings = load_settings({"EVALTRAIL_HOME": str(home), "UPLOAD_FOLDER": str(uploads)}, dotenv=None)
    kept = DocumentStore(uploads).keep(b"x", name="a", limit_bytes=9)
    keep_questions(settings.question_sets_folder)
    halves = [uploads / ".incoming" / ".half", home / "datasets" / ".incoming" / "half", home / "work" / "fetched-abc"]
    for half in halves:
        half.mkdir(parents=True)
        (half / "content").write_text("half")
    assert clear(settings, older_than_days=0).leftovers == ()
    age(home, uploads)
    names = ["work/fetched-abc", str(halves[0]), "datasets/.incoming/half"]
    for dry_run in (True, False):
        assert all(half.is_dir() for half in halves)
        cleared = clear(settings, older_than_days=0, dry_run=dry_run)
        assert ([each.name for each in cleared.leftovers], cleared.size_bytes) == (names, 12)
    assert not any(half.exists() for half in halves)
    assert kept.path.is_file()
    assert len(DatasetStore(settings.question_sets_folder).list()) == 1
