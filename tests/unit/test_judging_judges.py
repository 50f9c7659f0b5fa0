"""Judges as instruments: their making, their identity, their votes, and MLflow's names for them."""

from __future__ import annotations

import asyncio

import pytest

from counting_model import CountingModel
from evaltrail.core.answer import Answer
from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.models.baseline import Baseline
from evaltrail.scoring.aggregate import Aggregator, HasWholeTask
from evaltrail.scoring.catalog import METRICS, make_metrics
from evaltrail.scoring.judging import genai
from evaltrail.scoring.judging.answer_form import UnreadableError
from evaltrail.scoring.judging.grade_form import Grade
from evaltrail.scoring.judging.judge_model import RAW_CHARACTERS, JudgeModel
from evaltrail.scoring.judging.pairwise import PairwiseJudge
from evaltrail.scoring.judging.port import Judge
from evaltrail.scoring.judging.rag import average_precision, cosine
from evaltrail.scoring.judging.rag_forms import QuestionForm, StatementsForm, VerdictsForm
from evaltrail.scoring.judging.rubric_judge import counted
from evaltrail.scoring.judging.verdict import Verdict

NAMES = [name for name, place in METRICS.builtin.items() if ".judging." in place]
RUBRIC = {"definition": "d", "grading_prompt": "on a scale of 1-5"}


