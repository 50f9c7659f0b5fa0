"""The ledger: which evaluations there are and how they ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from child import start_child
from evaltrail.core.errors import InputError, StorageError
from evaltrail.providers.tasks import NAME
from evaltrail.store.ledger import GENERATING, Entry, Ledger

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def some_entry(number: int, identity: str = "") -> Entry:
    return Entry(
        id=identity or f"{number:016x}",
        state="running",
        model="org/mödel",
        tasks=("a", "b"),
        out=Path("/out"),
        work=Path("/work"),
        started_at=START + timedelta(minutes=number),
    )


@pytest.fixture
def ledger(tmp_path):
    """A ledger in a fresh home."""
    return Ledger(tmp_path / "home")


def test_what_began_is_running(ledger):
    """A started evaluation is there as it was told."""
    ledger.begin(some_entry(1))
    assert ledger.latest(5) == [some_entry(1)]


@pytest.mark.parametrize(("tasks", "noun"), [(GENERATING, "generation"), (("generate",), "evaluation")])
def test_a_task_of_any_name_is_no_generation(ledger, tasks, noun):
    """People are told what it is: a task file may bear every name but that of generations."""
    ledger.begin(replace(some_entry(1), tasks=tasks))
    assert (ledger.find(some_entry(1).id).noun, NAME.fullmatch(tasks[0]) is None) == (noun, noun == "generation")


def test_what_ended_has_its_result(ledger):
    """The end of an evaluation is its state, its time and the object that was printed."""
    ledger.begin(some_entry(1))
    ledger.end(some_entry(1).id, "completed", '{"ok": "ä"}'.encode())
    found = ledger.find(some_entry(1).id)
    assert (found.state, found.result) == ("completed", '{"ok": "ä"}'.encode())
    assert found.ended_at is not None
    assert found.ended_at.tzinfo is not None
    assert replace(found, state="running", result=b"", ended_at=None) == some_entry(1)


def test_what_goes_on_is_running_again(ledger):
    """Beginning again keeps the first start and forgets the end."""
    ledger.begin(some_entry(1))
    ledger.end(some_entry(1).id, "failed", b"{}")
    ledger.begin(replace(some_entry(1), started_at=START + timedelta(days=1)))
    assert ledger.latest(5) == [some_entry(1)]


def test_the_latest_come_first(ledger):
    """The newest evaluations come first, as many as asked for."""
    for number in (2, 0, 3, 1):
        ledger.begin(some_entry(number))
    assert [entry.started_at.minute for entry in ledger.latest(3)] == [3, 2, 1]


def test_any_unique_beginning_finds_it(ledger):
    """A prefix that only one id has is enough."""
    ledger.begin(some_entry(1, "abc1" + "0" * 12))
    ledger.begin(some_entry(2, "abd1" + "0" * 12))
    assert ledger.find("abc").id == "abc1" + "0" * 12
    assert ledger.find("abd1" + "0" * 12).id.startswith("abd")


def test_a_beginning_of_several_names_them(ledger):
    """A prefix of several ids is refused with the ids."""
    ledger.begin(some_entry(1, "abc1" + "0" * 12))
    ledger.begin(some_entry(2, "abd1" + "0" * 12))
    with pytest.raises(InputError) as caught:
        ledger.find("ab")
    assert caught.value.code == "ambiguous_id"
    assert caught.value.message == "several ids begin with 'ab': abd1000000000000, abc1000000000000"


@pytest.mark.parametrize("prefix", ["zz", "", "%", "_", "a%", "' OR 1=1 --"])
def test_an_unknown_beginning_is_told(ledger, prefix):
    """No id, no wildcard and no SQL finds anything."""
    ledger.begin(some_entry(1, "abc1" + "0" * 12))
    with pytest.raises(InputError) as caught:
        ledger.find(prefix)
    assert (caught.value.code, caught.value.hint) == ("unknown_id", "`evaltrail ls runs` shows them")


def test_a_ledger_that_is_none_is_told(tmp_path):
    """A spoilt file is a StorageError naming it."""
    (tmp_path / "ledger.db").write_text("no database " * 100)
    with pytest.raises(StorageError, match="the ledger cannot be used") as caught:
        Ledger(tmp_path).latest(1)
    assert caught.value.where == str(tmp_path / "ledger.db")


def test_one_that_is_tried_again_is_open_unless_more_became_of_it_meanwhile(ledger):
    """It is reopened as it was seen to have ended; a worker that was faster is not overruled."""
    ledger.begin(some_entry(1))
    identity = some_entry(1).id
    ledger.end(identity, "cancelled", b"{}")
    seen = ledger.find(identity)
    ledger.reopen(seen)
    assert (ledger.find(identity).state, ledger.find(identity).ended_at, ledger.find(identity).result) == (
        "running",
        None,
        b"",
    )
    ledger.end(identity, "completed", b"{}")
    ledger.reopen(seen)
    ledger.reopen(replace(seen, ended_at=None))
    assert ledger.find(identity).state == "completed"


def test_the_ledger_is_for_its_owner_only(ledger, tmp_path):
    """What ran is nobody else's business."""
    ledger.begin(some_entry(1))
    assert (tmp_path / "home" / "ledger.db").stat().st_mode & 0o777 == 0o600


def test_processes_write_beside_each_other(tmp_path):
    """Two processes that note evaluations at the same time lose none."""
    program = """
        import sys
        from datetime import UTC, datetime
        from pathlib import Path
        from evaltrail.store.ledger import Entry, Ledger
        for number in range(20):
            Ledger(Path(sys.argv[1])).begin(Entry(
                id=f"{sys.argv[2]}{number}", state="running", model="m", tasks=(), out=Path("o"), work=Path("w"),
                started_at=datetime.now(UTC)))
    """
    children = [start_child(program, tmp_path, name) for name in "xy"]
    for child in children:
        _, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
    assert len(Ledger(tmp_path).latest(100)) == 40
