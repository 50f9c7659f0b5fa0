"""The form pages of seed 003 as HTML: nothing in them is a script, and nothing comes from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jinja2 import Template

Page = Literal["chunks", "edits"]
POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; img-src 'none'"
)
_TITLES = {"chunks": "Make questions of chunks", "edits": "Send edited questions"}
_NOTHING: Mapping[str, str] = {
    "filename": "",
    "window_size": "4",
    "window_step": "2",
    "window_scope": "upload",
    "input": "",
    "run_id": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProblem:
    """What was wrong with a form."""

    message: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStart:
    """What was accepted."""

    job_id: str
    status: str
    """Path, relative to the page."""
    run: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownForm:
    """A page as it is shown."""

    page: Page
    token: str
    values: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """What the fields hold."""
    problem: ShownProblem | None = None
    started: ShownStart | None = None


def render(shown: ShownForm) -> str:
    """The page as HTML, everything in it escaped."""
    return _template().render(
        title=_TITLES[shown.page],
        page=shown.page,
        token=shown.token,
        values={**_NOTHING, **shown.values},
        problem=shown.problem,
        started=shown.started,
    )


@cache
def stylesheet() -> str:
    """How the pages look."""
    return files("evaltrail.web").joinpath("form_page.css").read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  only where somebody asks for a page

    text = files("evaltrail.web").joinpath("form_page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text)