def made(name, **options):
    if name == "guidelines":
        options.setdefault("guidelines", ["Be brief."])
    return make_metrics([{name: options}])[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_judge_bears_its_name_and_meets_the_protocol(name):
    """A judge is an instrument like any metric; its model is named in its options."""
    judge = made(name, model="openai:/gpt-4")
    assert isinstance(judge, Judge)
    assert (judge.name, judge.target, judge.is_grade) == (name, "openai:/gpt-4", True)
    assert judge.source.startswith(f"{name}/1@")
    assert judge.better == ("lower" if name == "toxicity_judge" else "higher")


@pytest.mark.parametrize("name", NAMES)
def test_settings_and_seed_are_part_of_a_judges_identity(name):
    """The same judge has the same identity, any other has another."""
    same = {made(name).source for _ in range(2)}
    assert len(same) == 1
    assert made(name, parameters={"temperature": 0.5}).source not in same
    assert made(name, seed=1).source not in same


def test_an_unknown_name_with_a_rubric_is_a_judge():
    """As task files write them."""
    judge = made(
        "tone", **RUBRIC, examples=[{"output": "o", "score": 2, "justification": "j"}], min=0, max=3, version="v2"
    )
    assert (judge.name, judge.unit, judge.rubric.examples[0].score) == ("tone", "0..3", 2)
    assert judge.source.startswith("tone/2@")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("tone", {"definition": "d"}, "no 'grading_prompt'"), ("tone", {**RUBRIC, "gradng": 1}, "no option 'gradng'"),
        ("tone", {**RUBRIC, "votes": 0}, "vote 0 times"), ("tone", {**RUBRIC, "examples": [{"output": 1}]}, "examples"),
        ("tone", {"votes": 3}, "unknown metric"), ("guidelines", {"guidelines": []}, "no guidelines"),
        ("bleu", {"definition": "d"}, "no option"), ("ragas.answer_relevancy", {"strictness": 0}, "0 questions"),
        ("safety", {"min": 1}, "no option 'min'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_judges_options_is_bad_input(name, options, says):
    """Found before anything is asked."""
    with pytest.raises(InputError, match=says):
        make_metrics([{name: options}])


def graded(*values):
    usage = Usage(prompt_tokens=10, completion_tokens=1, latency_s=0.5, attempts=1)
    return [
        Verdict(reason=value, raw="?", usage=usage) if isinstance(value, str) and value.startswith("judge_")
        else Verdict(value=Grade(value, f"because {value}"), usage=usage)
        for value in values
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "value", "reason"),
    [
        ((1.0, 5.0, 2.0), 2.0, ""), ((4.0, 5.0), 4.5, ""), ((True, True, False), True, ""),
        ((True, False), None, "judge_split"), (("a", "b", "a"), "a", ""),
        ((3.0, "judge_empty", 4.0), 3.5, ""), ((3.0, "judge_empty"), None, "judge_empty"),
        (("judge_empty", "judge_empty", "judge_refusal"), None, "judge_empty"),
    ],
)  # fmt: skip
def test_votes_become_one_score(said, value, reason):
    """The median of numbers, the majority of words; more than half have to be readable."""
    score = counted(graded(*said), "me")
    assert (score.value, score.reason, score.source) == (value, reason, "me")
    assert (score.usage.prompt_tokens, score.usage.attempts) == (10 * len(said), len(said))
    assert score.votes == tuple(one for one in said if not str(one).startswith("judge_"))


def aggregates(judge, *votes):
    total = Aggregator([judge])
    for index, pair in enumerate(votes):
        total.add(Sample(id=str(index), index=index, output="x", scores={judge.name: Score(value=0.5, votes=pair)}))
    return {metric.name: metric for metric in total.metrics()}


def test_the_task_tells_how_far_votes_agree():
    """Pairs of votes that say the same: 1 of 3 and 3 of 3."""
    figure = aggregates(made("tone", **RUBRIC, votes=3), (1.0, 1.0, 2.0), (4.0, 4.0, 4.0))["tone_agreement"]
    assert (figure.value, figure.n) == (pytest.approx(2 / 3), 2)
    assert not isinstance(made("tone", **RUBRIC), HasWholeTask)


def test_the_task_tells_how_often_the_order_decided():
    """One of two pairs changed its mind."""
    figure = aggregates(PairwiseJudge(), (1.0, 0.0), (1.0, 1.0))["pairwise_preference_inconsistent"]
    assert (figure.value, figure.n, figure.better) == (0.5, 2, "lower")


def test_a_genai_metric_keeps_what_was_asked_for():
    """Aggregations, metadata, and a proxy as the judge's place."""
    judge = genai.make_genai_metric(
        "tone", "d", "scale of 1-5", [genai.EvaluationExample("o", 5, "j")], model="openai:/gpt-4",
        aggregations=["mean", "p90"], proxy_url="http://proxy/v1", metric_metadata={"team": "x"},
    )  # fmt: skip
    assert (judge.aggregations, judge.metadata) == (("mean", "p90"), {"team": "x"})
    assert judge.target == "http://proxy/v1#gpt-4"
    assert judge.rubric.version == "1"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"aggregations": ["p95"]}, "p95"), ({"proxy_url": "http://x"}, "no model"),
        ({"max_workers": 0}, "max_workers"),
        ({"min": 5, "max": 1}, "from 5 to 1"), ({"grading_prompt": ""}, "grading_prompt"),
    ],
)  # fmt: skip
def test_what_a_genai_metric_cannot_be_is_refused(changes, says):
    """With the judge's name."""
    with pytest.raises(InputError, match=says):
        genai.make_genai_metric(**{"name": "tone", "definition": "d", "grading_prompt": "scale of 1-5", **changes})


def test_a_prompt_with_fields_refers_to_fenced_parts():
    """The graded text never stands inside of the prompt."""
    judge = genai.make_genai_metric_from_prompt("tone", "Rate {output} for {{ input }} by {targets}, 1 to 3.")
    assert judge.rubric.grading_context_columns == ("targets",)
    assert (
        judge.rubric.grading_prompt
        == 'Rate (the part "output") for (the part "input") by (the part "targets"), 1 to 3.'
    )
    assert (judge.rubric.include_input, judge.unit) == (True, "1..3")


def test_a_baseline_can_judge():
    """For tests and for a floor: it chooses one of the scores."""

    async def run():
        async with Baseline("random", seed=3) as plain:
            return await made("answer_relevance").judge(Sample(id="s", index=0, output="x"), JudgeModel(plain, id="b"))

    score = asyncio.run(run())
    assert score.value in {1.0, 2.0, 3.0, 4.0, 5.0}
    assert score.usage.attempts == 0


