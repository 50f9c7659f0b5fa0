"""The units of generations and edits: cut short, cancelled, with MLflow or the endpoint away, on documents gone bad."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from document_files import docx_of
from evaltrail.core.generation import GenerationPlan
from evaltrail.core.submission import SubmittedModel
from evaltrail.destinations.mlflow.known_run import find_run
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.hold import Hold
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.order import NewJob
from evaltrail.service.answering.generations import Generations
from evaltrail.service.generating.edits import EditsOrder, upload_edits
from evaltrail.service.generating.order import NamedUpload
from evaltrail.service.handling.unit_handler import UnitHandler
from evaltrail.service.history.queued import is_queued
from evaltrail.service.sending import send_waiting
from evaltrail.service.submitting.generation_order import generation_job
from evaltrail.service.working.calling_off import cancel_job
from evaltrail.service.working.edits_spec import EDITS, apply_unit, edits_to_json
from evaltrail.service.working.generation_spec import GenerationSpec, generation_from_json, generation_to_json
from evaltrail.service.working.places import jobs_folder
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.document_store import DocumentStore
from evaltrail.store.ledger import Ledger
from mlflow_proxy import unreliable
from question_endpoint import QuestionEndpoint, facts
from question_service import TOWNS
from running_service import own_settings

TEXT = "\n\n".join(
    f"The tower of {town} was built in {1850 + place} by Ida Holm. It has {200 + place} steps."
    for place, town in enumerate(TOWNS)
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """MLflow's store of all tests here: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture
def settings(tmp_path, store):
    return own_settings(tmp_path, MLFLOW_TRACKING_URI=store)


@pytest.fixture
def queue(settings):
    with open_queue(settings) as opened:
        yield opened


def document(settings, text=TEXT, name="towers.txt"):
    """A document that is kept, as a job names it."""
    data = text if isinstance(text, bytes) else text.encode()
    stored = DocumentStore(settings.documents_folder).keep(data, name=name, limit_bytes=10**6)
    return NamedUpload(id=stored.id, name=name)


def spec(settings, **plan):
    return GenerationSpec(uploads=(document(settings),), plan=GenerationPlan(generator="cloze", **plan))


def do_one(settings, queue):
    """Do one unit, and tell whether there was one."""
    claim = queue.claim("here")
    if claim is not None:
        carry_out(Hold(queue, claim), queue, UnitHandler(settings), first_pause_s=0.0)
    return claim is not None


def work_off(settings, queue):
    while do_one(settings, queue):
        pass


def test_spec_is_read_as_it_was_written(settings):
    """A generation goes into the queue and comes out of it as it was."""
    whole = spec(settings, types={"numeric": 2}, generation={"stop": ["\n"], "temperature": 0})
    assert generation_from_json(generation_to_json(whole)) == generation_from_json(generation_to_json(whole))
    assert generation_from_json(generation_to_json(whole)).plan.generation == whole.plan.generation


def test_generation_is_noted_in_the_ledger_and_its_data_set_is_kept(settings, queue):
    """A job comes to a data set that names it, an entry of the ledger under its id that workers do, and its run."""
    job = queue.submit(generation_job(spec(settings))).job_id
    work_off(settings, queue)
    entry = Ledger(settings.home).find(job)
    assert (entry.noun, entry.work, is_queued(entry)) == ("generation", jobs_folder(settings.home) / job, True)
    shown = queue.show(job)
    (unit,) = shown.units
    assert (shown.job.state, unit.result["mlflow"], shown.job.run_ids[""] != "") == ("completed", "synced", True)
    version = DatasetStore(settings.question_sets_folder).version(unit.result["dataset_id"])
    assert (version.generation_id, version.run_id) == (job, shown.job.run_ids[""])
    assert Ledger(settings.home).find(job).state == "completed"


