"""A bundle goes to a folder and comes back as it was, or is refused with what is wrong."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.bundle.columns import ParquetSamples, SamplesWriter
from evaltrail.bundle.read import read_bundle
from evaltrail.bundle.write import check_out, copy_bundle, write_bundle
from evaltrail.core.dataset import Dataset
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts, Origin, ResultBundle, TaskResult
from evaltrail.core.sample import Sample, Score, Usage

TEXT = st.text(max_size=12)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.none() | st.floats(0, 1e6)
TOKENS = st.none() | st.integers(0, 2**40)
SCALAR = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | NUMBER | TEXT
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
TURNS = st.lists(st.fixed_dictionaries({"role": TEXT, "content": TEXT}), max_size=3).map(tuple)
SCORES = st.builds(Score, value=NUMBER | st.booleans() | TEXT, rationale=TEXT, source=TEXT) | st.builds(
    Score, reason=st.text(min_size=1, max_size=8)
)
USAGE = st.builds(
    Usage,
    prompt_tokens=TOKENS,
    completion_tokens=TOKENS,
    latency_s=SECONDS,
    first_token_s=SECONDS,
    attempts=st.integers(0, 9),
)
SAMPLES = st.builds(
    Sample,
    id=TEXT,
    index=st.integers(0, 2**40),
    repeat=st.integers(0, 99),
    input=TEXT | TURNS,
    reference=TEXTS,
    choices=TEXTS,
    output=st.none() | TEXT,
    extracted=st.none() | TEXT,
    reasoning=TEXT,
    finish_reason=TEXT,
    contexts=TEXTS,
    attributes=st.dictionaries(TEXT, SCALAR, max_size=3),
    scores=st.dictionaries(st.sampled_from(["exact_match", "judge", "größe"]), SCORES),
    usage=USAGE,
    error=TEXT,
    detail=TEXT,
    group=TEXT,
    request=TEXT,
    choice_logprobs=st.lists(NUMBER, max_size=3).map(tuple),
)


def some_result() -> ResultBundle:
    task = TaskResult(
        name="capitals",
        provider="native",
        provider_version="0.1.0",
        config={"generation.temperature": 0, "fewshot.k": None, "flag": True, "share": 0.5},
        metrics=(
            MetricValue(name="pass@1", value=0.5, n=4, stderr=0.1, ci_low=0.0, ci_high=1.0, unscored={"garbage": 1}),
            MetricValue(name="none", value=None, n=0, better="neither", group=("a", "b"), step=3),
        ),
        counts=Counts(total=5, scored=4, unscored={"garbage": 1}, failed=1),
        dataset=Dataset(name="capitals", digest="d" * 32, source="capitals.jsonl", size=5),
        usage={"runtime_seconds": 1.5},
    )
    return ResultBundle(
        id="0123456789abcdef",
        kind="generation",
        name="questions on a.txt",
        origin=Origin(producer="evaltrail", version="0.1.0"),
        model="org/model",
        tasks=(task, replace(task, name="other", status="failed", error="no sample could be scored")),
        params={"limit": 5, "note": "ä"},
        tags={"team": "red"},
        status="partially_failed",
        started_at=datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC),
        ended_at=datetime(2026, 11, 1, 12, 0, 5, tzinfo=UTC),
        skipped=(Skipped(what="results by source", why="the 50 commonest of 60 are told apart"),),
    )


def put(folder: Path, samples=()) -> None:
    """Write a bundle with these samples in its first task."""

    def build(made: Path) -> ResultBundle:
        with SamplesWriter(made / "samples.parquet", ["exact_match", "judge"]) as table:
            for sample in samples:
                table.add("capitals", sample)
        (made / "request.json").write_text("{}")
        return some_result()

    write_bundle(folder, build)


def spoil(folder: Path, **changes) -> None:
    """Change the manifest of a bundle."""
    file = folder / "bundle.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.fixture
def folder(tmp_path):
    """A bundle folder."""
    put(tmp_path / "bundle", [Sample(id="a", index=0, input="hi")])
    return tmp_path / "bundle"


@settings(max_examples=30, deadline=None)
@given(st.lists(SAMPLES, max_size=4))
def test_every_sample_comes_back_as_it_was(tmp_path_factory, samples):
    """Texts of any script, None, chat turns and scores of every kind survive the folder."""
    file = tmp_path_factory.mktemp("samples") / "samples.parquet"
    with SamplesWriter(file, ["exact_match"]) as table:
        for sample in samples:
            table.add("mine", sample)
            table.add("other", Sample(id="other", index=0))
    stream = ParquetSamples(file, "mine")
    assert list(stream) == samples
    assert list(stream) == samples


def test_a_bundle_comes_back_as_it_was(tmp_path):
    """Bundle to folder to bundle changes nothing but where the samples and artifacts lie."""
    samples = [Sample(id=str(number), index=number, scores={"judge": Score(value="B")}) for number in range(3)]
    put(tmp_path / "b", samples)
    found = read_bundle(tmp_path / "b")
    plain = replace(found, artifacts=(), tasks=tuple(replace(task, samples=None) for task in found.tasks))
    assert plain == some_result()
    first, second = found.tasks
    assert first.samples is not None
    assert second.samples is not None
    assert (list(first.samples), list(second.samples)) == (samples, [])


def test_artifacts_are_known_by_size_and_content(folder):
    """Each artifact says its path, role, bytes and digest; the answers of the journal are none."""
    request = next(one for one in read_bundle(folder).artifacts if one.path == "request.json")
    assert (request.role, request.size_bytes, request.media_type) == ("required", 2, "application/json")
    assert request.sha256 == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert {one.path for one in read_bundle(folder).artifacts} == {"request.json", "samples.parquet"}


def test_numbers_have_a_column_of_their_own(tmp_path):
    """A metric's numbers can be read as a column, True as 1, words and missing scores as null."""
    from pyarrow import parquet  # noqa: PLC0415  heavy, and only one test looks inside

    values = [1.5, True, "B", None]
    with SamplesWriter(tmp_path / "s.parquet", ["m"]) as table:
        for index, value in enumerate(values):
            score = Score(reason="no_match") if value is None else Score(value=value)
            table.add("t", Sample(id=str(index), index=index, scores={"m": score}))
    with parquet.ParquetFile(tmp_path / "s.parquet") as file:
        assert file.read(["score.m"]).column(0).to_pylist() == [1.5, 1.0, None, None]


