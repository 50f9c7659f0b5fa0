"""The engine's figures beside the raw floor's; a scenario's docstring is printed too, as it says how it measures."""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from goals import Row, at_least, at_most, exactly, times_floor
from lab import LATENCY_MS, Lab, outcome
from measure import Measured, MockEndpoint, NotMeasuredError, median

_LIMITED = {"p429": 0.05}
_RETRY_FORMS: dict[str, dict[str, object]] = {
    "Retry-After in seconds": {"retry_after": "1"},
    "Retry-After as a date": {"retry_after": "1", "retry_date": 1},
    "x-ratelimit-reset-requests": {"retry_after": "", "reset_requests": "1s"},
}
_FAULTS = {"pgarbage": 0.02, "pempty": 0.02, "p500": 0.02, "p429": 0.05}
_REASONS = {"garbage": "garbage", "empty": "empty", "500": "http_500"}
"""The server's name of a fault to the reason why a sample is unscored."""


def measure_cpu(lab: Lab) -> list[Row]:
    """2,000 and 6,000 items, 64 in flight, floor and evaltrail in turn; medians of user and system CPU."""
    runs = [
        (lab.floor(2000, 64), lab.evaltrail(2000, 64), lab.floor(6000, 64), lab.evaltrail(6000, 64))
        for _ in range(lab.repeats)
    ]
    floor, ours, floor_6000, ours_6000 = zip(*runs, strict=True)
    floor_s, ours_s = median(floor, "cpu_s"), median(ours, "cpu_s")
    floor_1000_s, ours_1000_s = (median(floor_6000, "cpu_s") - floor_s) / 4, (median(ours_6000, "cpu_s") - ours_s) / 4
    floor_start = f"{median(floor, 'start_s'):.3g} s"
    return [
        times_floor("CPU of 2,000 items", floor_s, ours_s, 8, 4),
        times_floor("CPU of 1,000 further items", floor_1000_s, ours_1000_s, 8, 4),
        at_most("spawn to first request", median(ours, "start_s"), "s", 0.5, 0.25, floor=floor_start),
    ]


def measure_wide(lab: Lab) -> list[Row]:
    """20,000 items, 256 in flight as the server sees it, floor and evaltrail in turn; medians.

    The mean is judged in one run at 200 ms a call, because 205 in flight at 20 ms a call would be 10,240 samples/s.
    """
    runs = [(lab.floor(20_000, 256), lab.evaltrail(20_000, 256)) for _ in range(lab.repeats)]
    floor, ours = zip(*runs, strict=True)
    slow = lab.evaltrail(20_000, 256, latency_ms=200.0)
    floor_rate, rate = median(floor, "rate"), median(ours, "rate")
    floor_tail = f"{median(floor, 'tail_s'):.3g} s"
    return [
        exactly("256 asked: peak in flight", str(min(run.server["peak_inflight"] for run in ours)), "256"),
        Row(what="256 asked: mean at 20 ms a call", floor=_mean_in_flight(floor), evaltrail=_mean_in_flight(ours)),
        at_least("256 asked: mean at 200 ms a call", slow.server["mean_inflight"], "", 205),
        Row(
            what="256 asked: samples/s on one core",
            floor=f"{floor_rate:,.0f}",
            evaltrail=f"{rate:,.0f}",
            ratio=f"{rate / floor_rate:.2f}",
            must=">= 0.32 x (4,000)",
            stretch=">= 0.65 x (8,000)",
            is_must=rate >= 0.32 * floor_rate,
            is_stretch=rate >= 0.65 * floor_rate,
        ),
        at_most("last answer to exit, 20,000 items", median(ours, "tail_s"), "s", 0.6, 0.3, floor=floor_tail),
    ]


