"""/api/v1/documents, generations, datasets and edits against a service on a real port."""

from __future__ import annotations

import json
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from evaltrail.bundle.folders import hold_lock
from evaltrail.config.service_settings import load_service_settings
from question_service import chunks, generated, multipart, path, work_off
from running_service import own_settings, running_service

DOCUMENTS, GENERATIONS, DATASETS = "/api/v1/documents", "/api/v1/generations", "/api/v1/datasets"
TEXT = b"The mill of Varn was built in 1888 by Ida Holm. It grinds 40 sacks a day and has 3 floors.\n\n" * 3


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return own_settings(tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="module")
def service(settings):
    """A service of this module's own."""
    with running_service(settings, []) as client:
        yield client


@pytest.fixture(scope="module")
def made(service, settings):
    """A generation that is done."""
    return generated(service, settings, builder="Per Falk", File_Name="towers.json")


def test_document_is_kept_once_whatever_it_is_called(service, settings):
    """The same bytes under two names, as body and as form, are one document; its file is its owner's alone."""
    first = service.post(DOCUMENTS, TEXT, File_Name="mill.txt", Content_Type="application/octet-stream")
    body, headers = multipart(TEXT, filename="other.md")
    again = service.post(DOCUMENTS, body, **headers)
    assert (first.status, again.status) == (201, 201)
    assert first.object["id"] == again.object["id"]
    shown = service.get(first.headers["location"]).object
    assert (shown["names"], shown["size_bytes"]) == (["mill.txt", "other.md"], len(TEXT))
    file = settings.documents_folder / first.object["id"] / "content"
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (TEXT, 0o600)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"%PDF-1.7\n1 0 obj", {"File_Name": "a.txt"}, 422),
        (b"plain", {"File_Name": "a.pdf"}, 422),
        (b"plain", {"File_Name": "a.exe"}, 422),
        (b"", {"File_Name": "a.txt"}, 422),
        (b"plain", {"Content_Type": "application/octet-stream"}, 422),
        (b"[" * 200 + b"]" * 200, {}, 422),
        (b'[{"text": "a"', {}, 422),
    ],
)
def test_document_that_is_none_is_refused(service, body, headers, status):
    """What is of no known format, not what its name says, or broken, is refused with the next step."""
    reply = service.post(DOCUMENTS, body, **headers)
    assert (reply.status, bool(reply.object["hint"])) == (status, True), reply.body


@pytest.mark.parametrize("place", [DOCUMENTS, "/post_json"])
def test_too_large_a_document_is_refused_before_it_is_read(service, place):
    """100 MB and a byte is 413 at once."""
    assert service.ask("POST", place, File_Name="big.txt", Content_Length="100000001").status == 413


def test_one_byte_too_many_is_refused_however_it_comes(tmp_path):
    """As the body, in chunks that tell no length, and as the file of a form: what is just as large as it may be is
    taken, and of what is refused nothing stays behind."""
    settings = own_settings(tmp_path)
    most = 60_000
    chunk = b'[{"text": "' + b"word " * 11_990
    whole = chunk + b"w" * (most - len(chunk) - 3) + b'"}]'
    rows = b"query,response\r\nq," + b"a" * (most - 18)
    assert len(whole) == len(rows) == most
    with running_service(settings, [], max_upload_bytes=most) as client:

        def parts(content):
            return iter([content[:40_000], content[40_000:]])

        def statuses(content):
            form, headers = multipart(content, filename="a.json")
            return [
                client.post(DOCUMENTS, form, **headers).status,
                *(client.post(DOCUMENTS, body, File_Name="a.json").status for body in (content, parts(content))),
                *(client.post("/post_json", body).status for body in (content, parts(content))),
            ]

        kept = client.get(DOCUMENTS).object["total_count"]
        assert statuses(whole + b" ") == [413] * 5
        assert client.get(DOCUMENTS).object["total_count"] == kept
        assert statuses(whole) == [201, 201, 201, 202, 202]
        for content, status in ((rows, 202), (rows + b"a", 413)):
            body, headers = multipart(content)
            assert client.post("/upload_data_generation_edits", body, **headers).status == status
    assert list((settings.documents_folder / ".incoming").iterdir()) == []
    assert load_service_settings(settings, port=0).max_upload_bytes == 100_000_000


