"""A generation that was cut short, and one that is asked for again: nothing is paid for twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import BusyError, EndpointError, InputError
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.generating.carry_out import generate_questions
from evaltrail.service.generating.prepare import prepare_generation
from evaltrail.service.history.evaluations import describe
from evaltrail.service.launching.ending_jobs import named_jobs
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.ledger import Ledger
from evaltrail.store.work import claim_work
from generated_sets import order_of, write_facts
from question_endpoint import QuestionEndpoint


@pytest.fixture
def settings(tmp_path):
    """A home of its own."""
    return load_settings({"EVALTRAIL_HOME": str(tmp_path / "home")}, None)


@pytest.fixture
def document(tmp_path):
    """Six chunks of facts."""
    return write_facts(tmp_path / "facts.json")


def test_the_same_generation_again_sends_nothing_and_gives_the_same_bytes(settings, document, tmp_path):
    """Every answer is kept under what was asked, so that repeating a finished generation costs nothing."""
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    with QuestionEndpoint() as endpoint:
        first = generate_questions(order_of(document, url=endpoint.url, out=one, delivery=None), settings)
        sent = len(endpoint.bodies)
        second = generate_questions(order_of(document, url=endpoint.url, out=two, delivery=None), settings)
        assert len(endpoint.bodies) == sent > 0
    assert first.generation.calls == sent
    assert second.generation.calls == 0
    assert one.read_bytes() == two.read_bytes()
    assert first.evaluation_id != second.evaluation_id
    assert first.dataset_id == second.dataset_id != ""


def test_another_plan_on_the_same_documents_pays_for_what_is_new_alone(settings, document):
    """Who raises a budget or loosens a gate, as a shortfall advises, does not pay again for what was answered."""
    with QuestionEndpoint() as endpoint:
        generate_questions(order_of(document, url=endpoint.url, delivery=None), settings)
        sent = len(endpoint.bodies)
        other = order_of(document, url=endpoint.url, delivery=None)
        plan = replace(other.plan, budget_tokens=90_000, thresholds=replace(other.plan.thresholds, closed_book=0.0))
        result = generate_questions(replace(other, plan=plan), settings)
        assert len(endpoint.bodies) == sent > 0
    assert (result.generation.calls, result.generation.missing) == (0, 0)


def test_fresh_asks_anew(settings, document):
    """--fresh forgets what was answered."""
    with QuestionEndpoint() as endpoint:
        generate_questions(order_of(document, url=endpoint.url, delivery=None), settings)
        sent = len(endpoint.bodies)
        generate_questions(order_of(document, url=endpoint.url, delivery=None, fresh=True), settings)
        assert len(endpoint.bodies) == 2 * sent


def test_a_generation_that_was_cut_short_goes_on(settings, document, tmp_path):
    """What was taken in before the endpoint gave out is not asked again; the result is that of an unbroken run."""
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    with QuestionEndpoint() as endpoint:
        generate_questions(order_of(document, url=endpoint.url, out=whole, delivery=None), settings)
        needed = len(endpoint.bodies)
    other = load_settings({"EVALTRAIL_HOME": str(tmp_path / "other")}, None)
    with QuestionEndpoint(gives_out_after=needed // 2) as endpoint:
        order = order_of(document, url=endpoint.url, out=broken, delivery=None)
        with pytest.raises(EndpointError) as caught:
            generate_questions(order, other)
        assert not broken.exists()
        (entry,) = Ledger(other.home).latest(2)
        assert (entry.id, entry.state) == (caught.value.evaluation_id, "failed")
        with pytest.raises(InputError, match=f"{entry.id} is a generation of .*goes on") as refused:
            named_jobs([entry.id], other)
        assert f"--out {broken} " in refused.value.hint
        answered = needed // 2
        endpoint.gives_out_after = None
        result = generate_questions(order, other)
    # answers that were on their way when another was refused are asked for anew
    assert needed - answered <= result.generation.new_calls < needed
    assert result.evaluation_id == entry.id
    assert result.generation.calls == needed
    assert broken.read_bytes() == whole.read_bytes()
    assert describe(Ledger(other.home).find(entry.id))["progress"] == {"done": 4, "total": 4}


def test_others_see_how_far_a_generation_is(settings, document):
    """`status` tells as many questions as this process was told of last, until it tells what came of them."""
    told, seen = [0], []

    def tell(progress):
        seen.append(describe(Ledger(settings.home).latest(1)[0])["progress"])
        told.append(progress.done)

    result = generate_questions(order_of(document, delivery=None), settings, Watch(progress=tell))
    assert [each["done"] for each in seen] == told[:-1]
    assert seen[-1] == {"done": result.generation.accepted, "total": result.generation.requested}


def test_a_shortfall_is_told_with_its_reasons(settings, document, tmp_path):
    """Questions that are missing are an error with the reasons, which add up; the others are delivered all the same."""
    out = tmp_path / "q.csv"
    with QuestionEndpoint(misquoted=1.0) as endpoint:
        result = generate_questions(order_of(document, url=endpoint.url, out=out, delivery=None), settings)
    generation = result.generation
    assert result.exit_code == 1
    assert [error.code for error in result.errors] == ["shortfall"]
    assert sum(generation.shortfall.values()) == generation.missing == generation.requested - generation.accepted > 0
    assert result.rejects == tmp_path / "q.rejects.csv"
    assert result.rejects.read_text().count("evidence") > 0
    assert result.state == "failed"
    told = describe(Ledger(settings.home).latest(1)[0])["progress"]
    assert told == {"done": generation.accepted, "total": generation.requested}
    assert DatasetStore(settings.question_sets_folder).list() == ()


def test_another_process_at_the_same_generation_is_named(settings, document):
    """Two generations of the same at once would pay for each answer twice: the second is refused."""
    order = order_of(document, delivery=None)
    prepared = prepare_generation(order, settings)
    with (
        claim_work(settings.home, prepared.resume_key, prepared.requested),
        pytest.raises(BusyError, match="the same generation"),
    ):
        generate_questions(order, settings)
