"""The README's tour, run as a newcomer would."""

from __future__ import annotations

import re

import pytest
from reader import ROOT, blocks, paste


@pytest.mark.slow
def test_the_tour_of_the_readme_works_as_written(evaltrail, endpoint, tracking):
    """Every block of the tour, pasted into a shell one after the other, ends with exit code 0 and lands its runs."""
    tour = blocks("README.md", "sh tour")
    assert len(tour) >= 3
    for block in tour:
        paste(evaltrail, block, URL=endpoint.url, MODEL="my-model")
    assert [run.info.status for run in tracking.runs("capitals")] == ["FINISHED", "FINISHED"]
    assert [run.info.status for run in tracking.runs("launches")][-1:] == ["FINISHED"]


def test_the_python_lines_of_the_readme_work(evaltrail, endpoint):
    """The Python examples run one after the other with only the endpoint changed."""
    example = "\n".join(blocks("README.md", "python")).replace("http://localhost:8000/v1", endpoint.url)
    done = paste(evaltrail, f"python - <<'END'\n{example}END\n")
    (value, run_id), (overlap, other_id) = (line.split() for line in done.out.splitlines())
    assert (value, len(run_id)) == ("0.0", 32)
    assert 0.5 < float(overlap) < 1
    assert len({run_id, other_id}) == 2


def test_every_page_the_readme_links_to_is_there():
    """No link of the README leads nowhere."""
    links = [
        link
        for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
