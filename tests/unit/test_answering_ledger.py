"""What the service reads of the ledger and of a bundle's table, and what it takes out of the ledger."""

from __future__ import annotations

import msgspec
import pytest

from answering_values import at
from evaltrail.bundle.columns import ParquetSamples, SamplesWriter
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample, Score
from evaltrail.service.answering.landed import landings
from evaltrail.store.ledger import Entry, Ledger


@pytest.fixture
def ledger(tmp_path):
    """Three evaluations, of which two have a result."""
    ledger = Ledger(tmp_path)
    for name in ("a", "b", "c"):
        entry = Entry(id=name, state="running", model="m", tasks=(), out=tmp_path, work=tmp_path, started_at=at(0))
        ledger.begin(entry)
    receipt = {"run_id": "r", "run_url": "http://u", "experiment_id": "7", "experiment_name": "e", "task": ""}
    ledger.end("a", "completed", msgspec.json.encode({"ok": True, "receipts": [receipt]}))
    ledger.end("b", "failed", msgspec.json.encode({"ok": False, "receipts": []}))
    return ledger


def test_results_are_asked_for_by_many_ids_at_once(ledger):
    """Those that have one, whatever else was asked for."""
    assert set(ledger.results(["a", "b", "c", "d'"])) == {"a", "b"}
    assert ledger.results([]) == {}


def test_a_landing_is_known_where_something_landed(ledger, tmp_path):
    """Experiment, run and link as they were when it landed; no ledger is made by asking."""
    found = landings(load_settings({"EVALTRAIL_HOME": str(tmp_path)}, dotenv=None), ["a", "b"])
    assert list(found) == ["a"]
    assert (found["a"].experiment_id, found["a"].runs[0].url) == ("7", "http://u")
    empty = load_settings({"EVALTRAIL_HOME": str(tmp_path / "none")}, dotenv=None)
    assert landings(empty, ["a"]) == {}
    assert not empty.home.exists()


def test_a_forgotten_evaluation_is_unknown(ledger):
    """Others stay; to forget it twice is no error."""
    ledger.forget("a")
    ledger.forget("a")
    with pytest.raises(InputError, match="no evaluation has the id 'a'"):
        ledger.find("a")
    assert ledger.find("b").state == "failed"


@pytest.mark.parametrize("first", [0, 1, 1023, 1024, 1500, 2999, 3000, 9000])
def test_rows_of_a_table_are_read_from_any_on(tmp_path, first):
    """Row groups before it, or of other tasks alone, are passed over; each sample bears the number of its row."""
    file = tmp_path / "samples.parquet"
    with SamplesWriter(file, ["acc"]) as table:
        for index in range(3000):
            task = "a" if index < 1100 else "b" if index < 2990 else "a"
            table.add(task, Sample(id=str(index), index=index, scores={"acc": Score(value=1.0)}))
    for task, rows in (("a", [*range(1100), *range(2990, 3000)]), ("b", range(1100, 2990)), ("c", [])):
        found = [(row, int(sample.id)) for row, sample in ParquetSamples(file, task).rows(first)]
        assert found == [(row, row) for row in rows if row >= first]