def test_more_samples_than_a_batch_keep_their_order(tmp_path):
    """Batches are a matter of memory only."""
    with SamplesWriter(tmp_path / "s.parquet", []) as table:
        for index in range(5000):
            table.add("t", Sample(id=str(index), index=index))
    assert [sample.index for sample in ParquetSamples(tmp_path / "s.parquet", "t")] == list(range(5000))


def test_half_characters_are_replaced_not_fatal(tmp_path):
    """Text that is no whole unicode cannot be stored as it is, and does not cost the other samples."""
    with SamplesWriter(tmp_path / "s.parquet", []) as table:
        table.add("t", Sample(id="a", index=0, output="x\ud800y"))
    assert [sample.output for sample in ParquetSamples(tmp_path / "s.parquet", "t")] == ["x?y"]


def test_a_newer_format_is_refused(folder):
    """A bundle of a later version is not half read: it asks for an upgrade."""
    spoil(folder, schema_version=2)
    with pytest.raises(InputError, match="format 2, this evaltrail reads up to 1") as caught:
        read_bundle(folder)
    assert (caught.value.code, caught.value.hint) == ("newer_bundle", "upgrade evaltrail")


def entry(path: str) -> dict[str, object]:
    return {"path": path, "role": "extra", "media_type": "text/plain", "size_bytes": 1, "sha256": ""}


@pytest.mark.parametrize("path", ["../secret", "/etc/hostname", "a/../../secret", "logs/../request.json", ".."])
def test_an_artifact_that_leaves_its_folder_is_refused(folder, path):
    """A foreign manifest cannot make us read other files."""
    (folder.parent / "secret").write_text("secret")
    spoil(folder, artifacts=[entry(path)])
    with pytest.raises(InputError, match="leaves its folder") as caught:
        read_bundle(folder)
    assert caught.value.code == "broken_bundle"


def test_an_artifact_that_is_a_link_out_of_its_folder_is_refused(folder):
    """A link cannot make us read other files either."""
    (folder.parent / "secret").write_text("secret")
    (folder / "note.txt").symlink_to(folder.parent / "secret")
    spoil(folder, artifacts=[entry("note.txt")])
    with pytest.raises(InputError, match="leaves its folder"):
        read_bundle(folder)


