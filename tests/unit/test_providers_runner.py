"""The runner: asks what is missing, once, and one bad sample never stops the others."""

from __future__ import annotations

import asyncio
import math

import pytest

from counting_model import CountingModel, echo
from evaltrail.bundle.journal import Journal, JournalSamples
from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import EndpointError
from evaltrail.core.progress import Progress
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.providers.native import NativeTask
from evaltrail.providers.runner import run_task
from evaltrail.scoring.apply import Bench
from evaltrail.scoring.judging.judge_model import JudgeModel
from native_tasks import make_task, records


@pytest.fixture
def run(tmp_path):
    """A function that runs a task with a model and answers the samples of the journal."""

    def go(
        task: NativeTask, model: CountingModel, *, concurrency=4, stored=None, progress=None, benches=()
    ) -> list[Sample]:
        file = tmp_path / "0.jsonl"

        async def work() -> None:
            with Journal(file, task.repeats) as journal:
                await run_task(
                    task,
                    model,
                    journal,
                    concurrency=concurrency,
                    stored=stored or (lambda _: None),
                    on_progress=progress or (lambda _: None),
                    benches=benches,
                )

        asyncio.run(work())
        return list(JournalSamples(file))

    return go


def journal_of(tmp_path) -> list[Sample]:
    return list(JournalSamples(tmp_path / "0.jsonl"))


def test_every_sample_is_asked_once_and_scored(tmp_path, run):
    """Each sample has its prompt, reference, output, usage and score, in the order of the data."""
    model = CountingModel()
    rows = [{**row, "topic": "t", "level": 3} for row in records(20)]
    samples = run(make_task(tmp_path, rows=rows, group="{{ topic }}"), model)
    assert len(model.asked) == len(samples) == 20
    assert [sample.index for sample in samples] == list(range(20))
    one = samples[7]
    assert (one.input, one.reference, one.output) == ("Q: q7\nA:", ("a7",), "a7")
    assert (one.group, one.attributes, one.request) == ("t", {"level": 3}, model.request_digest(model.asked[7]))
    assert (one.usage.prompt_tokens, one.usage.latency_s, one.usage.attempts) == (5, 0.25, 1)
    assert one.scores["exact_match"].value is True


def test_a_resume_asks_only_what_is_missing(tmp_path, run):
    """What the journal holds is never asked again, whatever the order it was finished in."""
    task = make_task(tmp_path, rows=records(30))
    with pytest.raises(EndpointError):
        run(task, CountingModel(gives_out_after=11))
    kept = len(journal_of(tmp_path))
    second = CountingModel()
    samples = run(task, second)
    assert 7 <= kept <= 11
    assert len(second.asked) == 30 - kept
    assert [sample.output for sample in samples] == [f"a{number}" for number in range(30)]
    third = CountingModel()
    run(task, third)
    assert third.asked == []


def test_an_endpoint_that_gives_out_keeps_earlier_rows(tmp_path, run):
    """The error comes through, and every row written before it is whole."""
    with pytest.raises(EndpointError, match="the endpoint is gone"):
        run(make_task(tmp_path, rows=records(30)), CountingModel(gives_out_after=10), concurrency=1)
    assert [sample.output for sample in journal_of(tmp_path)] == [f"a{number}" for number in range(10)]


@pytest.mark.parametrize("key", ["prompt", "group", "choices", "context"])
def test_a_template_that_fails_on_one_record_leaves_only_it_unscored(tmp_path, run, key):
    """One record that a template cannot take is unscored with the reason; the model is not asked for it."""
    rows = [{"question": f"q{n}", "answer": f"a{n}", "m": {"x": "y"} if n != 3 else {}} for n in range(6)]
    model = CountingModel()
    source = "{{ question }}{{ m.x }}" if key == "prompt" else "{{ m.x }}"
    samples = run(make_task(tmp_path, rows=rows, **{key: source}), model)
    assert [sample.error for sample in samples] == ["", "", "", "bad_template", "", ""]
    assert len(model.asked) == 5
    bad = samples[3]
    assert (bad.output, bad.scores["exact_match"].value, bad.usage.attempts) == (None, None, 0)
    assert bad.scores["exact_match"].reason == "bad_template"
    assert "data.jsonl:4" in bad.detail