def test_large_list_is_looked_through_aside(service):
    """A list of several MB is counted, and a mistake in it told with its row, without growing the service."""
    rows = [{"text": "The tower was built in 1850. " * 40, "page": 1}] * 2000
    reply = service.post(DOCUMENTS, rows)
    assert (reply.status, reply.object["chunks"]) == (201, 2000)
    reply = service.post(DOCUMENTS, [*rows, {"page": 1}])
    assert (reply.status, "row 2001" in reply.object["detail"]) == (422, True)


def test_large_uploads_that_wait_leave_the_others_their_threads(service, settings):
    """More of them than the service has threads wait for the store; a list is answered meanwhile."""
    content, count = b"The mill of Varn. " * 60_000, 20
    arriving = settings.documents_folder / ".incoming"
    with ThreadPoolExecutor(count) as pool:
        with hold_lock(settings.documents_folder / ".lock", "the test"):
            sent = [pool.submit(service.post, DOCUMENTS, content, File_Name="long.txt") for _ in range(count)]
            ends_at = time.monotonic() + 10
            while [file.stat().st_size for file in arriving.glob("body-*")] != [len(content)] * count:
                assert time.monotonic() < ends_at, "the uploads do not arrive"
                time.sleep(0.01)
            assert service.get(DOCUMENTS).status == 200
        assert {each.result().status for each in sent} == {201}


def test_generation_of_documents_is_shown_with_its_plan_and_counts(service, settings):
    """Several documents become one data set; plan, counts, windows and links are told, and each step as it comes."""
    one = service.post(DOCUMENTS, TEXT, File_Name="mill.txt", Content_Type="text/plain").object["id"]
    two = service.post(DOCUMENTS, chunks(6, "Eva Lund")).object["id"]
    body = {"documents": [one, two[:12]], "types": {"simple": 4, "numeric": 2}, "window_scope": "document"}
    reply = service.post(GENERATIONS, body)
    told = reply.object
    assert (reply.status, told["status"], told["plan"]["generator"]) == (202, "pending", "cloze")
    assert reply.headers["location"] == f"{GENERATIONS}/{told['id']}"
    with service.events(told["links"]["events"]) as events:
        assert [next(events).get("event") for _ in range(2)] == [None, "state"]
        work_off(settings)
        rest = [(each["event"], json.loads(each["data"])) for each in events if "event" in each]
    assert {kind for kind, _ in rest} == {"state", "step", "progress"}
    assert {data["total"] for kind, data in rest if kind == "progress"} == {6}  # as often as heartbeats find news
    assert (rest[-1][1]["status"], rest[-1][1]["message"]) == ("completed", "all of it is done")
    assert not any("benchmark" in data for _, data in rest)
    shown = service.get(reply.headers["location"]).object
    assert (shown["status"], shown["requested"], shown["accepted"]) == ("completed", 6, 6)
    assert [each["id"] for each in shown["documents"]] == [one, two]
    assert service.get(shown["links"]["rejects"]).body.startswith(b"reason,")
    listed = service.get(f"{GENERATIONS}?status=completed&limit=1").object
    assert listed["items"][0]["id"] == told["id"]


def test_generation_of_what_cannot_be_is_refused_whole(service):
    """Every mistake of a body is told with its path, and nothing is queued."""
    before = service.get(GENERATIONS).object["total_count"]
    form = service.post(GENERATIONS, {"documents": [], "window_size": 0, "windows": 1})
    assert {each["path"] for each in form.object["errors"]} == {"documents", "window_size", "windows"}
    names = service.post(GENERATIONS, {"documents": ["f" * 32], "model": "nowhere/m"})
    assert {each["path"] for each in names.object["errors"]} == {"documents.0", "model.server"}
    for body in (
        {"documents": ["f" * 32], "gates": {"round_tripp": 0.1}},
        {"documents": ["f" * 32], "generation": {"api_key": "x"}},
        {"documents": ["f" * 32], "types": {"simpel": 1}},
        {"documents": ["f" * 32], "generator": "cloze", "model": "openai/m"},
    ):
        assert service.post(GENERATIONS, body).status == 422, body
    assert service.get(GENERATIONS).object["total_count"] == before


