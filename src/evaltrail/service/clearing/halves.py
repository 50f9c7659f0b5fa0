"""Halves: what writes that were interrupted have left beside the files and folders they were to become."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from evaltrail.config.settings import Settings
from evaltrail.service.clearing.home import Home
from evaltrail.service.clearing.leftover import QUIET_S, Leftover, rid_of, size_of
from evaltrail.store.incoming import left_behind
from evaltrail.store.work import is_running

HALF = "half of a write that was interrupted"
HALF_UPLOAD = "upload or data set that did not come whole"
_NAME = re.compile(r"\.(?P<wanted>.+)\.[0-9]{1,10}\.(?P<end>tmp|old)", re.DOTALL)
"""As ``bundle.folders`` names them: what was to be, a number, and whether it is the new or the old one."""


def find_halves(home: Home) -> Iterator[Leftover]:
    """The leftovers of interrupted writes; never the old one of two where the new one did not come into its place."""
    busy = home.busy()
    idle = [folder for folder in home.work if not is_running(folder)]
    places = (home.folder, home.folder / "runs", home.folder / "calibrations", *idle, *home.job_work)
    for place in places:
        for half in sorted(place.glob(".*")):
            if _is_left(half, busy) and home.quiet_for(half) >= QUIET_S:
                yield Leftover(
                    what=HALF,
                    name=half.relative_to(home.folder).as_posix(),
                    size_bytes=size_of(half),
                    remove=partial(rid_of, half),
                )


def find_half_uploads(home: Home, settings: Settings) -> Iterator[Leftover]:
    """What is left of uploads and data sets that were interrupted a day ago; whole ones are their owners' alone."""
    for store in (settings.documents_folder, settings.question_sets_folder):
        for half in left_behind(store, home.now_s):
            name = half.relative_to(home.folder) if half.is_relative_to(home.folder) else half
            yield Leftover(what=HALF_UPLOAD, name=str(name), size_bytes=size_of(half), remove=partial(rid_of, half))


def _is_left(half: Path, busy: frozenset[str]) -> bool:
    named = _NAME.fullmatch(half.name)
    if named is None or named["wanted"] in busy or half.parent.name in busy:
        return False
    is_only_one = named["end"] == "old" and not half.with_name(named["wanted"]).exists()
    return not is_only_one