def test_an_error_of_one_prompt_is_a_reason(tmp_path, run):
    """A prompt that the endpoint cannot answer is unscored for that reason and keeps its reference."""

    def rule(prompt: Prompt) -> Answer:
        return Answer(error="http_500", detail="oops", attempts=6) if prompt.question == "q1" else echo(prompt)

    samples = run(make_task(tmp_path, rows=records(3)), CountingModel(rule))
    assert [sample.scores["exact_match"].reason for sample in samples] == ["", "http_500", ""]
    assert (samples[1].error, samples[1].detail, samples[1].reference) == ("http_500", "oops", ("a1",))
    assert samples[1].usage.attempts == 6


def test_no_match_is_unscored_but_still_observed(tmp_path, run):
    """Where nothing can be extracted grades have a reason, and what only observes still does."""

    def rule(prompt: Prompt) -> Answer:
        text = "the answer is a0" if prompt.question == "q0" else "no idea"
        return Answer(text=text, latency_s=0.5)

    task = make_task(tmp_path, rows=records(2), extract={"regex": "answer is (.+)"}, metrics=["exact_match", "latency"])
    found, missed = run(task, CountingModel(rule))
    assert (found.extracted, found.output, found.scores["exact_match"].value) == ("a0", "the answer is a0", True)
    assert (missed.extracted, missed.output) == (None, "no idea")
    assert (missed.scores["exact_match"].value, missed.scores["exact_match"].reason) == (None, "no_match")
    assert missed.scores["latency"].value == 0.5


def test_reasoning_is_kept_and_never_scored(tmp_path, run):
    """What a model thinks is part of the sample, its output alone is graded."""
    model = CountingModel(lambda _: Answer(text="a0", reasoning="maybe a1", finish_reason="length"))
    (sample,) = run(make_task(tmp_path, rows=records(1)), model)
    assert (sample.reasoning, sample.finish_reason) == ("maybe a1", "length")
    assert sample.scores["exact_match"].value is True


def test_repeats_are_asked_with_their_own_seeds(tmp_path, run):
    """Each repeat is a sample of its own; a resume knows which are done."""
    task = make_task(tmp_path, rows=records(4), repeats=3)
    with pytest.raises(EndpointError):
        run(task, CountingModel(gives_out_after=5), concurrency=1)
    model = CountingModel()
    samples = run(task, model, concurrency=1)
    assert [(sample.index, sample.repeat) for sample in samples] == [(i, r) for i in range(4) for r in range(3)]
    assert [(prompt.question, prompt.seed) for prompt in model.asked][:3] == [("q1", 2), ("q2", 0), ("q2", 1)]
    assert len({sample.request for sample in samples}) == 12


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_as_many_are_in_flight_as_may_be(tmp_path, run, concurrency):
    """The bound is kept, and reached where there is enough to ask."""
    model = CountingModel()
    run(make_task(tmp_path, rows=records(40)), model, concurrency=concurrency)
    assert model.peak == concurrency


def test_stored_answers_save_requests(tmp_path, run):
    """An answer paid for earlier serves a request of the same digest; the rest is asked."""
    model = CountingModel()
    task = make_task(tmp_path, rows=records(5))
    wanted = {model.request_digest(task.prompt(item)) for item in task.items() if item.index < 3}
    samples = run(task, model, stored=lambda request: Answer(text="old", attempts=0) if request in wanted else None)
    assert [sample.output for sample in samples] == ["old", "old", "old", "a3", "a4"]
    assert [sample.usage.attempts for sample in samples] == [0, 0, 0, 1, 1]
    assert len(model.asked) == 2


def test_a_choice_may_be_read_from_log_probabilities(tmp_path, run):
    """choose_by: logprob asks for the likelihood of each choice."""
    rows = [{"question": "q1", "answer": "a1", "options": ["a0", "a1"]}]
    task = make_task(tmp_path, rows=rows, choices="{{ options }}", choose_by="logprob", metrics=["multiple_choice"])
    (sample,) = run(task, CountingModel())
    assert sample.choice_logprobs == (-9.0, 0.0)
    assert sample.scores["multiple_choice"].value is True


