"""What lies in MLflow of documents, the questions on them, and their edits; read back by MLflow's own client."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.errors import InputError
from evaltrail.core.ids import new_id
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.destinations.mlflow.destination import Sent
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order
from evaltrail.service.generating.carry_out import generate_questions
from evaltrail.service.generating.edits import EditsOrder, upload_edits
from evaltrail.service.generating.late_links import link_landed
from evaltrail.service.sending import send_waiting
from evaltrail.service.working.fetched_lineage import fetched_lineage
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.document_store import DocumentStore
from generated_sets import order_of, write_facts
from mlflow_proxy import unreliable
from question_endpoint import QuestionEndpoint


@pytest.fixture
def settings(tmp_path, mlflow_url):
    """A home of its own, and experiments that nobody else uses."""
    environ = {
        "EVALTRAIL_HOME": str(tmp_path / "home"),
        "MLFLOW_TRACKING_URI": mlflow_url,
        "EVALTRAIL_EXPERIMENT_PREFIX": f"t {new_id()}",
    }
    return load_settings(environ, None)


@pytest.fixture
def client(mlflow_url):
    """MLflow's own."""
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - after the gateway has silenced its import

    return MlflowClient(mlflow_url)


def runs_of(client, settings, name):
    """The runs of one of our experiments, oldest first."""
    found = client.get_experiment_by_name(settings.own_experiment(name))
    return list(client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"])) if found else []


def generated(tmp_path, settings, **options):
    """A generation by cloze on one document."""
    document = write_facts(tmp_path / "facts.json")
    return generate_questions(order_of(document, out=tmp_path / "q.csv", **options), settings)


def edited(file, target, changes):
    """A file of questions in which answers are others: row to answer, None takes the row out."""
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    kept = [
        row | ({"response": changes[place]} if place in changes else {})
        for place, row in enumerate(rows)
        if changes.get(place, "") is not None
    ]
    with target.open("w", newline="") as lines:
        sheet = csv.DictWriter(lines, list(rows[0]))
        sheet.writeheader()
        sheet.writerows(kept)
    return target


def test_documents_and_questions_are_runs_that_name_each_other(tmp_path, settings, client):
    """The document's run holds its bytes once; the generation's run names it by tag and as a dataset input."""
    result = generated(tmp_path, settings)
    (upload,), (generation,) = (
        runs_of(client, settings, "data_upload_api"),
        runs_of(client, settings, "data_generation"),
    )
    assert result.errors == ()
    assert [file.path for file in client.list_artifacts(upload.info.run_id)] == ["facts.json"]
    digest = upload.data.tags["evaltrail.upload"]
    assert upload.data.params.items() >= {"chunks": "6", "format": "json"}.items()
    tags = generation.data.tags
    assert (tags["evaltrail.upload"], tags["evaltrail.upload_run_id"]) == (digest, upload.info.run_id)
    assert (tags["evaltrail.dataset"], tags["evaltrail.dataset_version"]) == (result.dataset_id, "1")
    (given,) = generation.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("facts.json", digest)
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "generation"}
    assert generation.data.metrics["accepted"] == result.generation.accepted
    files = {file.path for file in client.list_artifacts(generation.info.run_id)}
    assert files >= {"questions.csv", "questions.rejects.csv", "report.md", "request.json"}
    assert (upload.info.status, generation.info.status) == ("FINISHED", "FINISHED")
    assert DatasetStore(settings.question_sets_folder).version(result.dataset_id).run_id == generation.info.run_id


def test_a_document_has_one_run_and_one_copy_however_often_it_is_used(tmp_path, settings, client):
    """A second generation on the same document is a run of its own, with its account as metrics; the document's run and
    bytes are those there."""
    first = generated(tmp_path, settings)
    with QuestionEndpoint(duplicates=0.7) as model:
        priced = {"price_prompt": 2.0, "price_completion": 8.0}
        second = generated(tmp_path, settings, url=model.url, window_size=2, **priced)
    assert len(runs_of(client, settings, "data_upload_api")) == 1
    _, run = runs_of(client, settings, "data_generation")
    made, rejected = second.generation, second.generation.rejected_by_reason
    told = {
        "requested": made.requested, "accepted": made.accepted, "missing": made.missing, "windows": len(made.windows),
        "rejected": len(made.rejected), "duplicates": rejected["duplicate"], "calls": len(model.bodies),
        **{f"rejected_{reason}": count for reason, count in rejected.items()},
        "tokens": model.prompt_tokens + model.completion_tokens, "tokens_prompt": model.prompt_tokens,
        "tokens_completion": model.completion_tokens, "seconds": made.seconds,
        "cost": (2.0 * model.prompt_tokens + 8.0 * model.completion_tokens) / 10**6,
    }  # fmt: skip
    assert run.data.metrics == pytest.approx(told)
    assert (made.accepted > 0, made.missing > 0, len(rejected) > 1) == (True, True, True)
    assert [receipt.is_existing for receipt in (first.receipts[1], second.receipts[1])] == [False, True]
    assert len(DocumentStore(settings.documents_folder).list()) == 1


