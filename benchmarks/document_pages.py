"""Reading a PDF of a thousand pages: pages a second, and the most memory that both processes have.

Usage: python benchmarks/document_pages.py [REPEAT]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from document_files import pdf_of
from goals import Row, at_most, show
from measure import NotMeasuredError

PAGES = 1_000
MUST_MB = 400
WAY = (
    f"A PDF of {PAGES:,} pages of 45 lines and 2,900 characters, deflated, read into chunks by a process of its own "
    "with its child; memory is the sum of the most that each of the two had; medians."
)
_LINE = "The valve of pump {} opens at nine bar and closes at seven bar."
_PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from evaltrail.generation.documents.reading import read_document

began = time.perf_counter()
document = read_document(Path(sys.argv[1]), name="manual.pdf")
seconds = time.perf_counter() - began
most = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
unit = 1_000_000 if sys.platform == "darwin" else 1_000
print(json.dumps({"pages": document.pages, "seconds": seconds, "megabytes": sum(most) / unit}))
"""


def run(repeat: int = 3) -> list[Row]:
    """Every row of the page."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "manual.pdf"
        file.write_bytes(pdf_of(["\n".join(_LINE.format(page + line) for line in range(45)) for page in range(PAGES)]))
        found = [measured(file) for _ in range(repeat)]
    rate = PAGES / statistics.median(each["seconds"] for each in found)
    megabytes = statistics.median(each["megabytes"] for each in found)
    return [
        Row(what=f"reading a PDF of {PAGES:,} pages", evaltrail=f"{rate:,.0f} pages/s"),
        at_most(f"memory for a PDF of {PAGES:,} pages", megabytes, "MB", MUST_MB),
    ]


def measured(file: Path) -> dict[str, float]:
    """What one fresh process needs for the file.

    Raises:
        NotMeasuredError: it did not read all of it.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM, str(file)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotMeasuredError(f"reading ended with {done.returncode}: {done.stderr.strip().rpartition(chr(10))[2]}")
    found: dict[str, float] = json.loads(done.stdout)
    if found["pages"] != PAGES:
        raise NotMeasuredError(f"{found['pages']} pages were read instead of {PAGES}")
    return found


def main() -> int:
    return show(run(int(sys.argv[1]) if len(sys.argv) > 1 else 3), WAY)


if __name__ == "__main__":
    sys.exit(main())
