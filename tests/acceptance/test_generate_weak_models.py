"""Models that write badly: every question that comes out is good all the same, and every other one has its reason."""

from __future__ import annotations

import csv
import json
import re
import zlib
from collections import Counter

import pytest
from installed import Installed
from reader import ROOT

from generated_sets import write_facts
from question_endpoint import QuestionEndpoint

CHUNKS, WINDOW, PER_WINDOW = 12, 2, 3
WINDOWS, REQUESTED = CHUNKS // WINDOW, CHUNKS // WINDOW * PER_WINDOW
_ASKED = re.compile(r"How many (\w+) does the (\w+) (\w+) have\?")
OF_EVERYTHING = {
    "prose": 0.1,
    "broken": 0.2,
    "misquoted": 0.3,
    "duplicates": 0.45,
    "unanswerable": 0.7,
    "leaks": 0.3,
}
"""Of 100 requests 10 get prose, 10 broken JSON, 10 other words for evidence, 15 one and the same question, 25 questions
on what the text does not hold, and 30 are answered well; 30 of 100 questions it answers without their text."""


class HalfDead(QuestionEndpoint):
    """An endpoint that fails every request whose words it dislikes: half of all."""

    def reply(self, body):
        """HTTP 500, or the answer."""
        status, answer = super().reply(body)
        if zlib.crc32(body["messages"][-1]["content"].encode()) % 2:
            return 500, {"error": {"message": "out of memory"}}
        return status, answer


@pytest.fixture
def evaltrail(tmp_path):
    """The command, landing nowhere: no tracking server has to be started."""
    return Installed(tmp_path)


def generated(evaltrail, model, *more, chunks=CHUNKS):
    """What the command says of this model."""
    write_facts(evaltrail.cwd / "facts.json", chunks)
    windows = (f"--window-size={WINDOW}", f"--window-step={WINDOW}", f"--questions-per-window={PER_WINDOW}")
    asked = ("--model", "weak", "--url", model.url, "--max-retries", "0", "--no-deliver", "--json")
    return evaltrail.here("generate", "facts.json", "--out", "q.csv", *windows, *asked, *more)


def rows_of(file):
    """The rows of a CSV file."""
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def assert_accounted(evaltrail, done):
    """Nothing is lost: questions and shortfall make up the order, each reject stands in the file under its reason."""
    told = done.object
    rows, rejects = rows_of(evaltrail.cwd / "q.csv"), rows_of(evaltrail.cwd / "q.rejects.csv")
    missing = told["shortfall"]["missing"]
    assert len(rows) == told["accepted"] == told["requested"] - missing
    assert sum(told["shortfall"]["reasons"].values()) == missing
    assert Counter(row["reason"] for row in rejects) == told["rejected"]
    assert all(row["reason"] for row in rejects)
    assert (done.code, told["ok"]) == ((1, False) if missing else (0, True))
    assert [error["code"] for error in told["errors"]] == (["shortfall"] if missing else [])


def assert_good(evaltrail):
    """Every question names a fact of the document, has its number for an answer, its words for evidence, and is new."""
    rows = rows_of(evaltrail.cwd / "q.csv")
    text = (evaltrail.cwd / "facts.json").read_text()
    for row in rows:
        things, name, kind = _ASKED.fullmatch(row["query"]).groups()
        assert row["evidence"] == f"The {name} {kind} has {row['response']} {things}."
        assert row["evidence"] in text
        first = json.loads(row["relevant_chunks"])[0]
        assert first[int(row["evidence_start"]) : int(row["evidence_end"])] == row["evidence"]
    assert len({row["query"] for row in rows}) == len(rows)


def shown_rejects():
    """The rows of the page's table."""
    page = (ROOT / "docs" / "generate.md").read_text(encoding="utf-8")
    table = page.partition("| reason | rejected |")[2].partition("\n\n")[0]
    return [tuple(cell.strip(" `") for cell in row.split("|")[1:-1]) for row in table.splitlines()[2:]]


def told_rejects(told):
    """The first two columns of the same, as the command tells it."""
    rows = [(reason, str(count)) for reason, count in most_first(told["rejected"])]
    return [*rows, ("accepted", str(told["accepted"])), ("missing", str(told["shortfall"]["missing"]))]


