"""What a bundle measured of each benchmark, and the verdict over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaltrail.core.metric import MetricValue
from evaltrail.core.result import TaskResult
from evaltrail.core.submission import Benchmark, Submission
from evaltrail.service.catalog.verdict import Verdict, judge


def results_by_benchmark(
    benchmarks: Sequence[Benchmark], results: Sequence[TaskResult]
) -> tuple[tuple[TaskResult, ...], ...]:
    """The results of each benchmark: at least one each, several where it is a group of tasks.

    A bundle has them in the order of the benchmarks. Where there are as many of both they belong together by that
    alone; else a benchmark's results end where the next one's name or provider comes up.

    Args:
        benchmarks: of the evaluation.
        results: of its bundle.
    """
    found: tuple[list[TaskResult], ...] = tuple([] for _ in benchmarks)
    number = 0
    for place, result in enumerate(results):
        if not benchmarks:
            break
        if found[number] and number + 1 < len(benchmarks):
            must_move = len(results) - place <= len(benchmarks) - number - 1
            if must_move or _is_next(benchmarks, number, result):
                number += 1
        found[number].append(result)
    return tuple(map(tuple, found))


def metrics_by_name(results: Sequence[TaskResult]) -> Mapping[str, MetricValue]:
    """The metrics of one benchmark's results, those of a group's members under the members' names.

    Args:
        results: of one benchmark; the first one is the benchmark itself where there are several.
    """
    found: dict[str, MetricValue] = {}
    for place, result in enumerate(results):
        for metric in result.metrics:
            name = "/".join((*metric.group, metric.name))
            found.setdefault(f"{result.name}/{name}" if place else name, metric)
    return found


def judged(submission: Submission, own: Sequence[Sequence[TaskResult]]) -> Verdict:
    """The verdict over what was measured.

    Args:
        submission: whose benchmarks count.
        own: of each benchmark its results, see ``results_by_benchmark``.
    """
    measured = {
        number: {name: metric.value for name, metric in metrics_by_name(results).items()}
        for number, results in enumerate(own)
    }
    return judge(submission.benchmarks, measured, submission.threshold)


def _is_next(benchmarks: Sequence[Benchmark], number: int, result: TaskResult) -> bool:
    own, following = benchmarks[number], benchmarks[number + 1]
    if own.provider_id != following.provider_id:
        return result.provider == following.provider_id
    return _is_of(following, result) and not _is_of(own, result)


def _is_of(benchmark: Benchmark, result: TaskResult) -> bool:
    names = {benchmark.id, benchmark.task, benchmark.task.partition("/")[2]} - {""}
    return result.name in names or any(result.name.startswith((f"{name}.", f"{name}_")) for name in names)
