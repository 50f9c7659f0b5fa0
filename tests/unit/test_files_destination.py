"""The destination `local`: where things go, what stands in the way, and what never happens to other people's files."""

from __future__ import annotations

import json
import os
import threading

import pytest

from evaltrail.bundle.folders import hold_lock
from evaltrail.core.artifact import Artifact
from evaltrail.core.errors import InputError, StorageError
from evaltrail.destinations.files.destination import FilesDestination
from evaltrail.destinations.files.options import FileOptions
from exported_entries import INVOCATION, SCORE, entry_of, job_of, parcel_of


def place(folder, **options):
    return FilesDestination(FileOptions(output_dir=str(folder), **options), patience_s=20)


def write(destination, *parcels):
    destination.check(parcels)
    destination.open()
    for parcel in parcels:
        destination.copy(parcel)
    return destination.summarize(parcels)


def files_below(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def jobs_in(file):
    parts = json.loads(file.read_text())["benchmarks"].values()
    return [entry["job_id"] for part in parts for rows in part["models"].values() for entry in rows]


def given_file(folder, text, path="artifacts/results.yml", **more):
    file = folder / path.replace("/", "_")
    file.write_text(text)
    return Artifact(path=path, file=file, role="required", **more)


def test_the_launchers_layout(tmp_path):
    """A folder a job with its own summary and files, and one summary of all; nothing temporary stays."""
    out = tmp_path / "a" / "b"
    parcels = [
        parcel_of(entry_of(SCORE, job=job_of(number)), artifacts=[given_file(tmp_path, "x: 1")]) for number in (0, 1)
    ]
    receipts = write(place(out), *parcels)
    own = [f"{INVOCATION}/{INVOCATION}.{number}" for number in (0, 1)]
    assert files_below(out) == sorted(
        [f"{job}/{name}" for job in own for name in ("artifacts/results.yml", "processed_results.json")]
        + ["processed_results.json"]
    )
    assert jobs_in(out / "processed_results.json") == [f"{INVOCATION}.0", f"{INVOCATION}.1"]
    assert jobs_in(out / own[1] / "processed_results.json") == [f"{INVOCATION}.1"]
    assert [str(out / name) for name in files_below(out) if own[0] in name] == list(receipts[0].files[:2])
    assert (receipts[0].output_dir, receipts[0].metrics, receipts[0].job_id) == (str(out), 1, f"{INVOCATION}.0")


def test_an_evaluation_of_ours_has_a_folder_with_its_id(tmp_path):
    """There is no job below it."""
    write(place(tmp_path, format="csv"), parcel_of(job=job_of(None)))
    assert files_below(tmp_path) == [f"{INVOCATION}/processed_results.csv", "processed_results.csv"]


@pytest.mark.parametrize("text", ["../../up", "/abs/olute", "..", "a/b", "~", "x" * 300, "a\nb", "ü"])
def test_ids_from_outside_never_lead_out_of_the_folder(tmp_path, text):
    """Execution databases are written by others."""
    out = tmp_path / "deep" / "er" / "out"
    write(place(out), parcel_of(job=job_of(0, text)))
    assert all(name.startswith("deep/er/out/") for name in files_below(tmp_path))
    assert len(files_below(out)) == 2


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", ""])
def test_a_files_path_never_leads_out_of_its_folder(tmp_path, path):
    """Readers promise it; it is checked again where it would hurt."""
    item = Artifact(path=path, file=tmp_path / "source", role="required")
    with pytest.raises(InputError, match="would leave its folder"):
        place(tmp_path / "out").copy(parcel_of(artifacts=[item]))
    assert files_below(tmp_path) == []


def test_copies_hold_no_secret_and_are_replaced(tmp_path):
    """Redacted as an upload to MLflow is; bytes that may hold none are the same bytes."""
    log = given_file(tmp_path, "key plum-otter-99 used\n", "logs/stdout.log", may_hold_secrets=True)
    raw = given_file(tmp_path, "plum", "artifacts/data.bin")
    parcel = parcel_of(artifacts=[log, raw], secrets=frozenset({"plum-otter-99"}))
    out = tmp_path / "out"
    write(place(out), parcel)
    folder = out / INVOCATION / f"{INVOCATION}.0"
    assert (folder / "logs" / "stdout.log").read_text() == "key *** used\n"
    log.file.write_text("nothing here\n")
    write(place(out), parcel)
    assert (folder / "logs" / "stdout.log").read_text() == "nothing here\n"
    assert (folder / "artifacts" / "data.bin").read_text() == "plum"
    assert len(files_below(out)) == 4


def test_a_copy_is_a_file_of_its_own(tmp_path):
    """Writing into the one changes not the other."""
    item = given_file(tmp_path, "one")
    write(place(tmp_path / "out"), parcel_of(artifacts=[item]))
    item.file.write_text("two")
    assert (tmp_path / "out" / INVOCATION / f"{INVOCATION}.0" / item.path).read_text() == "one"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """The job's own error; nothing half is left."""
    item = Artifact(path="artifacts/gone.yml", file=tmp_path / "gone.yml", role="required")
    with pytest.raises(InputError) as caught:
        place(tmp_path / "out").copy(parcel_of(artifacts=[item]))
    assert (caught.value.code, caught.value.where) == ("unreadable", str(item.file))
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("below", ["", "/deeper/still"])
def test_a_file_in_the_folders_place_is_found_before_anything_is_written(tmp_path, below):
    """Exit 2, with the file's name."""
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="a file stands where the folder has to be") as caught:
        place(f"{tmp_path}/out{below}").check([parcel_of()])
    assert (caught.value.exit_code, caught.value.where) == (2, str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_that_nobody_may_write_into_is_found_before_anything_is_written():
    """Exit 2; /proc takes no folders from anyone, root included."""
    with pytest.raises(InputError) as caught:
        write(place("/proc/evaltrail"), parcel_of())
    assert (caught.value.exit_code, caught.value.code) == (2, "bad_folder")


@pytest.mark.parametrize("where", ["processed_results.json", f"{INVOCATION}/{INVOCATION}.0/processed_results.json"])
def test_something_else_in_a_summarys_place_stays_as_it_is(tmp_path, where):
    """Also where it is the job's own; also when it comes after the check."""
    file = tmp_path / where
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"my": "notes"}')
    for step in (place(tmp_path).check, place(tmp_path).summarize):
        with pytest.raises(InputError) as caught:
            step([parcel_of()])
        assert (caught.value.code, caught.value.where) == ("other_shape", str(file))
    assert file.read_text() == '{"my": "notes"}'