@pytest.mark.slow
def test_more_than_there_is_ends_partially_failed_with_reasons(settings, queue):
    """A shortfall is told by reason, and what was found is kept."""
    job = queue.submit(generation_job(spec(settings, types={"numeric": 500}))).job_id
    work_off(settings, queue)
    shown = queue.show(job)
    result = shown.units[0].result
    assert (shown.job.state, result["requested"]) == ("partially_failed", 500)
    assert result["accepted"] + result["missing"] == 500
    assert sum(result["shortfall"].values()) == result["missing"]


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        (" \n", "blank.txt", "empty_document"),
        (docx_of("", parts={"word/document.xml": b"<a>" + b" " * 12_000_000}), "bomb.docx", "archive_bomb"),
    ],
    ids=["blank", "bomb"],
)
def test_generation_that_cannot_be_done_fails_once(settings, queue, text, name, code):
    """A document without text, or one that unpacks without end, fails the job: its account says which document and why
    as the reader does, and it is not tried again."""
    refused = replace(spec(settings), uploads=(document(settings, text, name),))
    job = queue.submit(generation_job(refused)).job_id
    work_off(settings, queue)
    told = Generations(settings, queue).generation(job).job
    assert (told.state, queue.show(job).units[0].attempt) == ("failed", 1)
    assert (told.error.code, told.error.hint != "") == (code, True)
    assert name in told.error.message, told.error


def test_generation_is_cancelled_while_it_waits(settings, queue):
    """A cancelled generation is not begun, and retried it is done."""
    job = queue.submit(generation_job(spec(settings))).job_id
    assert cancel_job(job, settings, queue) == (job, "cancelled")
    work_off(settings, queue)
    assert not (settings.home / "runs" / job).exists()
    queue.retry(job)
    work_off(settings, queue)
    assert queue.show(job).job.state == "completed"


@pytest.mark.slow
def test_mlflow_that_is_away_keeps_no_generation_open(tmp_path, mlflow_url):
    """The job ends with its data set; a landing job of its own delivers document and run once MLflow is back, and the
    run names that of its document."""
    deeds = ["refuse"]
    with unreliable(mlflow_url, lambda *_: deeds[0]) as proxy:
        settings = own_settings(tmp_path, MLFLOW_TRACKING_URI=proxy.url)
        with open_queue(settings) as queue:
            job = queue.submit(generation_job(spec(settings))).job_id
            assert do_one(settings, queue)
            shown = queue.show(job)
            assert (shown.job.state, shown.units[0].result["mlflow"]) == ("completed", "pending")
            (landing,) = queue.children([job])[job]
            assert landing.kind == "generation_landing"
            deeds[0] = "forward"
            work_off(settings, queue)
            run = find_run(queue.show(job).job.run_ids[""], mlflow_url, environ=settings.environ)
            (document,) = DocumentStore(settings.documents_folder).list()
            assert run.tags["evaltrail.upload_run_id"] == document.runs[proxy.url]
            assert run.tags["mlflow.runName"] == f"questions on {document.name} · cloze"
            assert queue.show(landing.id).job.state == "completed"