def test_a_missing_artifact_is_told(folder):
    """A bundle that lost a file is not delivered as if it were whole."""
    (folder / "request.json").unlink()
    with pytest.raises(InputError, match=r"'request\.json' is not there"):
        read_bundle(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema_version": 1}', '{"schema_version": "1"}', '"\ud83d"'])
def test_a_manifest_that_cannot_be_read_is_told(folder, content):
    """What is no manifest is named with its file."""
    (folder / "bundle.json").write_text(content, errors="replace")
    with pytest.raises(InputError, match="the manifest cannot be read") as caught:
        read_bundle(folder)
    assert caught.value.where == str(folder / "bundle.json")


def test_a_folder_without_a_bundle_is_told(tmp_path):
    """A folder without a manifest is no bundle."""
    with pytest.raises(InputError, match="no bundle is here") as caught:
        read_bundle(tmp_path)
    assert caught.value.code == "no_bundle"


def test_samples_that_were_spoilt_are_told(folder):
    """A samples file that is no parquet is an error that names it, when it is read."""
    (folder / "samples.parquet").write_bytes(b"no parquet")
    samples = read_bundle(folder).tasks[0].samples
    assert samples is not None
    with pytest.raises(InputError, match="the samples cannot be read"):
        list(samples)


def test_the_disk_has_every_file_and_name_of_a_bundle_before_it_has_its_place(tmp_path):
    """Its journals go next: a power cut after that must not find empty files. What is no file is not waited for."""
    synced: set[Path] = set()
    places: list[Path] = []

    def note(_frame, event, called) -> None:
        if event == "c_call" and called is os.fsync:  # which does not say of what: of a file that is open now
            synced.update(Path(os.path.realpath(handle)) for handle in Path("/proc/self/fd").iterdir())

    def build(made: Path) -> ResultBundle:
        places.append(made)
        (made / "runs" / "deep").mkdir(parents=True)
        for name in ("samples.parquet", "report.md", "runs/deep/left.json"):
            (made / name).write_text("x")
        (made / "runs" / "elsewhere").symlink_to("/nowhere")
        os.mkfifo(made / "runs" / "pipe")
        return some_result()

    sys.setprofile(note)
    try:
        write_bundle(tmp_path / "bundle", build)
    finally:
        sys.setprofile(None)
    (made,) = places
    assert synced >= {made, *map(made.joinpath, ("samples.parquet", "report.md", "runs", "runs/deep/left.json"))}
    assert made / "runs" / "deep" in synced


def test_a_bundle_that_fails_to_be_built_leaves_the_old_one(folder):
    """What was there goes only when the new one is whole, and nothing half made stays."""

    def fail(made: Path) -> ResultBundle:
        (made / "half").touch()
        raise StorageError("full")

    before = (folder / "bundle.json").read_bytes()
    with pytest.raises(StorageError, match="full"):
        write_bundle(folder, fail)
    assert (folder / "bundle.json").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_bundle_is_shown_under_a_second_name(folder, tmp_path):
    """The copy reads like the original, without the journals; an earlier copy is replaced."""
    (folder / "answers").mkdir()
    (folder / "answers" / "0.jsonl").touch()
    for _ in range(2):
        copy_bundle(folder, tmp_path / "deep" / "shown")
    assert read_bundle(tmp_path / "deep" / "shown").id == read_bundle(folder).id
    assert not (tmp_path / "deep" / "shown" / "answers").exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["shown"]


def test_out_may_be_new_empty_or_ours(folder, tmp_path):
    """A folder of ours may be replaced; a folder of anything else is never touched."""
    (tmp_path / "empty").mkdir()
    for fine in (folder, tmp_path / "empty", tmp_path / "new" / "deep"):
        check_out(fine)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="names a file"):
        check_out(tmp_path / "file")
    with pytest.raises(InputError, match="holds other files"):
        check_out(tmp_path)


def test_a_missing_number_is_null_never_nan(tmp_path):
    """Absence is None in every number column."""
    with SamplesWriter(tmp_path / "s.parquet", ["m"]) as table:
        table.add("t", Sample(id="a", index=0))
        table.add("t", Sample(id="b", index=1, usage=Usage(latency_s=0.0, prompt_tokens=0)))
    first, second = ParquetSamples(tmp_path / "s.parquet", "t")
    assert (first.usage.latency_s, first.usage.prompt_tokens) == (None, None)
    assert (second.usage.latency_s, second.usage.prompt_tokens) == (0.0, 0)
    assert second.usage.latency_s is not None
    assert not math.isnan(second.usage.latency_s)