def test_a_named_experiment_takes_documents_too(tmp_path, settings, client):
    """--experiment is where everything of the command lands."""
    name = f"named {new_id()}"
    result = generated(
        tmp_path, settings, delivery=DeliveryOptions(experiment=name, tags={"team": "a"}, run_name="mine")
    )
    assert {receipt.experiment_name for receipt in result.receipts} == {name}
    run = client.get_run(result.receipts[0].run_id)
    assert (run.data.tags["team"], run.info.run_name) == ("a", "mine")
    assert "team" not in client.get_run(result.receipts[1].run_id).data.tags


def test_edits_are_a_version_with_its_parent_and_a_run_with_the_difference(tmp_path, settings, client):
    """Rows are matched by id: one changed, one gone; the difference is a file, the version before a dataset input."""
    result = generated(tmp_path, settings)
    file = edited(tmp_path / "q.csv", tmp_path / "edited.csv", {0: "another answer", 1: None})
    came = upload_edits(EditsOrder(file=file, name="edited.csv"), settings)
    assert (came.dataset.dataset_id, came.dataset.version, came.dataset.parent_version) == (result.dataset_id, 2, 1)
    run = client.get_run(came.receipts[0].run_id)
    count = result.generation.accepted
    assert run.data.metrics.items() >= {"added": 0, "changed": 1, "removed": 1, "unchanged": count - 2}.items()
    assert {each.path for each in client.list_artifacts(run.info.run_id)} == {"difference.csv", "questions.csv"}
    assert run.data.tags["evaltrail.generation_run_id"] == result.receipts[0].run_id
    (given,) = run.inputs.dataset_inputs
    assert [tag.value for tag in given.tags] == ["generation"]
    again = upload_edits(EditsOrder(file=file, name="edited.csv"), settings)
    assert (again.dataset.version, again.edits.is_nothing, again.receipts) == (2, True, ())
    assert len(runs_of(client, settings, "data_generation")) == 2


def test_edits_land_in_the_run_that_is_named_and_leave_what_it_holds(tmp_path, settings, client):
    """Two edits of one generation stand apart in its run, which keeps its metrics, its tags and its end."""
    result = generated(tmp_path, settings)
    before = client.get_run(result.receipts[0].run_id)
    for number, answer in enumerate(("one", "two"), 2):
        file = edited(tmp_path / "q.csv", tmp_path / "edited.csv", {0: answer})
        order = EditsOrder(file=file, name="edited.csv", run_id=before.info.run_id)
        assert upload_edits(order, settings).dataset.version == number
    after = client.get_run(before.info.run_id)
    assert after.data.metrics.items() >= {**before.data.metrics, "edits/changed": 1.0, "edits_2/changed": 1.0}.items()
    assert after.data.tags.items() >= before.data.tags.items()
    store = DatasetStore(settings.question_sets_folder)
    for path, version in (("questions.csv", "1"), ("edits/questions.csv", "2"), ("edits_2/questions.csv", "3")):
        told = fetched_lineage(f"runs:/{before.info.run_id}/{path}", "", store, settings)
        assert (told["evaltrail.dataset_version"], told["evaltrail.dataset"]) == (version, result.dataset_id)
    assert (after.info.status, after.info.end_time) == (before.info.status, before.info.end_time)


