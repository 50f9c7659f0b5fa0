"""Threads that deliver decode only what was made known to msgspec before they began."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import evaltrail
from child import run_child
from evaltrail.destinations.mlflow import rest_bodies
from evaltrail.service.gathering.decoding import KINDS

ROOT = Path(evaltrail.__file__).parent
ROADS = ("bundle", "destinations", "readers")
"""Rooms whose code runs in threads when results are gathered."""

RACE = """
    import sys, threading
    import msgspec
    from evaltrail.service.gathering.decoding import KINDS, prepare_decoding

    sys.setswitchinterval(1e-6)
    prepare_decoding()
    start = threading.Barrier(8)

    def decode():
        start.wait()
        for kind in KINDS:
            try:
                msgspec.json.decode(b"{}", type=kind)
            except msgspec.ValidationError:
                pass

    threads = [threading.Thread(target=decode) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("alive")
"""


def test_every_class_that_is_decoded_on_the_way_is_known():
    """A new one has to be listed, or a process in some hundreds would crash."""
    files = [file for road in ROADS for file in (ROOT / road).rglob("*.py")]
    found = {
        name.rpartition(".")[2]
        for file in files
        for name in re.findall(r"(?:type=|Decoder\(|convert\([^,()]+, )(?:tuple\[)?([\w.]+)", file.read_text("utf-8"))
    }
    named = {name for name in found if name[0].isupper()}
    bodies = {name for name, _ in inspect.getmembers(rest_bodies, inspect.isclass) if name.endswith("Body")}
    own_threads = {"RowKey"}  # of the journal, which is never gathered
    assert {"RunPlan", "Sample", "Manifest"} <= named
    assert (named | bodies) - own_threads == {kind.__name__ for kind in KINDS}


def test_threads_that_begin_together_decode_without_a_crash():
    """After the preparation nothing is left to be found out at the same time."""
    done = run_child(RACE)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
