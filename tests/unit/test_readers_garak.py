"""garak's reports and hit logs: detectors' figures as metrics, every output of every attempt as a sample."""

from __future__ import annotations

import json
import math
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from nemo_results import (
    READER,
    assert_nothing_lost,
    distinct,
    read,
    skipped,
    values,
    write,
)

SETUP = {
    "entry_type": "start_run setup",
    "_config.version": "0.13.4",
    "run.generations": 2,
    "plugins.target_name": "meta/llama",
    "plugins.api_key": "not-a-real-key",
}
BEGIN = {"entry_type": "init", "garak_version": "0.13.4", "start_time": "2026-01-18T15:42:28.148123", "run": "r-1"}
END = {"entry_type": "completion", "end_time": "2026-01-18T15:43:28.148123", "run": "r-1"}
EVAL = {"entry_type": "eval", "probe": "dan.Dan", "detector": "dan.DAN", "passed": 1, "nones": None, "total": 2}


def message(text, **more):
    return {"text": text, "lang": "en", "data_path": None, "notes": {}, **more}


def attempt(name, status, outputs, results, **more):
    prompt = {"turns": [{"role": "user", "content": message("ask")}], "notes": None}
    fields = {
        "uuid": name,
        "seq": 3,
        "status": status,
        "prompt": prompt,
        "outputs": outputs,
        "detector_results": results,
    }
    return {"entry_type": "attempt", "probe_classname": "dan.Dan", **fields, **more}


def report(folder, *rows, name="garak.r-1.report.jsonl"):
    return read(folder, f"garak/results/{name}", "".join(json.dumps(row) + "\n" for row in rows))


def test_figures_of_every_detector_are_metrics(tmp_path):
    """``<probe>.<detector>.<figure>``, whatever figures a version of garak writes, nested ones too."""
    newer = {
        "entry_type": "eval",
        "probe": "lmrc.Slur",
        "detector": "lmrc.Slur",
        "fails": 3,
        "hit_at_k": {"1": {"score": 0.5}},
    }
    summary = {
        "entry_type": "probe_summary",
        "probe": "lmrc.Slur",
        "detection_counts": {"passed": 4, "detectors": ["lmrc.Slur"]},
    }
    bundle = report(tmp_path, SETUP, BEGIN, EVAL, newer, summary, END)
    assert bundle.name == "garak_garak.r-1.report.jsonl"
    assert values(bundle) == {
        "garak/dan.Dan.dan.DAN.passed": 1,
        "garak/dan.Dan.dan.DAN.total": 2,
        "garak/lmrc.Slur.lmrc.Slur.fails": 3,
        "garak/lmrc.Slur.lmrc.Slur.hit_at_k.1.score": 0.5,
        "garak/lmrc.Slur.detection_counts.passed": 4,
    }
    assert skipped(bundle) == {"garak.r-1.report.jsonl: dan.Dan.dan.DAN.nones": "it is null"}


def test_settings_version_and_times_of_the_scan_are_kept(tmp_path):
    """Settings are params without secrets; model, version and times are the scan's own, in UTC."""
    bundle = report(tmp_path, SETUP, BEGIN, EVAL, END)
    assert bundle.model == "meta/llama"
    assert bundle.params["run.generations"] == 2
    assert bundle.params["plugins.api_key"] == "***"
    assert bundle.secrets == {"not-a-real-key"}
    assert bundle.tasks[0].provider_version == "0.13.4"
    assert bundle.started_at.isoformat() == "2026-01-18T15:42:28.148123+00:00"
    assert (bundle.ended_at - bundle.started_at).total_seconds() == 60
    assert bundle.artifacts[0].may_hold_secrets


def test_the_digest_says_nothing_twice(tmp_path):
    """Its scores are metrics, its copy of the settings is dropped where it is the same, and kept where it is not."""
    meta = {"calibration_used": False, "setup": {**SETUP, "run.generations": 7, "run.seed": 9}}
    digest = {"entry_type": "digest", "meta": meta, "eval": {"dan": {"_summary": {"score": 0.5, "group": "dan"}}}}
    bundle = report(tmp_path, SETUP, EVAL, digest)
    assert values(bundle)["garak/digest.eval.dan._summary.score"] == 0.5
    told = {name: value for name, value in bundle.params.items() if name.startswith("digest")}
    assert told == {
        "digest.meta.calibration_used": False,
        "digest.meta.setup.run.generations": 7,
        "digest.meta.setup.run.seed": 9,
        "digest.eval.dan._summary.group": "dan",
    }