def test_generation_is_called_off(service, settings):
    """DELETE ends a generation that waits; a second one is 409, no worker begins it, and no run is waited for."""
    job = service.post("/post_json", chunks(3, "Uno Brin")).object["job_id"]
    ended = service.ask("DELETE", f"{GENERATIONS}/{job}").object
    assert (ended["status"], ended["mlflow_sync"]) == ("cancelled", "off")
    again = service.ask("DELETE", f"{GENERATIONS}/{job}")
    assert (again.status, again.object["message"]) == (409, f"generation {job} is over: cancelled")
    assert service.get(f"{GENERATIONS}/{job}/run").object["message"].endswith("it was cancelled")
    assert service.get(f"{GENERATIONS}/{job}/rejects").object["hint"] == "it came to nothing"
    work_off(settings)
    assert service.get(f"{GENERATIONS}/{job}").object["status"] == "cancelled"


def test_data_set_is_shown_and_downloaded_in_each_format(service, made):
    """A data set, its versions and its files; ids may be cut short, unknown ones are 404 with the nearest."""
    dataset = made["dataset_id"]
    shown = service.get(f"{DATASETS}/{dataset[:14]}").object
    assert (shown["id"], shown["count"], shown["generation_id"]) == (dataset, made["accepted"], made["id"])
    assert [each["version"] for each in service.get(f"{DATASETS}/{dataset}/versions").object["items"]] == [1]
    for kind, begin in (("csv", b"query,relevant_chunks,response"), ("jsonl", b"{"), ("parquet", b"PAR1")):
        reply = service.get(f"{DATASETS}/{dataset}/download?format={kind}&version=1")
        assert reply.body.startswith(begin)
        assert reply.headers["content-disposition"] == f'attachment; filename="towers.json.v1.{kind}"'
    other = dataset[:-1] + ("0" if dataset[-1] != "0" else "1")
    reply = service.get(f"{DATASETS}/{other}")
    assert (reply.status, dataset in reply.object["hint"]) == (404, True)
    assert service.get(f"{DATASETS}/{dataset}/download?version=9").status == 404
    assert service.get(f"{DATASETS}/{dataset}/download?format=xlsx").status == 422


@pytest.mark.parametrize("wanted", ["bytes=0-3", "bytes=999999999-", "junk"])
def test_data_set_is_downloaded_whole(service, made, wanted):
    """A Range, right or wrong, is passed over: the answer is the whole table."""
    address = f"/api/v1/datasets/{made['dataset_id']}/download"
    whole, reply = service.get(address), service.ask("GET", address, Range=wanted)
    assert (reply.status, reply.body) == (200, whole.body)


def test_unknown_generation_says_where_they_are_listed(service):
    """The next step is one of the interface, not a command on the operator's machine."""
    reply = service.get(f"{GENERATIONS}/{'f' * 16}")
    assert (reply.status, reply.object["hint"]) == (404, "/api/v1/generations lists them")


def test_lists_go_on_by_their_cursors(service, made):
    """Documents and data sets come newest first, a page at a time, each once."""
    for place in (DOCUMENTS, DATASETS):
        every = [each["id"] for each in service.get(f"{place}?limit=100").object["items"]]
        seen, cursor = [], ""
        while True:
            page = service.get(f"{place}?limit=2&cursor={cursor}").object
            seen += [each["id"] for each in page["items"]]
            assert page["total_count"] == len(every)
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert seen == every
        assert service.get(f"{place}?cursor=nowhere").status == 404
        assert service.get(f"{place}?limit=0").status == 422


def test_edits_of_a_named_data_set_become_its_next_version(service, settings):
    """Rows that were added, changed and taken away are counted, from the latest version, or from that which is named as
    edited; the version before stays as it was."""
    made = generated(service, settings, builder="Nils Elm", File_Name="towers.json")
    dataset = made["dataset_id"]
    lines = service.get(f"{DATASETS}/{dataset}/download?format=jsonl").body.splitlines()
    changed = lines[0].replace(b'"response":"', b'"response":"about ', 1)
    body, headers = multipart(b"\n".join([changed, *lines[2:]]) + b"\n", filename="edited.jsonl")
    reply = service.post(f"{DATASETS}/{dataset}/edits", body, **headers)
    assert reply.status == 202, reply.body
    work_off(settings)
    told = service.get(path(reply.object["status_url"])).object
    assert (told["changed"], told["removed"], told["added"]) == (1, 1, 0)
    assert (told["dataset_id"], told["dataset_version"], told["run_id"] is None) == (dataset, 2, False)
    with service.events(told["links"]["events"]) as events:
        assert json.loads(list(events)[-1]["data"])["status"] == "completed"
    counts = [each["count"] for each in service.get(f"{DATASETS}/{dataset}/versions").object["items"]]
    assert counts == [len(lines) - 1, len(lines)]
    body, headers = multipart(b"\n".join([changed, *lines[1:]]) + b"\n", filename="edited.jsonl")
    assert service.post(f"{DATASETS}/{dataset}/edits?version=3", body, **headers).status == 404
    reply = service.post(f"{DATASETS}/{dataset}/edits?version=1", body, **headers)
    work_off(settings)
    told = service.get(path(reply.object["status_url"])).object
    counted = ("dataset_version", "parent_version", "changed", "removed", "added")
    assert [told[name] for name in counted] == [3, 1, 1, 0, 0]


