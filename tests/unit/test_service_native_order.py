"""The launcher's settings of a native job as an order of ours."""

from __future__ import annotations

import pytest

from child import run_child
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.job import JobSpec
from evaltrail.service.launching.native_order import check_native, native_order
from native_tasks import records, write_data, write_task


def spec_of(params=None, **changes):
    usual = {
        "invocation_id": "0123456789abcdef",
        "number": 0,
        "task": "task.yaml",
        "provider": "native",
        "place": "task.yaml",
        "model": "m",
        "url": "http://127.0.0.1:9/v1",
        "evaluator": {"config": {"params": params or {}}},
    }
    return JobSpec(**{**usual, **changes})


def test_the_launchers_words_become_ours():
    """Limit, parallelism, time-out, retries, and what goes into every request."""
    params = {
        "limit_samples": 0.5,
        "parallelism": 7,
        "request_timeout": 12,
        "max_retries": 2,
        "temperature": 0.0,
        "top_p": 0.9,
        "max_new_tokens": 64,
    }
    order = native_order(spec_of(params))
    request = order.request
    assert request.limit == 0.5
    assert (request.limits.concurrency, request.limits.timeout_s, request.limits.max_retries) == (7, 12, 2)
    assert request.generation == {"temperature": 0.0, "top_p": 0.9, "max_tokens": 64}
    assert order.delivery is None


def test_what_is_extra_is_acted_on_or_logged():
    """Known words below `extra` act, others become params."""
    extra = {"seed": 3, "repeats": 2, "rpm": 60, "samples": ["a", "b"], "generation": {"stop": ["x"]}, "note": "n"}
    request = native_order(spec_of({"extra": extra})).request
    assert (request.seed, request.repeats, request.limits.rpm, request.sample_ids) == (3, 2, 60, ("a", "b"))
    assert request.generation == {"stop": ["x"]}
    assert request.params == {"note": "n"}
    assert request.logged_params == {"extra.note": "n"}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("rows.jsonl", "/launched/here/rows.jsonl"),
        ("/data/rows.jsonl", "/data/rows.jsonl"),
        ("hf://org/name", "hf://org/name"),
    ],
)
def test_a_provider_sees_its_parameters_and_paths_from_where_it_was_launched(given, read):
    """A job runs in a folder of its own, so relative paths are meant from the launch's."""
    extra = {"dataset_path": given, "judge": "http://h/v1#j", "include_path": "tasks"}
    request = native_order(spec_of({"extra": extra}, cwd="/launched/here")).request
    assert request.params == {
        "dataset_path": read,
        "judge": "http://h/v1#j",
        "include_path": "/launched/here/tasks",
    }


@pytest.mark.parametrize(
    ("kind", "url", "asked"),
    [
        ("chat", "http://h/v1", "http://h/v1"),
        ("", "http://h/v1", "http://h/v1"),
        ("completions", "http://h/v1", "http://h/v1/completions"),
        ("completions", "http://h/v1/completions", "http://h/v1/completions"),
        ("completions_logprob", "http://h/v1/", "http://h/v1/completions"),
        ("chat", "http://h/v1/chat/completions", "http://h/v1/chat/completions"),
    ],
)
def test_the_kind_of_endpoint_decides_the_path(kind, url, asked):
    """A base URL gets the path that its kind asks for; a full one stays as it is."""
    assert native_order(spec_of(url=url, endpoint_type=kind)).request.target.url == asked


def test_embeddings_cannot_answer():
    """A task file asks for texts."""
    with pytest.raises(InputError, match="embedding"):
        native_order(spec_of(endpoint_type="embedding"))


def test_a_baseline_needs_no_endpoint():
    """Whatever URL stands in the configuration."""
    assert native_order(spec_of(model="baseline:random")).request.target.url == ""


@pytest.mark.parametrize("params", [{"extra": {"seed": "three"}}, {"extra": {"repeats": True}}, {"extra": [1]}])
def test_wrong_types_are_told(params):
    """Where, and what is wanted."""
    with pytest.raises(InputError, match="extra"):
        native_order(spec_of(params))


def test_a_check_reads_task_and_data(tmp_path):
    """A duplicate id is found before anything is asked."""
    write_data(tmp_path / "data.jsonl", records(3))
    spec = spec_of(place=str(write_task(tmp_path)))
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path), "HOME": str(tmp_path)}, None)
    check_native(spec, settings)
    write_data(tmp_path / "data.jsonl", [{"id": "a", "question": "q", "answer": "b"}] * 2)
    write_task(tmp_path, id="{{ id }}")
    with pytest.raises(InputError, match="already"):
        check_native(spec, settings)
    with pytest.raises(InputError, match="concurrency"):
        check_native(spec_of({"parallelism": 0}, place=spec.place), settings)


def test_errors_name_the_keys_of_the_configuration():
    """Who wrote `target.api_endpoint.url` never gave `--url`; and a job goes on by `resume`."""
    wording = native_order(spec_of()).wording
    assert wording.url == "target.api_endpoint.url"
    assert wording.api_key_env.startswith("target.api_endpoint.api_key_name")
    assert "evaltrail resume 0123456789abcdef.0" in wording.resume


@pytest.mark.parametrize(
    ("extra", "variables", "hint"),
    [
        ({}, {}, "config.params.extra.judge"),
        ({"judge": "gpt-4o"}, {}, "openai:/gpt-4o"),
        ({"judge": "http://h/v1#j"}, {}, ""),
        ({}, {"EVALTRAIL_JUDGE": "http://h/v1#j"}, ""),
    ],
)
def test_a_judge_without_a_model_is_found_at_launch(tmp_path, extra, variables, hint):
    """It would end the job only after the model was paid; the keys of the configuration are named."""
    write_data(tmp_path / "data.jsonl", records(3))
    spec = spec_of({"extra": extra}, place=str(write_task(tmp_path, metrics=["safety"])))
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path), **variables}, None)
    if not hint:
        check_native(spec, settings)
        return
    with pytest.raises(InputError) as caught:
        check_native(spec, settings)
    assert hint in caught.value.hint


def test_a_launch_without_judges_loads_nothing_that_asks_them():
    """A launcher has to be quick."""
    asks = "'evaltrail.service.evaluation.judges' in sys.modules"
    assert run_child(f"import sys, evaltrail.service.launching.native_order\nprint({asks})").stdout.strip() == "False"