def test_an_answer_that_was_paid_for_is_not_asked_again():
    """The digest of the request finds it."""
    asked = CountingModel(lambda _: Answer(text='{"score": 2}'))
    judge, found = made("answer_relevance"), []

    def stored(digest):
        found.append(digest)
        return Answer(text='{"score": 3}', attempts=0)

    score = asyncio.run(judge.judge(Sample(id="s", index=0, output="x"), JudgeModel(asked, id="m", stored=stored)))
    assert (score.value, asked.asked, len(found)) == (3.0, [], 1)


def test_a_raw_answer_is_kept_in_bounds():
    """Some kilobytes are enough to see what went wrong."""
    chatty = CountingModel(lambda _: Answer(text="so " * 100_000))
    score = asyncio.run(made("answer_relevance").judge(Sample(id="s", index=0, output="x"), JudgeModel(chatty, id="m")))
    assert score.reason == "judge_unreadable"
    assert len(score.raw) == RAW_CHARACTERS
    assert len(chatty.asked[1].messages[2]["content"]) == 2000


@pytest.mark.parametrize(
    ("useful", "value"),
    [((), 0.0), ((False,), 0.0), ((True, False, True), (1 + 2 / 3) / 2), ((False, True, True), (1 / 2 + 2 / 3) / 2)],
)
def test_average_precision_is_worked_by_hand(useful, value):
    """The mean of precision@k at the useful places."""
    assert average_precision(useful) == pytest.approx(value)


def test_the_cosine_has_its_known_values():
    """Same, opposite, at right angles; none for a vector without direction."""
    assert [cosine((1, 2), (2, 4)), cosine((1, 0), (-3, 0)), cosine((1, 0), (0, 2))] == pytest.approx([1, -1, 0])
    assert cosine((0, 0), (1, 1)) != cosine((0, 0), (1, 1))
    assert cosine((1e200, 1e200), (1e200, 1e200)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("form", "value", "found"),
    [
        (StatementsForm(), {"statements": [" a ", "", "b"]}, ("a", "b")), (StatementsForm(), ["a"], ("a",)),
        (VerdictsForm(2), {"verdicts": [{"number": 2, "verdict": 0}, {"number": 1, "verdict": "yes"}]}, (True, False)),
        (VerdictsForm(2), [1, False], (True, False)), (VerdictsForm(1), {"reason": "r", "verdict": 1}, (True,)),
        (QuestionForm(), {"question": " q? "}, ("q?", False)),
        (QuestionForm(), {"question": "q", "noncommittal": 1}, ("q", True)),
    ],
)  # fmt: skip
def test_the_forms_of_the_retrieval_judges_are_read(form, value, found):
    """And what comes close to them."""
    read = form.read(value)
    if isinstance(form, VerdictsForm):
        assert read.values == found
    elif isinstance(form, QuestionForm):
        assert (read.question, read.is_noncommittal) == found
    else:
        assert read == found


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (StatementsForm(), {"statements": "a"}), (StatementsForm(), {"statements": [1]}), (StatementsForm(), 3),
        (StatementsForm(), {"statements": ["a"] * 201}), (VerdictsForm(2), {"verdicts": [1]}),
        (VerdictsForm(2), {"verdicts": [{"number": 1, "verdict": 1}, {"number": 1, "verdict": 0}]}),
        (VerdictsForm(1), {"verdicts": [2]}), (VerdictsForm(1), {"verdicts": [{"verdict": None}]}),
        (QuestionForm(), {"noncommittal": 1}), (QuestionForm(), "q"),
        (QuestionForm(), {"question": "q", "noncommittal": 2}),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_form_is_unreadable(form, value):
    """Never half of it."""
    with pytest.raises(UnreadableError):
        form.read(value)