def test_edits_come_as_parquet_too(service, settings):
    """The file that was downloaded is taken as it is, and changes nothing."""
    made = generated(service, settings, builder="Ada Norre", File_Name="towers.json")
    table = service.get(f"{DATASETS}/{made['dataset_id']}/download?format=parquet").body
    body, headers = multipart(table, filename="edited.parquet")
    reply = service.post(f"{DATASETS}/{made['dataset_id']}/edits", body, **headers)
    assert (reply.status, reply.object["questions"]) == (202, made["accepted"]), reply.body
    work_off(settings)
    told = service.get(path(reply.object["status_url"])).object
    assert (told["status"], told["unchanged"], told["dataset_version"]) == ("completed", made["accepted"], 1)
    assert (told["added"], told["changed"], told["removed"]) == (0, 0, 0)
    assert (told["note"], told["run_id"]) == ("nothing was changed: version 1 stays", made["run_id"])


def test_formula_cells_are_defused_on_download(service, settings):
    """A cell that a spreadsheet would calculate has an apostrophe before it, which an upload takes away again."""
    rows = b'query,relevant_chunks,response\r\n"=1+1 or so?","[""c""]","@x"\r\n'
    body, headers = multipart(rows)
    reply = service.post("/upload_data_generation_edits", body, **headers)
    work_off(settings)
    told = service.get(path(reply.object["status_url"])).object
    assert (told["status"], told["parent_version"]) == ("completed", None)
    text = service.get(f"{DATASETS}/{told['dataset_id']}/download?format=csv").body.decode()
    assert "'=1+1 or so?" in text
    assert "'@x" in text
    assert '"=1+1 or so?"' in service.get(f"{DATASETS}/{told['dataset_id']}/download?format=jsonl").body.decode()


def test_data_set_is_a_benchmark(service, settings, made):
    """A data set is evaluated on by its own path and as a benchmark beside others, in the version it had then."""
    named = {"name": "baseline:random", "server": "openai"}
    benchmark = {"id": f"dataset:{made['dataset_id']}", "config": {"mode": "closed_book"}}
    asked = {"model": named, "benchmarks": [benchmark]}
    reply = service.post("/api/v1/evaluations", asked)
    assert reply.status == 202, reply.body
    assert reply.object["experiment"]["name"].startswith("eval-hub_")
    own = service.post(f"{DATASETS}/{made['dataset_id']}/evaluations", {"model": "baseline:extractive", "version": 1})
    assert (own.status, own.object["experiment"]["name"]) == (202, "evaluation")
    work_off(settings)
    for each in (reply, own):
        assert service.get(each.headers["location"]).object["status"] == "completed"
    by_heart = {**asked, "model": {"name": "baseline:extractive", "server": "openai"}}
    refused = service.post("/api/v1/evaluations", by_heart)
    assert (refused.status, refused.object["errors"][0]["path"]) == (422, "benchmarks.0.config.mode")
    unknown = service.post(f"{DATASETS}/{'0' * 16}/evaluations", {"model": "m"})
    assert unknown.status == 404
    mode = service.post(f"{DATASETS}/{made['dataset_id']}/evaluations", {"model": "m", "mode": "open_book"})
    assert (mode.status, mode.object["errors"][0]["path"]) == (422, "mode")


def test_nothing_is_written_outside_the_home(service, settings, made):
    """Whatever files were called, what the service wrote lies in its home, and MLflow's store beside it."""
    root = settings.home.parent
    assert made["status"] == "completed"
    assert {each.name for each in root.iterdir()} <= {"home", "mlflow.db", "mlruns", ".mlflow.db"}
    assert not os.path.lexists(root.parent / "passwd")
