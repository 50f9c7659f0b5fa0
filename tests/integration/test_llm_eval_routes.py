"""Seed 003's routes against a service on a real port over a real database and a worker."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from evaltrail.destinations.mlflow.known_run import find_run
from question_service import chunks, generated, multipart, path, work_off
from running_service import own_settings, running_service


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return own_settings(tmp_path_factory.mktemp("seed"))


@pytest.fixture(scope="module")
def service(settings):
    """A service of this module's own."""
    with running_service(settings, []) as client:
        yield client


@pytest.fixture(scope="module")
def made(service, settings):
    """A generation that is done."""
    return generated(service, settings, builder="Per Falk", File_Name="towers.json")


@pytest.mark.parametrize(
    ("headers", "size", "step"),
    [
        ({}, 4, 2),
        ({"window_size": "3", "window_step": "1"}, 3, 1),
        ({"Window_Size": "5"}, 5, 2),
    ],
)
def test_chunks_are_accepted_at_once_with_their_windows(service, headers, size, step):
    """202 with job, addresses and what was understood; absent window headers mean 4 and 2."""
    reply = service.post("/post_json", chunks(3), File_Name="manual", **headers)
    told = reply.object
    assert (reply.status, reply.headers["location"]) == (202, f"/api/v1/generations/{told['job_id']}")
    assert (told["window_size"], told["window_step"], told["file_name"], told["chunks"]) == (size, step, "manual", 3)
    assert told["status_url"] == f"{service.address}/api/v1/generations/{told['job_id']}"
    assert service.get(path(told["status_url"])).object["status"] == "pending"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../etc/passwd", "passwd"), ("C:\\x\\q.pdf", "q.pdf"), ("", "upload-"), ("naïve.json", "naïve.json")],
)
def test_file_name_is_a_label(service, settings, name, shown):
    """Names keep their last part, nothing is written under them, and without one the digest makes it."""
    headers = {"file_name": name.encode().decode("latin-1")} if name else {}
    told = service.post("/post_json", chunks(2), **headers).object
    assert told["file_name"].startswith(shown)
    assert (settings.documents_folder / told["document_id"]).is_dir()
    names = [each.name for each in settings.documents_folder.iterdir()]
    assert [name for name in names if not re.fullmatch(r"[0-9a-f]{32}|\.incoming|\.lock", name)] == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "where"),
    [
        (b"[{", {}, 422, ""),
        (b"[]", {}, 422, ""),
        (b'[{"page": 1}]', {}, 422, ""),
        (b"[" * 100 + b"]" * 100, {}, 422, ""),
        (b"text", {"Content_Type": "text/plain"}, 415, ""),
        (b'[{"text": "a"}]', {"window_size": "0"}, 422, "Window-Size"),
        (b'[{"text": "a"}]', {"Window_Step": "two"}, 422, "Window-Step"),
        (b'[{"text": "a"}]', {"Window_Step": "-1"}, 422, "Window-Step"),
        (b'[{"text": "a"}]', {"Model_Name": "nowhere/m"}, 422, "Model-Name"),
    ],
)
def test_what_cannot_be_is_refused_as_a_problem(service, body, headers, status, where):
    """Errors are 4xx problems with a next step, and name the header where one is wrong."""
    reply = service.post("/post_json", body, **headers)
    told = reply.object
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert told["message"]
    assert told["hint"]
    assert not where or told["errors"][0]["path"] == where


def test_nothing_of_a_refused_upload_is_kept(service, settings):
    """A body that is refused leaves neither a document nor a temporary file."""
    before = service.get("/api/v1/documents").object["total_count"]
    service.post("/post_json", b'[{"text": ', File_Name="broken")
    assert service.get("/api/v1/documents").object["total_count"] == before
    assert list((settings.documents_folder / ".incoming").iterdir()) == []


def test_generation_is_done_by_a_worker_and_lands(made):
    """The status tells the counts, the data set and the run; documents and questions are linked."""
    assert (made["status"], made["mlflow_sync"], made["missing"]) == ("completed", "synced", 0)
    assert made["accepted"] == made["requested"] > 0
    assert made["run_id"]
    assert made["dataset_id"]
    assert made["documents"][0]["name"] == "towers.json"


def test_run_page_says_when_there_is_none(service):
    """Before the run is known its address answers 409 and when to come back."""
    told = service.post("/post_json", chunks(2)).object
    reply = service.get(path(told["run_url"]))
    assert (reply.status, reply.object["code"]) == (409, "not_landed")
    assert int(reply.headers["retry-after"]) > 0


def test_same_key_is_the_same_generation(service):
    """A repeated request under one key is answered with the job that there is; another one is 409."""
    first = service.post("/post_json", chunks(4), Idempotency_Key="k")
    again = service.post("/post_json", chunks(4), Idempotency_Key="k")
    other = service.post("/post_json", chunks(5), Idempotency_Key="k")
    assert first.object["job_id"] == again.object["job_id"]
    assert (again.headers["idempotent-replayed"], other.status) == ("true", 409)