def test_stored_log_probabilities_are_those_of_the_same_choices(tmp_path, run):
    """Other choices, or another order, are another request than this one and than the bare prompt."""

    def digest_of(options: list[str], **changes: object) -> str:
        rows = [{"question": "q1", "answer": options[0], "options": options}]
        keys = {"choices": "{{ options }}", "choose_by": "logprob", "metrics": ["multiple_choice"], **changes}
        (tmp_path / "0.jsonl").unlink(missing_ok=True)
        (sample,) = run(make_task(tmp_path, rows=rows, **keys), CountingModel())
        return sample.request

    assert digest_of(["a0", "a1"]) == digest_of(["a0", "a1"])
    texts = digest_of(["a0", "a1"], choose_by="text")
    assert len({texts, *map(digest_of, (["a0", "a1"], ["a1", "a0"], ["a0", "a2"], ["a0", "a1", "a2"]))}) == 5


def test_an_extractor_that_fails_is_a_reason(tmp_path, run):
    """One output that breaks the extractor leaves that sample unscored, with what it said; the others are scored."""

    def break_on_q1(text: str, _: object) -> str:
        if text == "a1":
            raise RuntimeError("too odd")
        return text

    task = make_task(tmp_path, rows=records(3), extract="choice", metrics=["exact_match", "latency"])
    task.extractor = break_on_q1
    samples = run(task, CountingModel())
    assert [sample.scores["exact_match"].reason for sample in samples] == ["", "extract_error", ""]
    assert (samples[1].error, samples[1].detail, samples[1].output) == ("", "RuntimeError: too odd", "a1")
    assert samples[1].scores["latency"].value == 0.25


@pytest.mark.parametrize("output", ["[" * 1200, '{"a": "\\ud800"}', "[" * 994 + "]" * 994])
def test_no_json_ends_the_run(tmp_path, run, output):
    """What a model writes where JSON is wanted is scored or unscored; the sample is in the journal."""
    task = make_task(tmp_path, rows=records(1), extract="json")
    (sample,) = run(task, CountingModel(lambda _: Answer(text=output)))
    assert (sample.output, sample.error) == (output, "")


def test_progress_tells_how_far_and_what_failed(tmp_path, run):
    """The last word of the progress is the whole task, with errors by reason and tokens."""

    def rule(prompt: Prompt) -> Answer:
        return Answer(error="timeout") if prompt.question in {"q1", "q2"} else echo(prompt)

    told: list[Progress] = []
    run(make_task(tmp_path, rows=records(9)), CountingModel(rule), progress=told.append)
    last = told[-1]
    assert (last.task, last.done, last.total, last.errors) == ("sums", 9, 9, {"timeout": 2})
    assert (last.tokens, last.in_flight) == (7 * 7, 0)


GIVEN = {"output": "{{ said }}", "output_error": "{{ why }}"}


def test_a_record_that_brings_its_output_is_not_asked(tmp_path, run):
    """It is scored as it is, or unscored for the reason it brings; the others are asked."""
    rows = [
        {"question": "q0", "answer": "a0", "said": "a0", "why": None},
        {"question": "q1", "answer": "a1", "said": "", "why": None},
        {"question": "q2", "answer": "a2", "said": None, "why": "timeout: after 3 s"},
        {"question": "q3", "answer": "a3", "said": None, "why": None},
    ]
    model = CountingModel()
    samples = run(make_task(tmp_path, rows=rows, **GIVEN), model)
    assert [prompt.question for prompt in model.asked] == ["q3"]
    assert [sample.output for sample in samples] == ["a0", "", None, "a3"]
    assert [sample.scores["exact_match"].value for sample in samples] == [True, False, None, True]
    assert (samples[2].error, samples[2].detail, samples[2].scores["exact_match"].reason) == (
        "timeout",
        "after 3 s",
        "timeout",
    )
    assert [sample.reference for sample in samples] == [("a0",), ("a1",), ("a2",), ("a3",)]


class Grade:
    """A judge that tells how long an output is, or does what it is told."""

    better, unit, source, is_grade = "higher", "1", "grade/1", True
    target, headers, fields = "", {}, ("passage",)

    def __init__(self, name="grade", deed=None):
        self.name = name
        self._deed = deed
        self.judged = []

    async def judge(self, sample, model):
        self.judged.append(sample)
        if self._deed is not None:
            return self._deed()
        return Score(value=float(len(sample.output)), usage=Usage(attempts=1))


