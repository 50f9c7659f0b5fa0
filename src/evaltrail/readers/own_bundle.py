"""Reader `bundle`: our own bundle folders, format version 1 of ``bundle.layout``."""

from __future__ import annotations

from evaltrail.bundle import layout
from evaltrail.bundle.read import read_bundle
from evaltrail.core.errors import InputError
from evaltrail.core.result import ResultBundle
from evaltrail.core.source import HEAD_BYTES, Evidence, Source
from evaltrail.readers.heads import head_text, top_keys

_KEYS = {"schema_version", "id", "origin"}


class OwnBundleReader:
    """Reads a folder that an evaluation of ours was written to; its id stays what it is."""

    def sniff(self, source: Source) -> Evidence | None:
        """Why a folder is a bundle: its manifest says so."""
        if not source.is_folder:
            return None
        try:
            with (source.path / layout.MANIFEST).open("rb") as manifest:
                keys = top_keys(head_text(manifest.read(HEAD_BYTES)))
        except OSError:
            return None
        if not _KEYS.issubset(keys):
            return None
        return Evidence(confidence=1.0, why=f"{layout.MANIFEST} of an evaltrail bundle")

    def read(self, source: Source) -> ResultBundle:
        """The bundle as it was written.

        Raises:
            InputError: it is of a newer format, broken, or a file of it is missing.
        """
        try:
            return read_bundle(source.path)
        except (ValueError, RecursionError, OSError) as error:
            raise InputError(
                f"the manifest cannot be read: {error}", code="broken_bundle", where=str(source.path)
            ) from error
