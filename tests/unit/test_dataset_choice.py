"""How a request names a data set: by an id, or by a reference into MLflow, and by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answering_values import some_submission
from evaltrail.core.errors import InputError
from evaltrail.core.submission import Benchmark, BenchmarkChoice, ModelChoice
from evaltrail.service.catalog.layers import shipped_shelf, with_variables
from evaltrail.service.submitting.dataset_choice import check_mode, checked_reference, find_dataset, names_dataset
from evaltrail.service.submitting.generation_order import model_choice, thresholds_of
from evaltrail.service.working.dataset_reference import is_reference, local_task, reference_of
from evaltrail.service.working.submission_spec import described
from evaltrail.store.dataset_store import DatasetFacts, DatasetStore

RUN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "uri",
    [f"runs:/{RUN}/questions.csv", f"runs:/{RUN}/a b/q.JSONL", "mlflow-artifacts:/1/run/artifacts/q.parquet"],
)
def test_reference_into_mlflow_is_taken(uri):
    """runs:/ with a whole run id and mlflow-artifacts:/, of a file that can hold questions."""
    assert checked_reference(uri) == uri
    assert find_dataset(f"dataset:{uri}", None) == f"dataset:{uri}"


@pytest.mark.parametrize(
    "uri",
    [
        f"runs:/{RUN}/../q.csv",
        f"runs:/{RUN}/a//q.csv",
        f"runs:/{RUN}/%2e%2e/q.csv",
        f"runs:/{RUN}/%252e%252e/q.csv",
        f"runs:/{RUN}/q.csv?x=1",
        f"runs:/{RUN}/a\\q.csv",
        f"runs:/{RUN}/q.exe",
        f"runs:/{RUN}/q.csv\n",
        f"runs:/{RUN}/%00.csv",
        "runs:/abc/q.csv",
        "mlflow-artifacts://host/q.csv",
        "mlflow-artifacts:/../q.csv",
        "file:///q.csv",
        "https://host/q.csv",
        "s3://bucket/q.csv",
    ],
)
def test_what_leads_elsewhere_is_refused(uri):
    """Paths that climb, hosts, queries, other schemes and files are none."""
    with pytest.raises(InputError) as error:
        find_dataset(uri, None)
    assert error.value.code == "bad_benchmark_uri"
    assert error.value.hint


def test_id_means_the_version_of_now(tmp_path):
    """An id, cut short or whole, becomes the latest version's; a version that is named stays."""
    store = DatasetStore(tmp_path)
    facts = DatasetFacts(name="n", digest="d", count=1)
    made = store.add(lambda _: None, facts)
    store.add_version(made.dataset_id, lambda _: None, facts)
    assert find_dataset(f"dataset:{made.dataset_id[:9]}", store) == f"dataset:{made.dataset_id}@2"
    assert find_dataset(f"{made.dataset_id}@1", store) == f"dataset:{made.dataset_id}@1"
    for unknown in (f"{made.dataset_id}@3", "0" * 16):
        with pytest.raises(InputError) as error:
            find_dataset(unknown, store)
        assert error.value.code == "unknown_benchmark"


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=40))
def test_no_text_but_an_id_or_a_reference_means_anything(text):
    """Whatever is written, it is refused, or it is a reference that was checked."""
    try:
        task = find_dataset(text, None)
    except InputError:
        return
    assert checked_reference(reference_of(task)) == reference_of(task)


def test_reference_is_one_data_set_an_evaluation():
    """The units of an evaluation find the same data set; another evaluation fetches anew."""
    task = f"dataset:runs:/{RUN}/q.csv"
    assert is_reference(task)
    assert local_task(task, "a") == local_task(task, "a") != local_task(task, "b")
    assert local_task("dataset:0123456789abcdef@1", "a") == "dataset:0123456789abcdef@1"


def test_mode_is_one_of_four():
    """Without a mode it is oracle_context; an unknown one names the nearest."""
    assert check_mode({}, "m") == "oracle_context"
    assert check_mode({"mode": "closed_book"}, "m") == "closed_book"
    with pytest.raises(InputError, match="oracle"):
        check_mode({"mode": "oracle"}, "m")
    with pytest.raises(InputError):
        check_mode({"mode": 3}, "m")


@pytest.mark.parametrize(
    ("named", "server", "name"),
    [
        ("m", "openai", "m"),
        ("vllm/m", "vllm", "m"),
        ("vllm/meta/m", "vllm", "meta/m"),
        ("baseline:random", "", "baseline:random"),
    ],
)
def test_model_is_a_name_of_openai_or_of_the_server_before_the_slash(named, server, name):
    """NAME alone is of the server openai, SERVER/NAME of another; names may hold further slashes."""
    assert model_choice(named) == ModelChoice(name=name, server=server)


def test_thresholds_are_numbers_of_known_gates():
    """Each gate by its name, from 0 to 1; everything else is refused at its place."""
    assert thresholds_of({"round_trip": 0.5}).round_trip == 0.5
    for wrong in ({"round_trp": 0.5}, {"round_trip": 2}, {"round_trip": "0.5"}, {"round_trip": True}):
        with pytest.raises(InputError) as error:
            thresholds_of(wrong)
        assert error.value.where.startswith("gates.")


def test_data_set_is_told_from_other_benchmarks():
    """By its provider, or by how its id begins."""
    assert names_dataset(BenchmarkChoice(id="ab", provider_id="dataset"))
    assert names_dataset(BenchmarkChoice(id="dataset:ab"))
    assert not names_dataset(BenchmarkChoice(id="arc_easy"))


def test_established_variables_name_servers():
    """OPENAI_BASE_URL moves the entry openai, ANYSCALE_KEY makes one; own variables win."""
    shelf = with_variables(shipped_shelf(), {"OPENAI_BASE_URL": "http://10.0.0.1/v1", "ANYSCALE_KEY": "k"})
    anyscale = shelf.server("anyscale")
    assert shelf.server("openai").url == "http://10.0.0.1/v1"
    assert (anyscale.url.startswith("https://"), anyscale.api_key_env) == (True, "ANYSCALE_KEY")
    named = {"OPENAI_BASE_URL": "http://10.0.0.1/v1", "EVALTRAIL_SERVER_OPENAI_URL": "http://10.0.0.2/v1"}
    assert with_variables(shipped_shelf(), named).server("openai").url == "http://10.0.0.2/v1"


@pytest.mark.parametrize(
    ("url", "key", "needed"),
    [
        ("http://127.0.0.1:9/v1", "", ""),
        ("http://127.0.0.1:9/v1", "sk", "OPENAI_API_KEY"),
        ("https://api.openai.com/v1", "", "OPENAI_API_KEY"),
        ("", "", "OPENAI_API_KEY"),
    ],
)
def test_endpoint_of_ones_own_needs_no_key(url, key, needed):
    """With OPENAI_BASE_URL a key is sent where there is one; OpenAI's own endpoint always needs it."""
    shelf = with_variables(shipped_shelf(), {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": key})
    assert shelf.server("openai").api_key_env == needed


def test_experiment_of_questions_is_described_as_the_whole_that_it_is():
    """Evaluations of every model and data set go there, so the first one's names are no description of it."""
    asked = Benchmark(id="q", provider_id="dataset", task="dataset:0123456789abcdef@1")
    assert described(some_submission(benchmarks=(asked,))) == described(some_submission(benchmarks=(asked, asked)))
    assert "0123456789abcdef" not in described(some_submission(benchmarks=(asked,)))
    assert described(some_submission("arc")) == "Evaluation of m on p/arc"
