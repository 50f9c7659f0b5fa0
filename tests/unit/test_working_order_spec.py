"""An order on its way through the queue: the same afterwards, and without a secret in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.jobs.encoding import from_text, to_text
from evaltrail.service.evaluation.order import Order
from evaltrail.service.evaluation.prepare import prepare
from evaltrail.service.working.order_spec import (
    OrderSpec,
    check_content,
    content_digest,
    spec_from_json,
    spec_of,
    spec_to_json,
)
from native_tasks import records, write_data, write_task

SECRET = "quarrelsome-otter-7731"
HOME = Path("/nowhere/evaltrail")
CWD = Path("/nowhere/work")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
SCALAR = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(SCALAR | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
REQUESTS = st.builds(
    EvaluationRequest,
    tasks=st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    target=st.builds(ModelTarget, id=TEXT, headers=st.dictionaries(TEXT, st.just("host:TOKEN"), max_size=2)),
    limits=st.builds(RequestLimits, concurrency=st.integers(1, 99), rpm=st.none() | st.integers(1, 99)),
    limit=st.none() | st.integers(1, 99) | st.floats(0.01, 0.99),
    sample_ids=st.lists(TEXT, max_size=3).map(tuple),
    seed=st.none() | st.integers(0, 99),
    generation=st.dictionaries(TEXT, JSON, max_size=3),
    params=st.dictionaries(TEXT, SCALAR | TEXT, max_size=3),
)


def settings_of(**environ):
    return load_settings({"EVALTRAIL_HOME": str(HOME), **environ}, dotenv=None)


def order_for(*, delivery=None, tasks=("lm_evaluation_harness/arc_easy",), **target):
    request = EvaluationRequest(tasks=tasks, target=ModelTarget(**{"id": "m", **target}))
    return Order(request=request, delivery=delivery)


@given(REQUESTS, st.none() | st.builds(DeliveryOptions, experiment=TEXT, tags=st.dictionaries(TEXT, TEXT, max_size=2)))
def test_a_spec_comes_back_as_it_was(request, delivery):
    """Through JSON and the database's text nothing is lost or changed."""
    spec = OrderSpec(request=request, delivery=delivery, out="/out", tags={"team": "red"}, command=("evaltrail", "run"))
    assert spec_from_json(from_text(to_text(spec_to_json(spec)))) == spec


@pytest.mark.parametrize(
    "given",
    [
        {"url": f"http://host/v1?token={SECRET}"},
        {"url": f"http://user:{SECRET}@host/v1"},
        {"url": "http://host/v1", "headers": {"X-Token": SECRET}},
        {"delivery": DeliveryOptions(tracking_uri=f"http://user:{SECRET}@mlflow")},
    ],
)
def test_a_secret_is_refused_with_the_way_round(given):
    """What the queue would keep is named, and where to put it instead; the secret itself is not told."""
    with pytest.raises(InputError) as caught:
        spec_of(order_for(**given), settings_of(), CWD)
    assert caught.value.code == "secret_in_job"
    assert caught.value.hint
    assert SECRET not in str(caught.value)


def test_variables_with_secrets_stay_with_the_worker():
    """A tracking URI or a judge with a login is not kept: the worker's own variables say it."""
    settings = settings_of(
        MLFLOW_TRACKING_URI=f"https://user:{SECRET}@mlflow", EVALTRAIL_JUDGE=f"http://host/v1?key={SECRET}#m"
    )
    spec = spec_of(order_for(delivery=DeliveryOptions()), settings, CWD)
    assert SECRET not in json.dumps(spec_to_json(spec))
    assert spec.delivery is not None
    assert (spec.delivery.tracking_uri, spec.settings(settings).judge) == ("", settings.judge)


def test_a_header_is_read_from_its_variable_where_it_is_sent():
    """The queue keeps the variable's name; a worker that lacks it says which it is."""
    spec = spec_of(order_for(headers={"X-Token": "host:TOKEN"}), settings_of(TOKEN=SECRET), CWD)
    assert spec.order({"TOKEN": SECRET}).request.target.headers == {"X-Token": SECRET}
    with pytest.raises(InputError, match="TOKEN"):
        spec.order({})


def test_relative_places_are_meant_from_where_the_order_was_given(tmp_path):
    """Task files, the folder for the bundle and MLflow's default store are the submitter's, wherever workers run."""
    order = Order(
        request=EvaluationRequest(tasks=("sums.yaml", "ragas/faithfulness"), target=ModelTarget(id="m")),
        out=Path("out"),
    )
    spec = spec_of(order, settings_of(), CWD)
    assert spec.request.tasks == (str(CWD / "sums.yaml"), "ragas/faithfulness")
    assert (spec.out, spec.cwd) == (str(CWD / "out"), str(CWD))
    assert spec.delivery is not None
    assert spec.delivery.tracking_uri == f"sqlite:///{Path.cwd() / 'mlflow.db'}"


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"version": None}, {"request": {"target": {"id": 7}}}, {"allow_unscored": "some"}]
)
def test_a_spec_that_is_not_understood_any_more_is_an_error_with_a_step(change):
    """After an upgrade: which field, and what to do."""
    spec = dict(spec_to_json(spec_of(order_for(), settings_of(), CWD)))
    with pytest.raises(InputError) as caught:
        spec_from_json({**spec, **change})
    assert (caught.value.code, bool(caught.value.hint)) == ("bad_spec", True)


@pytest.mark.parametrize("given", [[], None, "text", {}])
def test_what_is_no_spec_at_all_is_told_too(given):
    """Whatever stands in the table: no traceback, and nothing about another version."""
    with pytest.raises(InputError, match="has no version") as caught:
        spec_from_json(given)
    assert caught.value.code == "bad_spec"


def test_data_that_changed_since_are_noticed(tmp_path):
    """A job is done on the data that were accepted, or not at all."""
    write_data(tmp_path / "data.jsonl", records(4))
    order = order_for(tasks=(str(write_task(tmp_path)),), id="baseline:majority")
    settings = settings_of()
    accepted = OrderSpec(request=order.request, content=content_digest(prepare(order, settings)))
    check_content(accepted, prepare(order, settings))
    write_data(tmp_path / "data.jsonl", records(5))
    with pytest.raises(InputError) as caught:
        check_content(accepted, prepare(order, settings))
    assert caught.value.code == "changed"
