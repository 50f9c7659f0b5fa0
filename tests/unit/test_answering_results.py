"""Results by benchmark, their summary, and evaluations side by side; from values alone."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from answering_values import BEGAN, at, deliver, some_job, some_known, some_submission, some_unit
from evaltrail.core.dataset import Dataset
from evaltrail.core.errors import InputError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts, Origin, ResultBundle, TaskResult
from evaltrail.core.submission import Benchmark
from evaltrail.service.answering.asked import Asked
from evaltrail.service.answering.bundles import empty_benchmarks
from evaltrail.service.answering.compare import compare
from evaltrail.service.answering.named import find_benchmark
from evaltrail.service.answering.results import metrics_of, tell_results
from evaltrail.service.answering.summary import summarise
from evaltrail.service.answering.telling import tell
from evaltrail.service.catalog.measured import results_by_benchmark

ACC = MetricValue(name="acc", value=0.8, n=10, unscored={"timeout": 2}, stderr=0.1, ci_low=0.5, ci_high=0.9)


def result(name="b0", *metrics, provider="p", **changes):
    return TaskResult(
        name=name,
        provider=provider,
        metrics=metrics or (ACC,),
        counts=Counts(total=12, scored=10, unscored={"timeout": 2}, failed=2),
        **changes,
    )


def bundle(*results):
    return ResultBundle(
        id="00000000000000aa", origin=Origin(producer="evaltrail"), tasks=results, started_at=BEGAN, ended_at=at(9)
    )


def told(*results, ids=("b0",), state="completed", evaluation_id="00000000000000aa", **changes):
    """The account and the results of an evaluation of these benchmarks that is over."""
    submission = some_submission(*ids, **changes)
    units = [some_unit(number, place={"task": number}) for number in range(len(ids))]
    job = some_job(id=evaluation_id, state=state, ended_at=at(61) if state != "running" else None)
    account = tell(some_known(*units, deliver("done"), asked=Asked(submission=submission), job=job), "")
    return account, tell_results(account, submission, bundle(*results) if results else None)


def test_metrics_say_what_they_rest_on():
    """Value, n, unscored by reason, error, interval; counts and performance beside them."""
    _, found = told(result(usage={"requests": 12.0}))
    (benchmark,) = found.benchmarks
    (metric,) = benchmark.metrics
    assert (metric.value, metric.n, metric.n_unscored, metric.unscored) == (0.8, 10, 2, {"timeout": 2})
    assert (metric.stderr, metric.ci_low, metric.ci_high, metric.ci_level) == (0.1, 0.5, 0.9, 0.95)
    assert (benchmark.counts.total, benchmark.counts.failed, benchmark.performance) == (12, 2, {"requests": 12.0})
    assert msgspec.json.decode(msgspec.json.encode(found))["benchmarks"][0]["verdict"]["value"] == 0.8


def test_before_the_end_there_are_states_and_no_metrics():
    """Nothing is told that may still change, and the verdict is open."""
    _, found = told(state="running")
    assert (found.is_final, found.benchmarks[0].state, found.benchmarks[0].metrics) == (False, "running", ())
    assert (found.test.verdict, found.test.missing) == ("undetermined", ("p/b0",))


def test_a_failed_benchmark_leaves_the_verdict_open():
    """Its error is told where its metric would be, and it is named as missing."""
    broken = replace(result("b1"), metrics=(), status="failed", error="no data set")
    _, found = told(result(), broken, ids=("b0", "b1"), state="partially_failed")
    assert (found.test.score, found.test.verdict, found.test.missing) == (None, "undetermined", ("p/b1",))
    assert found.benchmarks[1].error.message == "no data set"


def test_a_group_is_one_benchmark_with_the_metrics_of_its_members():
    """The first result is the group itself; those of its members bear their names."""
    members = [result("mmlu"), result("mmlu_law", replace(ACC, value=0.1)), result("other")]
    _, found = told(*members, ids=("mmlu", "other"))
    first, second = found.benchmarks
    assert [(metric.name, metric.value) for metric in first.metrics] == [("acc", 0.8), ("mmlu_law/acc", 0.1)]
    assert (first.counts.total, second.counts.total) == (24, 12)


@given(sizes=st.lists(st.integers(1, 3), min_size=1, max_size=6), same=st.booleans())
def test_each_benchmark_gets_its_own_results_in_order(sizes, same):
    """Whatever groups there are: no result is lost, none is told twice, no benchmark is left without."""
    providers = ["p" if same else f"p{n}" for n in range(len(sizes))]
    benchmarks = [Benchmark(id=f"t{n}", provider_id=name, task=f"p/t{n}") for n, name in enumerate(providers)]
    results = [
        result(f"t{n}" if not place else f"t{n}_m{place}", provider=benchmark.provider_id)
        for n, (benchmark, size) in enumerate(zip(benchmarks, sizes, strict=True))
        for place in range(size)
    ]
    found = results_by_benchmark(benchmarks, results)
    assert [len(own) for own in found] == sizes
    assert [each for own in found for each in own] == results


@given(count=st.integers(1, 5), names=st.lists(st.text(max_size=3), min_size=1, max_size=9))
def test_strange_names_never_lose_a_result(count, names):
    """Results under names that nobody expects are still told, in order; with enough of them, each has one."""
    benchmarks = [Benchmark(id=f"t{n}", provider_id="p", task=f"p/t{n}") for n in range(count)]
    results = [result(name) for name in names]
    found = results_by_benchmark(benchmarks, results)
    assert [each.name for own in found for each in own] == names
    assert len(results) < count or all(found)


def test_only_a_benchmark_of_which_all_failed_is_empty():
    """A group with one good member has a result."""
    bad = result(status="failed", error="no sample could be scored")
    assert empty_benchmarks([(bad,), (bad, result()), ()]) == {0: "no sample could be scored"}


def test_metrics_in_groups_keep_their_path():
    """Foreign results that tell metrics apart by groups stay apart."""
    grouped = [replace(ACC, group=("law",)), replace(ACC, group=("art",), value=0.2)]
    assert [metric.name for metric in metrics_of([result("b", *grouped)])] == ["law/acc", "art/acc"]


def test_a_summary_is_a_few_figures():
    """State, primary score, verdict, samples, seconds: what a pipeline decides by."""
    account, found = told(result(), threshold=0.7)
    summary = summarise(account, found)
    (benchmark,) = summary.benchmarks
    assert (benchmark.metric, benchmark.value, benchmark.n) == ("acc", 0.8, 10)
    assert (summary.score, summary.verdict, summary.states) == (0.8, "pass", {"completed": 1})
    assert (summary.waited_s, summary.duration_s) == (1.0, 60.0)
    assert (summary.samples.total, summary.samples.unscored) == (12, {"timeout": 2})


def test_evaluations_stand_side_by_side_with_the_best_marked():
    """Per metric the values in the order of the evaluations; equal ones are both the best."""
    results = [told(result("b0", replace(ACC, value=value)), evaluation_id=f"e{value}")[1] for value in (0.5, 0.8, 0.8)]
    found = compare(results)
    (metric,) = found.metrics
    assert (metric.benchmark, metric.metric, metric.is_primary) == ("p/b0", "acc", True)
    assert [(each.value, each.is_best) for each in metric.values] == [(0.5, False), (0.8, True), (0.8, True)]
    assert [each.id for each in found.evaluations] == ["e0.5", "e0.8", "e0.8"]


@pytest.mark.parametrize(
    ("better", "best"), [("higher", [False, True]), ("lower", [True, False]), ("neither", [False, False])]
)
def test_the_best_is_by_the_metrics_own_direction(better, best):
    """Where no side is better nothing is the best."""
    results = [told(result("b0", replace(ACC, name="other", value=value, better=better)))[1] for value in (0.1, 0.2)]
    assert [each.is_best for each in compare(results).metrics[1].values] == best


def test_the_better_side_of_a_metric_that_counts_is_known():
    """Where its producer does not say it, who counts it does."""
    results = [told(result("b0", replace(ACC, value=value, better="neither")))[1] for value in (0.1, 0.2)]
    assert [each.is_best for each in compare(results).metrics[0].values] == [False, True]


def test_what_is_missing_is_said():
    """Not run, not over, failed, unscored: a word each, and a lone value is no best one."""
    failed = replace(result(), metrics=(), status="failed", error="gone")
    results = [
        told(result())[1],
        told(result("b1"), ids=("b1",))[1],
        told(state="running")[1],
        tell_failed(failed),
        told(result("b0", replace(ACC, value=None, n=0)))[1],
    ]
    metric = compare(results).metrics[0]
    assert [each.missing for each in metric.values] == ["", "not_run", "not_over", "failed", "unscored"]
    assert not any(each.is_best for each in metric.values)


def tell_failed(failed):
    submission = some_submission("b0")
    asked, job = Asked(submission=submission), some_job(state="failed")
    known = some_known(some_unit(), deliver("done"), asked=asked, job=job, empty={0: ""})
    return tell_results(tell(known, ""), submission, bundle(failed))


def test_a_metric_that_nobody_has_is_told_as_missing():
    """A primary metric is never silently absent."""
    found = compare([told(state="running")[1], told(state="running")[1]])
    assert [(metric.metric, [each.missing for each in metric.values]) for metric in found.metrics] == [
        ("acc", ["not_over", "not_over"])
    ]
    assert found.notes == ("p/b0: none of them has a value",)


def test_the_same_benchmark_twice_is_told_apart():
    """By its place in the evaluation."""
    twice = told(result("b0"), result("b0"), ids=("b0", "b0"))[1]
    assert [metric.benchmark for metric in compare([twice, twice]).metrics] == ["p/b0", "p/b0#2"]


def test_values_over_other_data_are_noted():
    """A difference in data is no difference in models."""
    sets = [Dataset(name="d", source="s", digest=digest, size=12) for digest in ("1", "2")]
    results = [told(result(dataset=each))[1] for each in sets]
    assert compare(results).notes == ("p/b0: the data sets differ, so that the values are not of the same samples",)


@pytest.mark.parametrize(("word", "index"), [("1", 1), ("b0", 0), ("p/b1", 1)])
def test_a_benchmark_is_named_by_place_or_id(word, index):
    """Position, id, or provider and id."""
    account, _ = told(ids=("b0", "b1"))
    assert find_benchmark(account.benchmarks, word).index == index


@pytest.mark.parametrize(
    ("ids", "word", "code"), [(("a",), "x", "unknown_benchmark"), (("a", "a"), "a", "ambiguous_benchmark")]
)
def test_a_word_that_means_no_benchmark_is_told_what_there_is(ids, word, code):
    """The hint names those that there are."""
    account, _ = told(ids=ids)
    with pytest.raises(InputError) as caught:
        find_benchmark(account.benchmarks, word)
    assert caught.value.code == code
    assert "p/a" in caught.value.hint