def test_each_output_of_an_attempt_is_a_sample(tmp_path):
    """Outputs are repeats of one item; each bears its own scores, and the other fields come along."""
    outputs = [message("no"), message("yes", notes={"tokens": 5})]
    turns = [[{"role": "user"}], [{"role": "assistant"}]]
    row = attempt(
        "u1", 2, outputs, {"dan.DAN": [0.0, 1.0], "m.Bypass": [None]}, goal="g", conversations=turns, notes={"a": 1}
    )
    first, second = report(tmp_path, SETUP, row, EVAL).tasks[0].samples
    assert (first.id, first.index, first.repeat, first.input, first.output) == ("u1", 0, 0, "ask", "no")
    assert (second.id, second.index, second.repeat, second.group, second.output) == ("u1", 0, 1, "u1", "yes")
    assert (first.scores["dan.DAN"].value, first.scores["m.Bypass"].reason) == (0.0, "null")
    assert {name: score.value for name, score in second.scores.items()} == {"dan.DAN": 1.0}
    assert first.attributes["goal"] == second.attributes["goal"] == "g"
    assert (first.attributes["conversations"], second.attributes["conversations"]) == (
        '[{"role": "user"}]',
        '[{"role": "assistant"}]',
    )
    assert first.attributes["notes"] == '{"a": 1}'
    assert "notes" not in second.attributes
    assert json.loads(second.attributes["outputs"])["notes"] == {"tokens": 5}


def test_prompts_of_every_version_are_read(tmp_path):
    """Plain text, a message, a conversation of one turn, and one of several or of another speaker."""
    system = {"turns": [{"role": "system", "content": {"text": "be"}}, {"role": "user", "content": "hi"}]}
    prompts = [
        "plain",
        {"text": "message"},
        {"turns": [{"role": "user", "content": {"text": "turn"}}]},
        system,
        None,
        5,
    ]
    rows = [{**attempt(f"u{number}", 2, ["out"], {}), "prompt": prompt} for number, prompt in enumerate(prompts)]
    samples = list(report(tmp_path, SETUP, *rows, EVAL).tasks[0].samples)
    turns = ({"role": "system", "content": "be"}, {"role": "user", "content": "hi"})
    assert [sample.input for sample in samples] == ["plain", "message", "turn", turns, "", "5"]
    assert [sample.output for sample in samples] == ["out"] * 6


def test_an_attempt_counts_once(tmp_path):
    """Asked and then scored, it is one item, as it was scored; one that was never scored counts as it was asked."""
    asked, scored = attempt("u1", 1, ["x"], {}), attempt("u1", 2, ["x"], {"d": [1.0]})
    rows = (asked, attempt("u2", 1, ["y"], {}), scored, {"entry_type": "attempt", "outputs": ["z"]})
    samples = list(report(tmp_path, SETUP, *rows, EVAL).tasks[0].samples)
    assert [(sample.output, len(sample.scores)) for sample in samples] == [("y", 0), ("x", 1), ("z", 0)]
    assert [sample.index for sample in samples] == [0, 1, 2]


def test_a_scan_that_was_broken_off_is_failed(tmp_path):
    """Attempts without any evaluation: the samples are kept, and the status says what happened."""
    bundle = report(tmp_path, SETUP, BEGIN, attempt("u1", 1, ["x"], {}))
    assert (bundle.status, bundle.tasks[0].status) == ("failed", "failed")
    assert "broken off" in bundle.tasks[0].error
    assert len(list(bundle.tasks[0].samples)) == 1


def test_hits_are_counted_and_come_along_as_samples(tmp_path):
    """A hit log has no figures of its own: the hits of each detector are counted, each is a sample."""
    hit = {"goal": "g", "prompt": "p", "output": message("o", data_path="a.png"), "trigger": None, "score": 1.0}
    rows = [
        {**hit, "attempt_id": "u1", "attempt_idx": place, "probe": "dan.Dan", "detector": detector}
        for place, detector in enumerate(["dan.DAN", "dan.DAN", "m.Bypass"])
    ]
    bundle = report(tmp_path, *rows, name="garak.r-1.hitlog.jsonl")
    assert values(bundle) == {"garak/dan.Dan.dan.DAN.hits": 2, "garak/dan.Dan.m.Bypass.hits": 1}
    samples = list(bundle.tasks[0].samples)
    assert [(sample.id, sample.index, sample.repeat) for sample in samples] == [
        ("u1", 0, 0),
        ("u1", 1, 1),
        ("u1", 2, 2),
    ]
    assert samples[2].scores["m.Bypass"].value == 1.0
    assert (samples[0].input, samples[0].output, samples[0].attributes["probe"]) == ("p", "o", "dan.Dan")
    assert "a.png" in samples[0].attributes["output"]