def most_first(counts):
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"prose": 1.0}, "unreadable"),
        ({"broken": 1.0}, "unreadable"),
        ({"unanswerable": 1.0}, "answerable"),
        ({"misquoted": 1.0}, "evidence"),
        ({"leaks": 1.0}, "closed_book"),
        ({"status": 500}, "http_500"),
    ],
)
def test_a_model_that_is_bad_in_one_way_has_that_for_its_reason(evaltrail, faults, reason):
    """Nothing is accepted, all that is missing has the reason of its fault, and the exit code is 1."""
    with QuestionEndpoint(**faults) as model:
        done = generated(evaltrail, model)
    assert_accounted(evaltrail, done)
    assert (done.code, done.object["accepted"]) == (1, 0)
    assert done.object["shortfall"] == {"missing": REQUESTED, "reasons": {reason: REQUESTED}}
    assert done.object["rejected"].keys() == {reason}


def test_a_model_that_repeats_itself_gives_each_question_once(evaltrail):
    """One and the same question from every window is one question at most, however often it comes."""
    with QuestionEndpoint(duplicates=1.0) as model:
        done = generated(evaltrail, model)
    assert_accounted(evaltrail, done)
    assert done.object["accepted"] <= 1
    assert done.object["rejected"]["duplicate"] >= WINDOWS * (PER_WINDOW - 1)


@pytest.mark.parametrize(
    "faults",
    [
        {"schema": "refused"},
        {"schema": "refused", "tools": "refused"},
        {"schema": "ignored"},
        {"shape": lambda items: {"questions": items[: (len(items) + 1) // 2]}},
        {"shape": lambda items: items},
    ],
    ids=["no json_schema", "no tools either", "prose with labels", "half of them", "a bare list"],
)
def test_a_model_that_knows_no_better_form_gives_all_that_was_ordered(evaltrail, faults):
    """No json_schema, no tools, plain lines, or halves: exactly as many as ordered, and all of them good."""
    with QuestionEndpoint(**faults) as model:
        done = generated(evaltrail, model)
    assert_accounted(evaltrail, done)
    assert (done.code, done.object["accepted"]) == (0, REQUESTED), done.object["shortfall"]
    assert_good(evaltrail)


def test_an_endpoint_that_answers_half_costs_questions_and_tells_which(evaltrail):
    """Windows and checks that got no answer are rejects with the endpoint's own reason; the others are delivered."""
    with HalfDead() as model:
        done = generated(evaltrail, model)
    assert_accounted(evaltrail, done)
    assert_good(evaltrail)
    assert 0 < done.object["accepted"] < REQUESTED
    assert done.object["rejected"].keys() == {"http_500"}
    assert done.object["shortfall"]["reasons"].keys() == {"http_500"}


def test_of_a_model_that_is_bad_in_every_way_only_good_questions_come_through(evaltrail):
    """Of prose, broken JSON, repeats, inventions, misquotes and leaks none gets into the file; the rest is told, and is
    what the page on questions shows of such a model."""
    with QuestionEndpoint(**OF_EVERYTHING) as model:
        done = generated(evaltrail, model, chunks=40 * WINDOW)
    assert_accounted(evaltrail, done)
    assert_good(evaltrail)
    assert done.object["accepted"] > 0
    assert done.object["rejected"].keys() >= {"unreadable", "evidence", "duplicate", "answerable", "closed_book"}
    rejects = rows_of(evaltrail.cwd / "q.rejects.csv")
    shown = shown_rejects()
    assert [row[:2] for row in shown] == told_rejects(done.object)
    for reason, _, detail in shown[:-2]:
        assert any(row["detail"].startswith(detail) for row in rejects if row["reason"] == reason), reason
    reasons = most_first(done.object["shortfall"]["reasons"])
    assert shown[-1][2] == ", ".join(f"{count} {reason}" for reason, count in reasons)
    leaked = {row["query"] for row in rejects if row["reason"] == "closed_book"}
    assert not leaked & {row["query"] for row in rows_of(evaltrail.cwd / "q.csv")}