def measure_memory(lab: Lab) -> list[Row]:
    """One run of 2,000 and one of 20,000 items, 64 in flight; the kernel's high-water mark, read every 5 ms."""
    floor, ours, many = lab.floor(2000, 64), lab.evaltrail(2000, 64), lab.evaltrail(20_000, 64)
    asking_kb = (many.asking_mb - ours.asking_mb) * 1024 / 18_000
    whole_kb = (many.peak_mb - ours.peak_mb) * 1024 / 18_000
    floor_peak = f"{floor.peak_mb:.3g} MB"
    return [
        at_most("memory until the last answer, 2,000 items", ours.asking_mb, "MB", 80, floor=floor_peak),
        at_most("memory with parquet written, 2,000 items", ours.peak_mb, "MB", 150),
        at_most("memory an item more, until the last answer", asking_kb, "KB", 1, 0.1),
        at_most("memory an item more, with parquet written", whole_kb, "KB", 1, 0.1),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kill:
    """What one kill and the same command again came to."""

    lost: int
    repeated: int
    in_flight: int
    new_request_s: float


def measure_kill(lab: Lab) -> list[Row]:
    """SIGKILL once the server has seen half of 2,000 requests, 64 asked, then the same command; the worst repetition.

    In flight is what the server had seen and the journal did not hold.
    """
    kills = [_kill(lab) for _ in range(lab.repeats)]
    worst = max(kills, key=lambda kill: kill.repeated - kill.in_flight)
    return [
        exactly("kill -9: answers lost", str(max(kill.lost for kill in kills)), "0"),
        Row(
            what="kill -9: requests repeated",
            evaltrail=f"{worst.repeated} of {worst.in_flight} in flight",
            must="<= in flight",
            is_must=worst.repeated <= worst.in_flight <= 64,
        ),
        at_most("kill -9: spawn to first new request", max(kill.new_request_s for kill in kills), "s", 1.01),
    ]


def _kill(lab: Lab) -> _Kill:
    with TemporaryDirectory(dir=lab.folder) as home, MockEndpoint(latency_ms=LATENCY_MS) as endpoint:
        killed = lab.evaltrail_at(endpoint, Path(home), 2000, 64, kill_at=1000)
        if killed.exit_code != -signal.SIGKILL:
            raise NotMeasuredError("the run ended before it could be killed")
        time.sleep(10 * LATENCY_MS / 1000)  # the server ends what it was at
        asked = endpoint.stats()["total"]
        kept = sum(file.read_bytes().count(b"\n") for file in Path(home).rglob("*.jsonl"))
        endpoint.reset()
        again = lab.evaltrail_at(endpoint, Path(home), 2000, 64)
    return _Kill(
        lost=2000 - outcome(again).scored,
        repeated=asked + again.server["total"] - 2000,
        in_flight=asked - kept,
        new_request_s=again.start_s,
    )


def measure_admission(lab: Lab) -> list[Row]:
    """10,000 items, 256 asked of a server that answers the 33rd in flight with 429; medians, but the most lost."""
    runs = [lab.evaltrail(10_000, 256, max_inflight=32, exit_codes=(0, 1)) for _ in range(lab.repeats)]
    wasted = statistics.median(run.server["status"].get("429", 0) / run.server["total"] for run in runs)
    used = 10_000 * LATENCY_MS / 1000 / 32 / median(runs, "span_s")
    return [
        exactly("32 admitted, 256 asked: samples lost", str(max(10_000 - outcome(run).scored for run in runs)), "0"),
        at_most("32 admitted, 256 asked: requests wasted", 100 * wasted, "%", 5, 1),
        at_least("32 admitted, 256 asked: capacity used", 100 * used, "%", 80),
    ]


def measure_retry_after(lab: Lab) -> list[Row]:
    """1,000 items, 64 in flight, 5 % of the answers a 429 that says when to come back.

    What is shown is how much later than told the same requests came.
    """
    rows = []
    for name, knobs in _RETRY_FORMS.items():
        server = lab.evaltrail(1000, 64, **_LIMITED, **knobs).server
        late, told_s = server["late_after_429"], 0.0
        if late is None:  # the server keeps no moment for this header, only the waits
            late, told_s = server["wait_after_429"], 1.0
        earliest_ms, median_ms = (1000 * (late[key] - told_s) for key in ("min", "median"))
        rows.append(
            Row(
                what=f"{name}: earliest, median",
                evaltrail=f"{earliest_ms:+.0f}, {median_ms:+.0f} ms",
                must="never early, <= 250 ms",
                is_must=earliest_ms >= 0 and median_ms <= 250,
            )
        )
    return rows


def measure_faults(lab: Lab) -> list[Row]:
    """2,000 items, 64 in flight, 2 % garbage, 2 % empty, 2 % HTTP 500, 5 % 429; with the default retries and with none.

    Without retries each reason must be counted as often as the server sent it.
    """
    run = lab.evaltrail(2000, 64, exit_codes=(0, 1), **_FAULTS)
    once = lab.evaltrail(2000, 64, "--max-retries=0", exit_codes=(0, 1), **_FAULTS)
    retried, final = outcome(run), outcome(once)
    sent = {_REASONS[fault]: count for fault, count in once.server["kind"].items() if fault in _REASONS}
    return [
        exactly(
            "faults: exit code, score, unscored",
            f"{run.exit_code}, {retried.score}, {_counted(retried.unscored)}",
            "0, 0.9, none",
        ),
        exactly(
            "faults, no retries: exit code, scored, unscored",
            f"{once.exit_code}, {final.scored}, {_counted(final.unscored)}",
            f"1, {2000 - sum(sent.values())}, {_counted(sent)}",
        ),
    ]


def measure_launch(lab: Lab) -> list[Row]:
    """200 items, 32 in flight: a run configuration with one native task, and `evaltrail run` of that task, in turn.

    Between spawn and first request lie two processes: the launcher, which checks everything, and the job.
    """
    runs = [(lab.evaltrail(200, 32), lab.launched(200, 32)) for _ in range(lab.repeats)]
    plain, launched = zip(*runs, strict=True)
    floor = f"{median(plain, 'start_s'):.3g} s (run)"
    return [at_most("run --config: spawn to first request", median(launched, "start_s"), "s", 0.6, floor=floor)]


def _counted(reasons: Mapping[str, int]) -> str:
    return " ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())) or "none"


def _mean_in_flight(runs: Sequence[Measured]) -> str:
    return f"{statistics.median(run.server['mean_inflight'] for run in runs):.0f}"


SCENARIOS: dict[str, Callable[[Lab], list[Row]]] = {
    "cpu": measure_cpu,
    "wide": measure_wide,
    "memory": measure_memory,
    "kill": measure_kill,
    "admission": measure_admission,
    "retry-after": measure_retry_after,
    "faults": measure_faults,
    "launch": measure_launch,
}