@pytest.mark.slow
def test_an_evaluation_of_edited_questions_is_led_back_to_the_upload(tmp_path, settings, client):
    """Evaluation, edits, generation, upload: each run names the one before it, and has what that made as its input."""
    result = generated(tmp_path, settings)
    file = edited(tmp_path / "q.csv", tmp_path / "edited.csv", {0: "another answer"})
    edits = upload_edits(EditsOrder(file=file, name="edited.csv"), settings)
    request = EvaluationRequest(
        tasks=(f"dataset:{result.dataset_id}",),
        target=ModelTarget(id="baseline:random"),
        params={"mode": "noisy_context"},
    )
    delivery = DeliveryOptions(experiment=settings.own_experiment("evaluation"))
    asked = evaluate(Order(request=request, delivery=delivery), settings)
    assert (result.errors, edits.errors, asked.errors) == ((), (), ())
    receipts = (asked.receipts[0], edits.receipts[0], *result.receipts)
    last, edit, generation, upload = (client.get_run(receipt.run_id) for receipt in receipts)
    digest = upload.data.tags["evaltrail.upload"]
    assert {run.data.tags["evaltrail.upload"] for run in (last, edit, generation)} == {digest}
    assert {run.data.tags["evaltrail.dataset"] for run in (last, edit, generation)} == {result.dataset_id}
    assert last.data.tags["evaltrail.generation_run_id"] == edit.info.run_id
    assert (last.data.tags["evaltrail.dataset_version"], edit.data.tags["evaltrail.dataset_version"]) == ("2", "2")
    assert edit.data.tags["evaltrail.generation_run_id"] == generation.info.run_id
    assert (edit.data.tags["evaltrail.parent_version"], generation.data.tags["evaltrail.dataset_version"]) == ("1", "1")
    assert generation.data.tags["evaltrail.upload_run_id"] == upload.info.run_id
    first, second = DatasetStore(settings.question_sets_folder).get(result.dataset_id).versions
    used = [[each.dataset.digest for each in run.inputs.dataset_inputs] for run in (last, edit, generation)]
    assert used == [[second.digest], [first.digest], [digest]]
    assert last.data.params["distractors.of"] == "documents"


def test_an_unchanged_file_lands_once_in_the_run_that_is_named(tmp_path, settings, client):
    """Its table and an empty difference, without a version; a run that holds that version already is left as it is.

    A generation's own run is the one in which it landed, or will.
    """
    result = generated(tmp_path, settings)
    generation, upload = (receipt.run_id for receipt in result.receipts)
    order = EditsOrder(file=tmp_path / "q.csv", name="q.csv", run_id=upload, id=new_id())
    orders = (order, order, replace(order, id=new_id()), replace(order, run_id=generation))
    came = [upload_edits(each, settings) for each in orders]
    assert [(each.dataset.version, each.edits.is_nothing) for each in came] == [(1, True)] * 4
    assert [[receipt.run_id for receipt in each.receipts] for each in came] == [[upload], [upload], [], []]
    metrics = client.get_run(upload).data.metrics
    assert (metrics["edits/changed"], metrics["edits/unchanged"]) == (0, result.generation.accepted)
    assert not any(name.startswith("edits") for name in client.get_run(generation).data.metrics)
    kept = {file.path for file in client.list_artifacts(upload)}
    assert kept == {"facts.json", "edits"}
    difference = client.download_artifacts(upload, "edits/difference.csv", str(tmp_path))
    assert Path(difference).read_bytes() == b"change,id,field,before,after\r\n"
    held = fetched_lineage(
        f"runs:/{upload}/edits/questions.csv", "", DatasetStore(settings.question_sets_folder), settings
    )
    assert (held["evaltrail.dataset"], held["evaltrail.dataset_version"]) == (result.dataset_id, "1")
    apart = generated(tmp_path, settings, delivery=None, seed=1)
    order = replace(order, id=new_id(), dataset_id=apart.dataset_id)
    (receipt,) = upload_edits(order, settings).receipts
    assert receipt.run_id == upload
    told = {"key": "k", "run_name": "r", "source_id": order.id, "tracking_uri": settings.tracking_uri}
    link_landed((Sent(**told, tags=client.get_run(upload).data.tags, receipt=receipt),), settings)
    store = DatasetStore(settings.question_sets_folder)
    assert [store.version(each.dataset_id).run_id for each in (result, apart)] == [generation, ""]


def test_edits_of_one_run_that_come_at_once_follow_one_another(tmp_path, settings, client):
    """Each is a version of the one before, and a part of its own of the run."""
    run_id = generated(tmp_path, settings).receipts[0].run_id
    files = [edited(tmp_path / "q.csv", tmp_path / f"{answer}.csv", {0: answer}) for answer in ("one", "two")]
    orders = [EditsOrder(file=file, name=file.name, run_id=run_id) for file in files]
    with ThreadPoolExecutor(2) as pool:
        came = list(pool.map(lambda order: upload_edits(order, settings), orders))
    assert [(each.errors, each.dataset.run_id) for each in came] == [((), run_id)] * 2
    assert sorted((each.dataset.parent_version, each.dataset.version) for each in came) == [(1, 2), (2, 3)]
    assert {"edits/changed", "edits_2/changed"} <= set(client.get_run(run_id).data.metrics)