def test_a_folder_in_a_summarys_place_is_refused(tmp_path):
    """Nothing is moved for it."""
    (tmp_path / "processed_results.json").mkdir()
    with pytest.raises(InputError, match="no regular file"):
        place(tmp_path).check([parcel_of()])


def test_a_summary_beyond_all_bounds_is_not_read(tmp_path):
    """Exit 2 with the way on."""
    with (tmp_path / "processed_results.json").open("wb") as file:
        file.truncate(256_000_001)
    with pytest.raises(InputError, match="256 MB cannot be continued"):
        place(tmp_path).check([parcel_of()])


@pytest.mark.parametrize("name", ["a/b", "../x", ".hidden", "..", "x" * 201, "a\0b"])
def test_a_summarys_name_is_a_name_alone(tmp_path, name):
    """The folder is another option's business."""
    with pytest.raises(InputError, match="output_filename"):
        place(tmp_path, output_filename=name)


@pytest.mark.parametrize("name", ["artifacts", "RUN.sh", INVOCATION])
def test_a_summarys_name_is_none_that_is_taken(tmp_path, name):
    """By a file or folder that the same export makes."""
    artifacts = [given_file(tmp_path, "x", path) for path in ("artifacts/results.yml", "run.sh")]
    with pytest.raises(InputError, match="is also the name of"):
        place(tmp_path / "out", output_filename=name).check([parcel_of(artifacts=artifacts)])


def test_the_home_of_nobody_is_an_error(tmp_path):
    """No traceback for `~nobody`."""
    with pytest.raises(InputError, match="output_dir"):
        place("~no-such-user-anywhere/x")


def test_a_job_folder_that_cannot_be_made_is_a_failed_write(tmp_path):
    """Exit 1: something was written before."""
    (tmp_path / "out" / INVOCATION / f"{INVOCATION}.0").mkdir(parents=True)
    (tmp_path / "out" / INVOCATION / f"{INVOCATION}.0" / "artifacts").write_text("a file")
    with pytest.raises(StorageError) as caught:
        write(place(tmp_path / "out"), parcel_of(artifacts=[given_file(tmp_path, "x")]))
    assert caught.value.exit_code == 1


def test_many_at_a_time_lose_nothing(tmp_path):
    """Threads here, processes in the acceptance tests: every entry is there in the end, and no lock is left."""
    threads = [
        threading.Thread(target=write, args=(place(tmp_path), parcel_of(job=job_of(number)))) for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(jobs_in(tmp_path / "processed_results.json")) == sorted(f"{INVOCATION}.{n}" for n in range(16))
    assert list(tmp_path.glob(".*")) == []


def test_waiting_for_another_process_has_an_end(tmp_path):
    """Exit 1 with who it is; what was there is whole."""
    destination = FilesDestination(FileOptions(output_dir=str(tmp_path)), patience_s=0.3)
    with (
        hold_lock(tmp_path / ".evaltrail.lock", "busy"),
        pytest.raises(StorageError, match=f"process {os.getpid()} is writing") as caught,
    ):
        destination.summarize([parcel_of()])
    assert caught.value.exit_code == 1
    assert not (tmp_path / "processed_results.json").exists()