def test_edited_questions_make_a_new_version(service, settings, made):
    """A downloaded file, edited and sent, changes just the edited row in a version that names its parent."""
    download = f"/api/v1/datasets/{made['dataset_id']}/download?format=csv"
    text = service.get(download).body.decode()
    changed = text.replace("Fill in the blank", "Fill this blank", 1)
    documents = service.get("/api/v1/documents").object
    body, headers = multipart(changed.encode())
    reply = service.post("/upload_data_generation_edits", body, **headers)
    assert reply.status == 202
    assert service.get("/api/v1/documents").object == documents
    work_off(settings)
    told = service.get(path(reply.object["status_url"])).object
    assert (told["status"], told["changed"], told["added"], told["removed"]) == ("completed", 1, 0, 0)
    assert (told["dataset_id"], told["dataset_version"], told["parent_version"]) == (made["dataset_id"], 2, 1)
    assert "Fill this blank" in service.get(download).body.decode()
    assert "Fill this blank" not in service.get(f"{download}&version=1").body.decode()


@pytest.mark.parametrize(
    ("content", "fields", "where"),
    [
        (b"a,b\r\n1,2\r\n", {}, ""),
        (b"", {}, ""),
        (b"query,response\r\nq,a\r\n", {"run_id": "../../x"}, "run_id"),
        (b"query,response\r\nq,a\r\n", {"run": "x"}, "run"),
    ],
)
def test_edits_that_are_no_questions_are_refused(service, content, fields, where):
    """A file without questions, a run's id that is none and an unknown field are 422, and nothing is queued."""
    body, headers = multipart(content, **fields)
    reply = service.post("/upload_data_generation_edits", body, **headers)
    assert reply.status == 422, reply.body
    assert not where or reply.object["errors"][0]["path"] == where


def test_model_is_evaluated_on_a_data_set(service, settings, made):
    """Model-Name and Benchmark-Uri start an evaluation in the seed's experiment, whose results tell metrics."""
    reply = service.ask(
        "POST", "/evaluate_model", Model_Name="baseline:extractive", Benchmark_Uri=f"dataset:{made['dataset_id']}"
    )
    told = reply.object
    assert (reply.status, told["mode"]) == (202, "oracle_context")
    work_off(settings)
    shown = service.get(path(told["status_url"])).object
    assert (shown["status"], shown["experiment"]["name"]) == ("completed", "evaluation")
    results = service.get(f"{path(told['status_url'])}/results").object
    assert {"token_f1", "rougeL"} <= {each["name"] for each in results["benchmarks"][0]["metrics"]}


def test_questions_of_a_run_are_fetched_by_the_worker(service, settings, made):
    """runs:/ID/PATH is evaluated on what the run holds, and lands with the tags of its questions; a path that is not
    there fails that evaluation, with why."""
    run = made["run_id"]
    good = service.ask(
        "POST", "/evaluate_model", Model_Name="baseline:random", Benchmark_Uri=f"runs:/{run}/questions.csv"
    )
    lost = service.ask("POST", "/evaluate_model", Model_Name="baseline:random", Benchmark_Uri=f"runs:/{run}/no.csv")
    assert (good.status, lost.status) == (202, 202)
    work_off(settings)
    done = service.get(path(good.object["status_url"])).object
    assert (done["status"], done["progress"]["done"]) == ("completed", made["accepted"])
    tags = find_run(done["runs"][0]["run_id"], settings.tracking_uri, environ=settings.environ).tags
    assert (tags["evaltrail.dataset"], tags["evaltrail.dataset_version"]) == (made["dataset_id"], "1")
    assert (tags["evaltrail.generation_run_id"], tags["evaltrail.upload"]) == (run, made["documents"][0]["id"])
    failed = service.get(path(lost.object["status_url"])).object
    assert failed["status"] == "failed"
    assert "no such file" in str(failed["benchmarks"][0]["error"])


@pytest.mark.parametrize(
    ("model", "uri", "mode", "where"),
    [
        ("m", "file:///etc/passwd", "", "Benchmark-Uri"),
        ("m", "http://127.0.0.1/q.csv", "", "Benchmark-Uri"),
        ("m", "/etc/passwd", "", "Benchmark-Uri"),
        ("m", f"runs:/{'0' * 32}/../../x.csv", "", "Benchmark-Uri"),
        ("m", f"runs:/{'0' * 32}/%2e%2e/x.csv", "", "Benchmark-Uri"),
        ("m", "0123456789abcdef", "", "Benchmark-Uri"),
        ("m", "", "", "Benchmark-Uri"),
        ("", "DATASET", "", "Model-Name"),
        ("nowhere/m", "DATASET", "", "Model-Name"),
        ("openai/", "DATASET", "", "Model-Name"),
        ("baseline:extractve", "DATASET", "", "Model-Name"),
        ("m", "DATASET", "open_book", "Mode"),
    ],
)
def test_evaluation_of_what_cannot_be_is_refused(service, made, model, uri, mode, where):
    """Paths, foreign schemes, unknown data sets, servers and modes are 422 and name their header."""
    given = {"Model_Name": model, "Benchmark_Uri": uri.replace("DATASET", made["dataset_id"]), "Mode": mode}
    reply = service.ask("POST", "/evaluate_model", **{name: value for name, value in given.items() if value})
    assert (reply.status, reply.object["errors"][0]["path"]) == (422, where), reply.body