def test_edits_that_were_cut_short_go_on_with_the_version_that_they_made(tmp_path, settings, client):
    """A worker that died once the version was kept: the next attempt lands it, and a further one adds nothing."""
    run_id = generated(tmp_path, settings).receipts[0].run_id
    file = edited(tmp_path / "q.csv", tmp_path / "edited.csv", {0: "another answer"})
    order = EditsOrder(file=file, name="edited.csv", run_id=run_id, id=new_id()[:16])
    assert upload_edits(replace(order, delivery=None), settings).dataset.version == 2
    for _ in range(2):
        came = upload_edits(order, settings)
        assert (came.dataset.version, len(came.edits.changed), came.receipts[0].run_id) == (2, 1, run_id)
    metrics = client.get_run(run_id).data.metrics
    assert (metrics["edits/changed"], "edits_2/changed" in metrics) == (1.0, False)


def test_edits_do_not_land_in_runs_of_others(tmp_path, settings, client):
    """A run outside our experiments, or none at all, is refused before anything is kept."""
    generated(tmp_path, settings)
    strange = client.create_run(client.create_experiment(f"others {new_id()}")).info.run_id
    for run_id, code in ((strange, "foreign_run"), ("f" * 32, "unknown_run")):
        with pytest.raises(InputError) as caught:
            upload_edits(EditsOrder(file=tmp_path / "q.csv", name="q.csv", run_id=run_id), settings)
        assert caught.value.code == code
    assert [len(each.versions) for each in DatasetStore(settings.question_sets_folder).list()] == [1]


def test_questions_that_nobody_knows_are_a_data_set_of_their_own(tmp_path, settings):
    """A table of the seed's three columns that is no edit of anything becomes version 1, all of it added."""
    file = tmp_path / "own.csv"
    file.write_text(
        "query,relevant_chunks,response\nWho rings the bell?,\"['The miller rings the bell.']\",The miller\n"
    )
    came = upload_edits(EditsOrder(file=file, name="own.csv"), settings)
    assert (came.parent, came.dataset.version, len(came.edits.added)) == (None, 1, 1)
    assert came.receipts[0].experiment_name == settings.own_experiment("data_generation")


@pytest.mark.parametrize("experiment", ["data_generation", "data_upload_api"])
def test_documents_and_questions_that_were_sent_apart_are_linked(tmp_path, settings, client, mlflow_url, experiment):
    """Whichever came last, in a sync of its own: the generation names the runs of its documents then, which are
    remembered by their MLflow without the login that it was spoken to with."""
    result = generated(tmp_path, settings)
    generation, upload = (receipt.run_id for receipt in result.receipts)
    client.delete_tag(generation, "evaltrail.upload_run_id")
    (last,) = runs_of(client, settings, experiment)
    receipt = Receipt(run_id=last.info.run_id)
    uri = mlflow_url.replace("//", "//me:secret@", 1)
    sent = Sent(key="k", run_name="r", tags=last.data.tags, tracking_uri=uri, receipt=receipt)
    assert [each.note for each in link_landed((sent,), settings)] == [""]
    assert client.get_run(generation).data.tags["evaltrail.upload_run_id"] == upload
    assert [each.runs for each in DocumentStore(settings.documents_folder).list()] == [{mlflow_url: upload}]


@pytest.mark.slow
def test_what_lands_later_says_where_it_came_from(tmp_path, settings, client, mlflow_url):
    """MLflow was away while documents, questions and edits came, and again once the document was there: sent in order,
    each bears the run ids of those before.

    The edits of a file that two data sets would fit belong to the one that says the same.
    """
    with unreliable(mlflow_url, lambda *_: "refuse") as proxy:
        away = replace(settings, tracking_uri=proxy.url)
        generated(tmp_path, away, delivery=None)
        result = generated(tmp_path, away, seed=1)
        file = edited(tmp_path / "q.csv", tmp_path / "edited.csv", {0: "another answer"})
        came = upload_edits(EditsOrder(file=file, name="edited.csv"), away)
        assert (result.exit_code, came.exit_code, came.dataset.dataset_id) == (3, 3, result.dataset_id)
        ended = []

        def until_a_run_ends(_, path, __):
            deed = "refuse" if ended else "forward"
            ended.extend([path] if "runs/update" in path else [])
            return deed

        proxy.judge = until_a_run_ends
        assert [each.error is None for each in send_waiting(away)] == [True, False, False]
        proxy.judge = lambda *_: "forward"
        assert [each.error for each in send_waiting(away)] == [None] * 2
    (upload,) = runs_of(client, settings, "data_upload_api")
    generation, edits = runs_of(client, settings, "data_generation")
    assert generation.data.tags["evaltrail.upload_run_id"] == upload.info.run_id
    assert edits.data.tags["evaltrail.generation_run_id"] == generation.info.run_id
    versions = DatasetStore(settings.question_sets_folder).get(result.dataset_id).versions
    assert [each.run_id for each in versions] == [generation.info.run_id, edits.info.run_id]