class Refusing(BaseHTTPRequestHandler):
    """An endpoint that takes no key."""

    def do_POST(self):
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_endpoint_that_refuses_ends_a_generation(settings, queue):
    """A model that refuses every request is given up after five attempts, with the reason in the ledger too."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        model = SubmittedModel(name="m", server="here", url=f"http://127.0.0.1:{server.server_port}/v1")
        job = queue.submit(generation_job(replace(spec(settings), plan=GenerationPlan(), model=model))).job_id
        work_off(settings, queue)
        server.shutdown()
    shown = queue.show(job)
    assert (shown.job.state, shown.units[0].attempt, shown.job.error.code) == ("failed", 5, "http_401")
    assert Ledger(settings.home).find(job).state == "failed"


def test_edits_of_nothing_known_are_a_data_set_of_their_own(settings, queue):
    """A table that no data set holds becomes version 1 of a new one, and has a run."""
    table = b'query,relevant_chunks,response\r\nWho built it?,"[""Ida built it.""]",Ida\r\n'
    stored = DocumentStore(settings.documents_folder).keep(table, name="q.csv", limit_bytes=10**6)
    job = NewJob(kind=EDITS, spec=edits_to_json(stored.id, "q.csv"), units=(apply_unit(),))
    accepted = queue.submit(job).job_id
    work_off(settings, queue)
    result = queue.show(accepted).units[0].result
    assert (result["added"], result["dataset_version"], result["parent_version"]) == (1, 1, None)
    assert queue.show(accepted).job.run_ids[""]


@pytest.mark.slow
def test_edits_wait_in_the_outbox_for_mlflow_and_go_on_by_themselves(tmp_path, mlflow_url):
    """Without MLflow the version is kept and the job has ended; a job of its own sends its part of the run later, which
    no edits take that come meanwhile. Where something else sent it before, the account tells its run all the same."""
    deeds = ["forward"]
    with unreliable(mlflow_url, lambda _, path, __: deeds[0] if "log-batch" in path else "forward") as proxy:
        settings = own_settings(tmp_path, MLFLOW_TRACKING_URI=proxy.url)
        with open_queue(settings) as queue:
            told = Generations(settings, queue)

            def kept(name):
                table = f"query,response\nWho?,{name}\n".encode()
                return DocumentStore(settings.documents_folder).keep(table, name="q.csv", limit_bytes=10**6)

            def edit(stored, run_id=""):
                spec = edits_to_json(stored.id, "q.csv", run_id=run_id)
                accepted = queue.submit(NewJob(kind=EDITS, spec=spec, units=(apply_unit(),))).job_id
                assert do_one(settings, queue)
                return accepted

            run_id = told.edits(edit(kept("Ida"))).run_id
            deeds[0] = "refuse"
            waits = edit(kept("Ada"), run_id)
            assert (told.edits(waits).state, told.edits(waits).mlflow_sync) == ("completed", "pending")
            deeds[0] = "forward"
            assert not upload_edits(EditsOrder(file=kept("Eda").path, name="q.csv", run_id=run_id), settings).errors
            assert [each.error for each in send_waiting(settings)] == [None]
            work_off(settings, queue)
            (landing,) = queue.children([waits])[waits]
            assert (landing.kind, landing.state) == ("edits_landing", "completed")
            assert (told.edits(waits).mlflow_sync, told.edits(waits).run_id) == ("synced", run_id)
        tags = find_run(run_id, mlflow_url, environ=settings.environ).tags
        assert [tags[f"evaltrail.dataset_version{part}"] for part in ("", ".edits", ".edits_2")] == ["1", "2", "3"]


def test_same_generation_again_asks_nobody_and_makes_the_same_data_set(settings, queue):
    """Another job of the same: no request, the data set that is there, and questions to the byte."""
    with QuestionEndpoint() as endpoint:
        model = SubmittedModel(name="m", server="here", url=endpoint.url)
        text = document(settings, "\n\n".join(each.text for each in facts(6)), "facts.txt")
        asked = GenerationSpec(uploads=(text,), plan=GenerationPlan(questions_per_window=2), model=model)
        told = []
        for _ in range(2):
            job = queue.submit(generation_job(asked)).job_id
            work_off(settings, queue)
            told.append((queue.show(job), len(endpoint.bodies)))
    (first, calls), (again, all_calls) = told
    assert first.job.id != again.job.id
    assert [each.job.state for each in (first, again)] == ["completed"] * 2
    assert (first.units[0].result["new_calls"], again.units[0].result["new_calls"]) == (calls, 0)
    assert calls == all_calls > 0
    assert first.units[0].result["dataset_id"] == again.units[0].result["dataset_id"]
    files = [settings.home / "runs" / each.job.id / "questions.csv" for each in (first, again)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_edits_that_change_nothing_are_in_the_run_that_was_named(settings, queue):
    """The answer names that run, however often they are sent, and not the one in which their version landed first."""

    def edit(name, run_id=""):
        table = f"query,response\nWho?,{name}\n".encode()
        stored = DocumentStore(settings.documents_folder).keep(table, name="q.csv", limit_bytes=10**6)
        job = NewJob(kind=EDITS, spec=edits_to_json(stored.id, "q.csv", run_id=run_id), units=(apply_unit(),))
        accepted = queue.submit(job).job_id
        work_off(settings, queue)
        return Generations(settings, queue).edits(accepted)

    first, second = edit("Ida"), edit("Ada")
    assert first.run_id != second.run_id
    told = [edit("Ada", first.run_id) for _ in range(2)]
    assert [(each.run_id, each.dataset_version, each.mlflow_sync) for each in told] == [
        (first.run_id, second.dataset_version, "synced")
    ] * 2


def test_edits_into_a_strange_run_fail_with_the_reason(settings, queue):
    """A run that is not there is told, and no version is made."""
    stored = DocumentStore(settings.documents_folder).keep(b"query,response\nq,a\n", name="q.csv", limit_bytes=10**6)
    told = edits_to_json(stored.id, "q.csv", run_id="0" * 32)
    job = queue.submit(NewJob(kind=EDITS, spec=told, units=(apply_unit(),))).job_id
    work_off(settings, queue)
    assert queue.show(job).job.error.code == "unknown_run"
    assert DatasetStore(settings.question_sets_folder).list() == ()