def given(service, path):
    """The token and the cookie of a page."""
    page = service.get(path)
    token = re.search(rb'name="form_token" value="([^"]+)"', page.body)[1].decode()
    return token, page.headers["set-cookie"].partition(";")[0]


def form(service, **fields):
    """The answer to the page's form as a browser sends it."""
    token, cookie = given(service, "/")
    return service.post(
        "/",
        urlencode({"form_token": token, **fields}).encode(),
        Content_Type="application/x-www-form-urlencoded",
        Cookie=cookie,
    )


def test_page_is_plain_and_guarded(service):
    """The page has no script, a strict policy, and a cookie that scripts and other sites do not get."""
    page = service.get("/")
    policy = page.headers["content-security-policy"]
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(rb"<script|style=|\son\w+=", page.body)
    assert {"HttpOnly", "SameSite=strict"} <= set(page.headers["set-cookie"].split("; "))
    assert service.get("/form_page.css").headers["content-type"].startswith("text/css")


def test_form_does_what_post_json_does(service):
    """A filled form starts a generation, and the page leads to it."""
    fields = {"filename": "from-the-page", "window_size": "3", "window_step": "1"}
    reply = form(service, input='[{"text": "The tower has 12 steps."}]', **fields)
    job = re.search(rb"api/v1/generations/([0-9a-f]{16})", reply.body)[1].decode()
    told = service.get(f"/api/v1/generations/{job}").object
    assert reply.status == 202
    assert (told["documents"][0]["name"], told["plan"]["window_size"]) == ("from-the-page", 3)


def test_form_shows_what_is_wrong_and_escapes_it(service):
    """A mistake is told on the page, which keeps what was filled in as text and nothing else."""
    reply = form(service, input="<script>alert(1)</script>", filename='"><b>', window_size="4")
    assert reply.status == 422
    assert b"<script>" not in reply.body
    assert b"&lt;script&gt;" in reply.body
    assert b'"><b>' not in reply.body


def test_form_without_its_token_is_refused(service):
    """A form that this browser was not given is 403, and starts nothing."""
    before = service.get("/api/v1/generations").object["total_count"]
    body = urlencode({"input": '[{"text": "a"}]', "form_token": "1.2"}).encode()
    reply = service.post("/", body, Content_Type="application/x-www-form-urlencoded")
    assert reply.status == 403
    assert service.get("/api/v1/generations").object["total_count"] == before


@pytest.mark.parametrize("page", ["/edited_questions", "/upload_data_generation_edits"])
def test_edits_form_does_what_the_upload_does(service, page):
    """The questions of a chosen file are queued, and the page leads to them."""
    token, cookie = given(service, page)
    body, headers = multipart(b"query,response\r\nq,a\r\nr,b\r\n", filename="<mine>.csv", form_token=token, run_id="")
    reply = service.post("/edited_questions", body, Cookie=cookie, **headers)
    assert (reply.status, reply.headers["content-type"]) == (202, "text/html; charset=utf-8")
    job = re.search(rb'href="api/v1/edits/([0-9a-f]{16})"', reply.body)[1].decode()
    assert service.get(f"/api/v1/edits/{job}").object["status"] == "pending"
    assert b"&lt;mine&gt;.csv" in reply.body
    assert b"<dt>Questions</dt><dd>2</dd>" in reply.body


def test_edits_form_shows_what_is_wrong(service, settings):
    """A mistake is told on the page, which keeps the run, and of the file nothing is left."""
    token, cookie = given(service, "/edited_questions")
    body, headers = multipart(b"a,b\r\n1,2\r\n", form_token=token, run_id="a" * 32)
    reply = service.post("/edited_questions", body, Cookie=cookie, **headers)
    assert (reply.status, reply.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert b'role="alert"' in reply.body
    assert b'value="%s"' % (b"a" * 32) in reply.body
    assert list((settings.documents_folder / ".incoming").iterdir()) == []


def test_edits_form_without_its_token_is_refused(service):
    """A form that this browser was not given is 403, on a page."""
    body, headers = multipart(b"query,response\r\nq,a\r\n", form_token="1.2")
    reply = service.post("/edited_questions", body, **headers)
    assert (reply.status, b"none that this browser was given" in reply.body) == (403, True)