def judged(tmp_path, run, *judges, rows=None, model=None):
    """The samples of a task with judges."""
    task = make_task(tmp_path, rows=rows or records(12), repeats=1)
    task.metrics = (*task.metrics, *judges)
    asker = JudgeModel(CountingModel(), id="j")
    return run(task, model or CountingModel(), benches=[Bench(judge, asker) for judge in judges])


def test_judges_score_beside_metrics(tmp_path, run):
    """Every sample that has an output is judged once by each, and journalled with all its scores."""
    one, two = Grade("one"), Grade("two")
    samples = judged(tmp_path, run, one, two)
    assert all(set(sample.scores) == {"exact_match", "one", "two"} for sample in samples)
    assert [sample.scores["one"].value for sample in samples] == [float(len(sample.output)) for sample in samples]
    assert len(one.judged) == len(two.judged) == 12


@pytest.mark.parametrize(
    ("why", "reason", "detail"),
    [
        ("timeout: after 30 s", "timeout", "after 30 s"),
        ("http_500", "http_500", ""),
        (" timeout ", "timeout", ""),
        ("HTTP 500 at https://h/v1: no", "output_error", "HTTP 500 at https://h/v1: no"),
        ("x" * 65, "output_error", "x" * 65),
    ],
)
def test_a_message_is_no_reason(tmp_path, run, why, reason, detail):
    """Reasons are words that are counted; a thousand different messages are one reason."""
    (sample,) = run(make_task(tmp_path, rows=[{**records(1)[0], "said": None, "why": why}], **GIVEN), CountingModel())
    assert (sample.error, sample.detail, sample.scores["exact_match"].reason) == (reason, detail, reason)


def test_a_blank_reason_is_none(tmp_path, run):
    """The model is asked."""
    model = CountingModel()
    run(make_task(tmp_path, rows=[{**records(1)[0], "said": None, "why": "  "}], **GIVEN), model)
    assert len(model.asked) == 1


def test_what_has_no_output_is_not_judged(tmp_path, run):
    """It is unscored for the reason that it has none."""
    judge = Grade()
    samples = judged(tmp_path, run, judge, model=CountingModel(rule=lambda _: Answer(error="http_500")))
    assert not judge.judged
    assert {sample.scores["grade"].reason for sample in samples} == {"http_500"}


def test_a_judge_that_raises_costs_its_own_score_only(tmp_path, run):
    """So does one that answers what no number is."""

    def stumble():
        raise KeyError("field")

    samples = judged(tmp_path, run, Grade("broken", stumble), Grade("odd", lambda: Score(value=math.inf)), Grade())
    for sample in samples:
        assert sample.scores["broken"].reason == "metric_error"
        assert "field" in sample.scores["broken"].rationale
        assert sample.scores["odd"].reason == "not_finite"
        assert sample.scores["grade"].value is not None


def test_a_judge_whose_endpoint_is_gone_ends_the_run(tmp_path, run):
    """What was judged before is in the journal."""
    left = iter(range(5))

    def give_out():
        if next(left, None) is None:
            raise EndpointError("the judge is gone")
        return Score(value=1.0)

    with pytest.raises(EndpointError, match="judge is gone"):
        judged(tmp_path, run, Grade("grade", give_out))
    assert len(journal_of(tmp_path)) == 5


class AtOnce:
    """A judge that never waits, as where every answer of its model is there already."""

    name, better, unit, source, is_grade = "quick", "higher", "1", "quick/1", True
    target, headers, fields = "", {}, ()

    async def judge(self, sample, model):
        return Score(value=True)


def test_judges_that_never_wait_leave_room_for_an_interrupt(tmp_path):
    """Between two samples everything else may run."""
    task = make_task(tmp_path, rows=records(50))

    async def work(journal) -> None:
        going = asyncio.create_task(
            run_task(
                task,
                CountingModel(),
                journal,
                concurrency=1,
                stored=lambda _: Answer(text="a", attempts=1),
                on_progress=lambda _: None,
                benches=[Bench(AtOnce(), JudgeModel(CountingModel(), id="j"))],
            )
        )
        for _ in range(5):
            await asyncio.sleep(0)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going

    with Journal(tmp_path / "0.jsonl") as journal:
        asyncio.run(work(journal))
        assert 0 < len(journal.done) < 50
