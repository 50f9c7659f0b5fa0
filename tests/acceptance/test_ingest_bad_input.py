"""What is broken is told by path and reason, and nothing else suffers: broken files, hostile archives, odd folders."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from evaltrail.core.errors import InputError
from mlflow_server import content_of, runs_in
from service_results import BEIR, MTBENCH, SCORES, Gatherer, lm_harness, write

BROKEN = {
    "lm-harness-cut.json": ('{"results": {"mmlu": {"acc,none": 0.5', "it is no JSON"),
    "lm-harness-empty.json": ("", "it is no JSON"),
    "lm-harness-deep.json": ('{"results": ' + "[" * 100_000, "it is nested too deeply"),
    "beir.json.latin": (b'{"caf\xe9": 1}', "it is no UTF-8 text"),
    "beir.json.utf16": ('{"NDCG": 1}'.encode("utf-16-le"), "it is no JSON"),
    "beir.json.words": ('{"NDCG@10": null, "MAP@10": "N/A"}', "it holds no metrics"),
    "mtbench/header.csv": ("name,value\n", "it holds no metrics"),
    "cut.zip": (b"PK\x03\x04" + b"\0" * 40, "the archive cannot be unpacked"),
    "log.eval": (b"PK\x03\x04" + b"\0" * 40, "it is no whole zip"),
    "job/results.yml": ("config: {type: mmlu}\ntarget: {}\nresults: {groups: {}, tasks: {\n", "it is no YAML"),
}
"""Files that are recognised and cannot be read, and the beginning of the reason."""


@pytest.fixture
def gather(tmp_path, mlflow_url, experiment):
    return Gatherer(tmp_path / "home", mlflow_url, experiment)


def landed(gather):
    return {run["info"]["run_name"]: content_of(gather.url, run) for run in runs_in(gather.url, gather.experiment)}


def reasons(done):
    """Path to reason of every error."""
    return {error.where: error.message for error in done.errors}


def a_zip(file, members):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def test_broken_files_between_good_ones_are_told_and_the_rest_lands(evaltrail, tmp_path, experiment, mlflow_url):
    """Each by its path with its reason, exit 1; pipes, loops and links that lead away are passed by."""
    folder = write(tmp_path / "results", {name: content for name, (content, _) in BROKEN.items()})
    write(folder, {"a/beir.json": BEIR, "z/lm-harness.json": lm_harness(), "notes.txt": "x"})
    write(tmp_path / "outside", {"beir.json": {"NDCG@10": 0.99}})
    os.mkfifo(folder / "beir.json")
    os.mkfifo(folder / "pipe")
    links = {"out": tmp_path / "outside", "loop": folder / "loop", "up": folder, "gone": folder / "nowhere"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (folder / "out.json").symlink_to(tmp_path / "outside" / "beir.json")
    Path(os.fsdecode(bytes(folder) + b"/beir.json\xff")).write_text("{}")
    done = evaltrail("ingest", folder, "--layout", "per_file", "--experiment", experiment, "--exclude", "mine")
    assert done.code == 1
    assert len(done.errors) == len(BROKEN) + 1
    for name, (_, why) in BROKEN.items():
        (line,) = [line for line in done.errors if line.startswith(f"error: {folder / name}: ")]
        assert why in line
    assert any(r"beir.json\udcff: cannot be read: its name is no UTF-8 text" in line for line in done.errors)
    passed = {
        "beir.json": "it is neither a file nor a folder",
        "pipe": "it is neither a file nor a folder",
        "out": f"the link leads out of the folder, to {tmp_path / 'outside'}",
        "out.json": f"the link leads out of the folder, to {tmp_path / 'outside' / 'beir.json'}",
        "loop": "the link leads nowhere",
        "gone": "the link leads nowhere",
        "up": f"a link to {folder}, which is looked at in its own place",
        "notes.txt": "no reader knows it",
    }
    for name, why in passed.items():
        assert f"{folder / name}: {why}" in done.out
    names = {run["info"]["run_name"] for run in runs_in(mlflow_url, experiment)}
    assert names == {"beir_beir.json", "lm_harness_lm-harness.json"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_alone_ends_with_2(gather, tmp_path, name):
    """Nothing could begin: exit 2, one error with a next step, no experiment."""
    content, why = BROKEN[name]
    write(tmp_path / "alone", {name: content})
    done = gather(tmp_path / "alone" / name)
    assert done.exit_code == 2
    (error,) = done.errors
    assert error.where == str(tmp_path / "alone" / name)
    assert why in error.message
    assert error.hint
    assert runs_in(gather.url, gather.experiment) == []


def test_odd_but_readable_files_land_and_say_what_was_odd(gather, tmp_path):
    """NaN, Infinity, keys that stand twice, BOMs, semicolons: every good value lands, the rest is listed."""
    files = {
        "beir.json": '{"a": NaN, "b": Infinity, "c": 1, "c": 2, "d": -0.5, "e": 1e999}',
        "beir.json.bom": b"\xef\xbb\xbf" + b'{"NDCG@10": 0.5}',
        "mtbench/excel.csv": b"\xef\xbb\xbf" + MTBENCH.replace(",", ";").encode(),
        "mtbench/wide.csv": MTBENCH.encode("utf-16"),
        "bigbench/aggregate_scores.json": [*SCORES, {"task_name": "odd", "scores": "none"}, 7],
    }
    done = gather(write(tmp_path / "results", files), layout="per_file")
    assert done.errors == ()
    runs = landed(gather)
    values = {run: {name: found[0][0] for name, found in runs[run]["metrics"].items()} for run in runs}
    assert values["beir_beir.json"] == {"beir/c": 1.0, "beir/d": -0.5}
    notes = {item.what: item.why for receipt in done.receipts for item in receipt.skipped}
    assert {"beir.json: a", "beir.json: b", "beir.json: c", "beir.json: e"} <= set(notes)
    assert "stands twice" in notes["beir.json: c"]
    assert values["beir_beir.json.bom"] == {"beir/NDCG_at_10": 0.5}
    assert values["mtbench_excel.csv"] == values["mtbench_wide.csv"]
    assert values["mtbench_excel.csv"]["mtbench/total"] == 8.0
    assert values["bigbench_aggregate_scores.json"]["abstract/acc"] == 0.5


def test_hostile_archives_do_no_harm_and_the_rest_lands(gather, tmp_path):
    """Names that lead out, links and devices are left out by name; a bomb is not unpacked; honest members land."""
    folder = tmp_path / "results"
    folder.mkdir()
    honest = {"automatic/beir/results/beir.json": '{"NDCG@10": 0.5}'}
    slip = {"../../escaped.json": "{}", "/tmp/escaped.json": "{}", "a/../../../escaped.json": "{}"}
    a_zip(folder / "slip.zip", slip | honest)
    a_zip(folder / "bomb.zip", {f"beir.json{number}": b"0" * 30_000_000 for number in range(5)})
    with tarfile.open(folder / "links.tar.gz", "w:gz") as archive:
        for kind, name in ((tarfile.SYMTYPE, "lm-harness-a.json"), (tarfile.CHRTYPE, "lm-harness-b.json")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("lm_eval_harness/lm-harness.json")
        member.size = len(content := b'{"results": {"t": {"acc,none": 0.25}}, "versions": {}}')
        archive.addfile(member, io.BytesIO(content))
    inner = a_zip(tmp_path / "inner.zip", honest).read_bytes()
    a_zip(folder / "nested.zip", {"inner.zip": inner, "beir.json": '{"MAP@1": 1}'})
    done = gather(folder, layout="per_file")
    assert done.exit_code == 1
    assert list(reasons(done)) == [str(folder / "bomb.zip")]
    assert "no honest one" in done.errors[0].message
    told = {item.what: item.why for item in done.passed}
    assert {f"slip.zip: {name}" for name in slip} <= set(told)
    assert {"links.tar.gz: lm-harness-a.json", "links.tar.gz: lm-harness-b.json"} <= set(told)
    assert not [*tmp_path.rglob("escaped.json"), *Path("/tmp").glob("escaped.json")]
    names = [run["info"]["run_name"] for run in runs_in(gather.url, gather.experiment)]
    assert sorted(names) == ["beir_beir.json", "beir_beir.json", "lm_harness_lm-harness.json"]
    assert not any((tmp_path / "home" / "outbox" / "unpacked").iterdir())


def test_what_is_told_of_an_archives_members_names_the_archive(gather, tmp_path):
    """Errors, files passed by and the receipts' notes: no path of the folder that is gone when the command ends."""
    folder = tmp_path / "results"
    broken = "automatic/lm_eval_harness/results/lm-harness-cut.json"
    members = {broken: "{", "automatic/beir/results/beir.json": '{"NDCG@10": 0.5}', "study/notes.txt": "x"}
    folder.mkdir()
    archive = a_zip(folder / "res.zip", members)
    for layout in ("per_file", "per_bundle"):
        done = gather(folder, layout=layout)
        assert list(reasons(done)) == [f"{archive}/{broken}"]
        assert [item.what for item in done.passed] == [f"{archive}/study/notes.txt"]
        told = [str(error) for error in done.errors] + [repr(receipt.skipped) for receipt in done.receipts]
        assert len(done.receipts) == 1
        assert "unpacked" not in "".join(told)
    alone = a_zip(tmp_path / "alone.zip", {"study/notes.txt": "x"})
    with pytest.raises(InputError, match=f"{alone}/study/notes.txt: no reader knows it"):
        gather(alone)


def test_a_path_that_cannot_be_is_an_error_of_one_line(gather, tmp_path):
    """Missing, endless or impossible paths: exit 2 with the path, never a traceback."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (tmp_path / "none", tmp_path / ("n" * 300), Path("a\0b"), loop, tmp_path / "none" / "below"):
        with pytest.raises(InputError) as refused:
            gather(path)
        assert refused.value.where == str(path)
        assert refused.value.exit_code == 2