def test_broken_and_foreign_lines_do_not_stop_the_report(tmp_path):
    """Such lines are listed by their number; entries of unknown kinds keep the numbers in them."""
    text = "\n".join(
        ['{"entry_type": "ini', json.dumps(EVAL), "[1]", '{"entry_type": "new", "x": {"y": 3}}', '{"z": 4}']
    )
    bundle = read(tmp_path, "garak/garak.report.jsonl", text)
    assert values(bundle)["garak/new.x.y"] == 3
    assert values(bundle)["garak/line 5.z"] == 4
    assert {"garak.report.jsonl:1", "garak.report.jsonl:3"} <= skipped(bundle).keys()


@pytest.mark.parametrize("content", ["", "\n", json.dumps(SETUP) + "\n"])
def test_a_report_of_nothing_is_an_error(tmp_path, content):
    """Neither a figure nor an attempt nor a hit: there is nothing to land."""
    found = write(tmp_path, "garak.r-1.hitlog.jsonl", content)
    assert READER.sniff(found) is not None
    with pytest.raises(InputError, match="holds no metrics"):
        READER.read(found)


@pytest.mark.parametrize(
    ("name", "row", "is_ours"),
    [
        ("x.jsonl", SETUP, True),
        ("x.report.jsonl", BEGIN, True),
        ("x.jsonl", {**SETUP, "big": "x" * 70_000}, True),
        ("x.jsonl", {"probe": "p", "detector": "d", "score": 1, "attempt_id": "u"}, True),
        ("x.jsonl", {"probe": "p", "detector": "d", "score": 1}, False),
        ("x.report.jsonl", {"a": 1}, False),
        ("samples.jsonl", {"doc_id": 1, "score": 1}, False),
    ],
)
def test_reports_are_known_by_their_lines(tmp_path, name, row, is_ours):
    """The kind of the first entry, or the fields of a hit, tell them apart from other JSON lines."""
    evidence = READER.sniff(write(tmp_path, name, json.dumps(row) + "\n"))
    assert (evidence is not None) is is_ours


def test_samples_stream_with_flat_memory(tmp_path):
    """Ten times the attempts take no more memory to read, nor to go through."""

    def peak(count: int) -> int:
        rows = [json.dumps(attempt(f"u{number}", 2, ["x" * 2000], {"d": [0.5]})) for number in range(count)]
        found = write(tmp_path, f"garak/garak.{count}.report.jsonl", "\n".join([json.dumps(EVAL), *rows]))
        del rows
        tracemalloc.start()
        bundle = READER.read(found)
        assert sum(1 for _ in bundle.tasks[0].samples) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(2000) < peak(200) + 200_000


PLACES = st.floats(0, 1) | st.integers(-5, 5) | st.sampled_from([None, True, math.nan, math.inf, "N/A", "", "text"])
KEYS = st.sampled_from(
    ["text", "lang", "role", "content", "turns", "notes", "score", "a", "a.b", "passed", "meta", "setup"]
)
NESTED = st.recursive(
    PLACES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
FIGURES = st.dictionaries(KEYS, NESTED, max_size=4)
KINDS = st.sampled_from(["start_run setup", "init", "eval", "probe_summary", "completion", "digest", "config", "new"])
ENTRY = st.builds(lambda kind, found: {**found, "entry_type": kind, "probe": "p", "detector": "d"}, KINDS, FIGURES)
ATTEMPT = st.fixed_dictionaries(
    {"entry_type": st.just("attempt"), "uuid": st.uuids().map(str), "status": st.sampled_from([1, 2])},
    optional={
        "prompt": NESTED,
        "outputs": st.lists(NESTED, max_size=3) | NESTED,
        "detector_results": st.dictionaries(KEYS, st.lists(PLACES | NESTED, max_size=3) | PLACES, max_size=3) | NESTED,
        "conversations": st.lists(NESTED, max_size=3),
        "seq": PLACES,
        "output": NESTED,
        "notes": NESTED,
    },
)
HIT = st.fixed_dictionaries(
    {"probe": st.just("p"), "detector": st.just("d"), "score": NESTED, "attempt_id": st.uuids().map(str)},
    optional={"prompt": NESTED, "output": NESTED, "attempt_idx": PLACES, "trigger": NESTED},
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ENTRY | ATTEMPT | HIT, max_size=6).map(distinct))
def test_every_number_of_a_report_is_kept(tmp_path_factory, rows):
    """Numbers, nulls, NaN and texts in any place of any entry: none is lost, nothing but InputError is raised."""
    rows = [row if "status" not in row else {**row, "status": 1 + place % 2} for place, row in enumerate(rows)]
    try:
        bundle = report(tmp_path_factory.mktemp("law"), *rows)
    except InputError:
        return
    assert_nothing_lost([{key: value for key, value in row.items() if key != "status"} for row in rows], bundle)
