"""Seed 003's routes against a service on a real port over a real database and a worker."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode, urljoin

import pytest

from evaltrail.destinations.mlflow.known_run import find_run
from question_service import chunks, generated, multipart, path, work_off
from running_service import own_settings, running_service


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return own_settings(tmp_path_factory.mktemp("seed"), EVALTRAIL_TRUSTED_PROXIES="127.0.0.1")


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
    ("headers", "size", "step", "scope"),
    [
        ({}, 4, 2, "upload"),
        ({"window_size": "3", "window_step": "1", "window_scope": "document"}, 3, 1, "document"),
        ({"Window_Size": "5", "Window_Scope": "upload"}, 5, 2, "upload"),
    ],
)
def test_chunks_are_accepted_at_once_with_their_windows(service, headers, size, step, scope):
    """202 with job, addresses and what was understood; absent window headers mean 4, 2 and the whole upload."""
    reply = service.post("/post_json", chunks(3), File_Name="manual", **headers)
    told = reply.object
    assert (reply.status, reply.headers["location"]) == (202, f"/api/v1/generations/{told['job_id']}")
    assert (told["window_size"], told["window_step"], told["file_name"], told["chunks"]) == (size, step, "manual", 3)
    assert told["status_url"] == f"{service.address}/api/v1/generations/{told['job_id']}"
    shown = service.get(path(told["status_url"])).object
    assert (shown["status"], shown["plan"]["window_scope"], told["window_scope"]) == ("pending", scope, scope)


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
        (b'[{"text": "a"}]', {"Window_Scope": "file"}, 422, "Window-Scope"),
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
        ("baseline:extractive", "DATASET", "closed_book", "Mode"),
        ("baseline:extractive", f"runs:/{'0' * 32}/q.csv", "rag_endpoint", "Mode"),
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
    fields = {"filename": "from-the-page", "window_size": "3", "window_step": "1", "window_scope": "document"}
    reply = form(service, input='[{"text": "The tower has 12 steps."}]', **fields)
    job = re.search(rb"api/v1/generations/([0-9a-f]{16})", reply.body)[1].decode()
    told = service.get(f"/api/v1/generations/{job}").object
    assert reply.status == 202
    assert told["documents"][0]["name"] == "from-the-page"
    assert (told["plan"]["window_size"], told["plan"]["window_scope"]) == (3, "document")
    assert form(service, input='[{"text": "a"}]', window_scope="file").status == 422


def test_form_takes_what_post_json_takes(service, settings):
    """As browsers send it, a list is put on disk as it comes: 12 MB of it are taken, and nothing stays behind."""
    token, cookie = given(service, "/")
    rows = json.dumps([{"text": "The tower was built in 1850. " * 400}] * 1000)
    body, headers = multipart(rows.encode(), name="input", form_token=token, window_size="3")
    body = body.replace(b'name="input"; filename="q.csv"', b'name="input"')
    reply = service.post("/", body, Cookie=cookie, **headers)
    assert (reply.status, len(body) > 11_000_000, b"<dd>1,000</dd>" in reply.body) == (202, True, True)
    assert list((settings.documents_folder / ".incoming").iterdir()) == []
    for changed in (body.replace(b"window_size", b"windows"), body.replace(b'name="input"', b'name="inputs"')):
        reply = service.post("/", changed, Cookie=cookie, **headers)
        assert (reply.status, b'role="alert"' in reply.body, len(reply.body) < 10_000) == (422, True, True)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_form_that_is_too_large_is_told_so_on_its_page(service, kind):
    """413 as a page, before the body is read: 100 MB of what browsers send, 10 MB of what is read whole."""
    most = 10_000_000 if "url" in kind else 100_100_000
    refused = service.ask("POST", "/", Content_Type=kind, Content_Length=str(most + 1))
    assert (refused.status, refused.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert f"larger than {most / 1e6:g} MB".encode() in refused.body


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


def behind(service, method, address, body=None, **headers):
    """The answer through a proxy that takes the prefix off; an address without it is none that the proxy knows."""
    own = address.removeprefix(service.address)
    assert own.startswith("/evals/"), address
    headers.setdefault("X_Forwarded_Prefix", "/evals")
    return service.ask(method, own.removeprefix("/evals"), body, **headers)


def links_in(told):
    """Every link of an answer."""
    if isinstance(told, list):
        return [link for each in told for link in links_in(each)]
    if not isinstance(told, dict):
        return []
    own = [*told.get("links", {}).values(), *(told[name] for name in ("href", "status_url") if name in told)]
    return own + [link for name, each in told.items() if name != "links" for link in links_in(each)]


def test_every_link_leads_back_through_the_proxy(service, made):
    """Below a prefix, links, Location, forms and the description are asked as they are told; lists too, asked twice."""
    uri = made["dataset_id"]
    asked = {"model": {"name": "baseline:random", "server": "openai"}, "benchmarks": [{"id": f"dataset:{uri}"}]}
    sent = [
        behind(service, "POST", "/evals/post_json", chunks(2)),
        behind(service, "POST", "/evals/evaluate_model", Model_Name="baseline:random", Benchmark_Uri=uri),
        behind(service, "POST", "/evals/api/v1/evaluations", asked),
        behind(service, "POST", f"/evals/api/v1/datasets/{uri}/evaluations", {"model": "baseline:random"}),
    ]
    lists = ["documents", "generations", "datasets", "evaluations", "evaluations", "evaluations/jobs?limit=1"]
    shown = [behind(service, "GET", f"/evals/api/v1/{each}") for each in lists]
    found = {link for reply in (*sent, *shown) for link in links_in(reply.object)}
    assert {reply.status for reply in sent} == {202}, sent
    found |= {reply.headers["location"] for reply in sent}
    assert len(found) > 20
    gone = {link: behind(service, "GET", link).status for link in found if not link.endswith("/events")}
    assert {status for link, status in gone.items() if not link.endswith("/run")} == {200}
    assert {status for link, status in gone.items() if link.endswith("/run")} <= {303, 409}
    straight = service.get("/api/v1/evaluations").object
    assert all(link.startswith("/api/v1/") for link in links_in(straight))


@pytest.mark.parametrize("page", ["/evals/", "/evals/edited_questions", "/evals/docs"])
def test_pages_lead_back_through_the_proxy(service, page):
    """What pages load, lead to and send to is relative to them, and so below the prefix."""
    text = behind(service, "GET", page).body.decode()
    told = re.findall(r'(?:href|action)="([^"]+)"|fetch\("([^"]+)"\)', text)
    targets = {urljoin(page, one or other) for one, other in told}
    assert targets
    assert {behind(service, "GET", each).status for each in targets} == {200}


def test_description_says_where_its_paths_begin(service):
    """OpenAPI's servers are relative to the description, which holds below whatever prefix."""
    (server,) = behind(service, "GET", "/evals/openapi.json").object["servers"]
    assert urljoin("http://host/evals/openapi.json", server["url"]) == "http://host/evals/"
