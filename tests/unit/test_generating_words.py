"""What is said of a generation before it begins, and the words that repeat it."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from evaltrail.cli.generate import add_arguments
from evaltrail.cli.parser import Parser
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.document import Chunk, Document
from evaltrail.core.errors import InputError
from evaltrail.core.generation import Generation, GenerationPlan, Thresholds
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.service.generating.carry_out import shortcomings
from evaltrail.service.generating.order import GenerationOrder
from evaltrail.service.generating.report import repeat_words, resume_command
from evaltrail.service.generating.result_files import check_out, rejects_beside
from evaltrail.service.generating.type_words import read_types

TEXT = Document(
    name="a.txt",
    digest="0" * 32,
    format="text",
    size_bytes=3,
    chunks=(Chunk(number=1, text="abc", source="a.txt"),),
)


def test_types_are_counted_by_name():
    """A type is named with its count; several may share a word, and a hyphen is as good as an underscore."""
    assert read_types(["simple=4,numeric=2", "multi-hop=1"]) == {"simple": 4, "numeric": 2, "multi_hop": 1}
    assert read_types([]) == {}


@pytest.mark.parametrize(
    ("word", "code"),
    [("numerical=3", "unknown_type"), ("simple=0", "bad_type"), ("simple=many", "bad_type"), ("simple=-1", "bad_type")],
)
def test_what_is_no_count_of_a_type_is_refused(word, code):
    """An unknown type, or a number that is none, is the user's mistake and has a next step."""
    with pytest.raises(InputError) as caught:
        read_types([word])
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)


def test_a_type_is_counted_once():
    """Two counts of one type contradict each other."""
    with pytest.raises(InputError, match="given twice"):
        read_types(["simple=1", "simple=2"])


def test_rejects_lie_beside_the_questions():
    """The file of what was rejected is told from the one of the questions by its name."""
    assert rejects_beside(Path("out/q.parquet")) == Path("out/q.rejects.csv")


@pytest.mark.parametrize("name", ["q.xlsx", "q", "folder.csv"])
def test_a_file_that_cannot_be_written_is_refused(tmp_path, name):
    """The ending tells the format, and a folder is no file."""
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError) as caught:
        check_out(tmp_path / name, [])
    assert caught.value.code == "bad_out"


def test_a_document_is_not_written_over(tmp_path):
    """The questions never replace what they are made of."""
    source = tmp_path / "facts.csv"
    source.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="one of the documents"):
        check_out(tmp_path / "facts.csv", [source])


def test_the_report_repeats_the_command():
    """The words of the report are a command line that asks for the same again, without a header's value."""
    order = GenerationOrder(
        documents=(Path("a.txt"),),
        plan=GenerationPlan(
            window_size=3, types={"simple": 4}, seed=7, thresholds=Thresholds(round_trip=0.5), budget_tokens=90
        ),
        target=ModelTarget(id="m", url="http://user:secret@h/v1", headers={"X": "hidden"}),
        limits=RequestLimits(concurrency=8),
        out=Path("q.csv"),
    )
    words = repeat_words(order, [TEXT])
    parser = Parser()
    add_arguments(parser)
    said = parser.parse_args(list(words[2:]))
    assert (said.document, said.types, said.gates) == (["a.txt"], ["simple=4"], ["round_trip=0.5"])
    assert (said.window_size, said.seed, said.budget_tokens, said.concurrency) == (3, 7, 90, 8)
    assert "secret" not in shlex.join(words)
    assert "hidden" not in shlex.join(words)


def test_the_command_that_goes_on_says_where_and_how_it_lands(monkeypatch, tmp_path):
    """Its folder first, then the same flags, those of the delivery too; a header's value stays its owner's."""
    monkeypatch.chdir(tmp_path)
    order = GenerationOrder(
        documents=(Path("a b.txt"),),
        plan=GenerationPlan(),
        target=ModelTarget(id="m", url="http://h/v1", headers={"X": "hidden"}),
        delivery=DeliveryOptions(experiment="e f", tags={"team": "-x"}),
        out=Path("/q.csv"),
        fresh=True,
    )
    place, _, command = resume_command(order).partition(" && ")
    parser = Parser()
    add_arguments(parser)
    said = parser.parse_args(shlex.split(command)[2:])
    assert (place, said.document, str(said.out), said.model) == (f"cd {tmp_path}", ["a b.txt"], "/q.csv", "m")
    assert (said.experiment, said.tag, said.header, said.fresh) == ("e f", ["team=-x"], ["X=***"], False)
    assert resume_command(replace(order, delivery=None)).endswith(" --no-deliver")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert resume_command(order) == command


def test_each_reason_of_a_shortfall_has_its_next_step():
    """A budget is to be raised, text is wanted where windows had no more, a type that cloze lacks needs a model."""
    generation = Generation(questions=(), rejected=(), windows=(), unused_chunks=(), requested=9)
    for reason, step in (("budget", "--budget-tokens"), ("too_few", "give more text"), ("type_not_offered", "--model")):
        (error,) = shortcomings(replace(generation, shortfall={reason: 9}), GenerationPlan())
        assert step in error.hint
        assert error.hint.count(";") == (reason == "type_not_offered")


@pytest.mark.parametrize(
    ("plan", "step"),
    [
        (GenerationPlan(budget_tokens=10**6), "leave out --budget-tokens"),
        (GenerationPlan(budget_tokens=10**6, generation={"max_tokens": 50}), "raise max_tokens"),
        (GenerationPlan(generation={"max_tokens": 50}), "raise max_tokens"),
        (GenerationPlan(), "give more text"),
    ],
)
def test_answers_that_came_to_their_end_too_early_need_a_later_one(plan, step):
    """Whoever set that end can set another: a budget, or the settings of every request."""
    generation = Generation(questions=(), rejected=(), windows=(), unused_chunks=(), requested=9)
    for shortfall in ({"truncated": 9}, {"empty": 4, "truncated": 5}):
        (error,) = shortcomings(replace(generation, shortfall=shortfall), plan)
        assert step in error.hint
        assert ";" not in error.hint.replace("; what was cut is asked anew", "")
