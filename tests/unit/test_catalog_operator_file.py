"""The operator's file and task folder: what they add, what is wrong with them, and what stays in force meanwhile."""

from __future__ import annotations

import json
import os

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.service.catalog.catalog import Catalog
from native_tasks import write_task

GOOD = """
servers:
  lab: {url: "http://lab:8001/v1", api_key_env: LAB_KEY, max_concurrency: 8}
  vllm: {url: "http://lab:9000/v1"}
collections:
  ours_v1:
    name: Ours
    tags: {team: ours}
    pass_criteria: {threshold: 0.7}
    benchmarks:
      - {id: arc_easy, weight: 2, config: {num_fewshot: 5}}
      - {provider_id: native, id: sums, primary_score: exact_match}
benchmarks:
  - {provider_id: lm_evaluation_harness, id: arc_easy, category: ours}
  - {provider_id: native, id: sums, task_file: own/task.yaml}
default_collection: ours_v1
"""
MEMBER = "{id: arc_easy, provider_id: lm_evaluation_harness}"


@pytest.fixture
def home(tmp_path):
    """A home with a task file that the operator's file may name."""
    (tmp_path / "own").mkdir()
    write_task(tmp_path / "own")
    return tmp_path


def written(home, text):
    """The home with such a file, which differs from the one before to whoever looks."""
    new = home / "new.yaml"
    new.write_bytes(text.encode() if isinstance(text, str) else text)
    new.replace(home / "catalog.yaml")
    return home


def opened(home, **variables):
    """A catalog of the home that looks each time."""
    return Catalog(load_settings({"EVALTRAIL_HOME": str(home), **variables}, None), look_every_s=0.0)


def collection(benchmarks=f"[{MEMBER}]", **more):
    """A file with one collection."""
    return f"collections: {{c: {{benchmarks: {benchmarks}, {', '.join(f'{k}: {v}' for k, v in more.items())}}}}}"


def test_the_file_adds_and_overrides(home):
    """Servers, benchmarks and collections of its own; of what ships, only what it says is another."""
    catalog = opened(written(home, GOOD), EVALTRAIL_SERVER_LAB_URL="http://lab:1/v1")
    assert catalog.problems == ()
    assert (catalog.server("vllm").url, catalog.server("vllm").source) == ("http://lab:9000/v1", "file")
    assert (catalog.server("LAB").url, catalog.server("lab").max_concurrency) == ("http://lab:1/v1", 8)
    arc = catalog.benchmark("lm_evaluation_harness", "arc_easy")
    assert (arc.category, arc.name, arc.dataset_size) == ("ours", "ARC Easy", 2376)
    ours = catalog.collection_for({"team": "ours", "more": "tags"})
    assert ours == catalog.default_collection() == catalog.collection("ours_v1")
    first, second = ours.benchmarks
    assert (ours.threshold, first.weight, first.config, first.primary_score.metric) == (
        0.7,
        2.0,
        {"num_fewshot": 5},
        "acc",
    )
    assert second.task == str(home / "own" / "task.yaml")
    assert catalog.benchmark("native", "sums").metrics == ("exact_match",)


def test_without_a_file_there_is_what_ships(home):
    """And no default collection."""
    catalog = opened(home)
    assert catalog.default_collection() is None
    assert [each.name for each in catalog.servers()] == ["vllm", "ollama", "openai"]
    assert [each.id for each in catalog.benchmarks("ragas")] == [
        each.id for each in catalog.provider("ragas").benchmarks
    ]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("servers: [", "broken_yaml", "no YAML"),
        ("servers: {a: {url: http://a/v1}}\n---\nservers: {}", "broken_yaml", "several documents"),
        ("default_collection: a\ndefault_collection: b", "broken_yaml", "stands twice"),
        (b"servers: {a: {url: \xff}}", "broken_yaml", "no YAML"),
        ("a: " + "[" * 1000, "broken_yaml", "nested too deeply"),
        ("- a list", "bad_value", "a mapping"),
        ("server: {}", "unknown_key", "'server'"),
        ("servers: [a]", "bad_value", "a mapping"),
        ("servers: {a: {}}", "bad_url", "URL"),
        ("servers: {a: {url: 'file:///etc/passwd'}}", "bad_url", "http"),
        ("servers: {'a b': {url: http://a/v1}}", "bad_value", "no name"),
        ("servers: {a: {url: http://a/v1, max_concurrency: 0}}", "bad_value", "from 1 on"),
        ("servers: {a: {url: http://a/v1, api_key: sk-secret}}", "unknown_key", "'api_key'"),
        ("benchmarks: {a: b}", "bad_value", "a list"),
        ("benchmarks: [{id: a, provider_id: nobody}]", "unknown_provider", "'nobody'"),
        ("benchmarks: [{id: a, provider_id: native}]", "missing_key", "task_file"),
        ("benchmarks: [{id: a, provider_id: native, task_file: gone.yaml}]", "missing_task", "cannot be read"),
        ("benchmarks: [{id: a/b, provider_id: ragas}]", "bad_value", "no name"),
        ("default_collection: gone", "unknown_collection", "'gone'"),
        (collection("[]"), "bad_value", "1 to 200"),
        (collection("[{id: gone_for_good}]"), "unknown_benchmark", "'gone_for_good'"),
        (collection("[{provider_id: garak, id: toxicity}]"), "provider_not_installed", "garak"),
        (collection(f"[{MEMBER}, {MEMBER}]"), "bad_value", "stands twice"),
        (collection("[{id: arc_easy, weight: 0}]"), "bad_value", "above 0"),
        (collection("[{id: arc_easy, weight: '1'}]"), "bad_value", "a number"),
        (collection("[{id: arc_easy, weight: .nan}]"), "bad_value", "a number"),
        (collection("[{id: arc_easy, wieght: 1}]"), "unknown_key", "'wieght'"),
        (collection("[{id: arc_easy, benchmark_id: arc_easy}]"), "bad_value", "say the same"),
        (collection("[{id: arc_easy, threshold: 60}]"), "bad_threshold", "60"),
        (collection("[{id: arc_easy, primary_score: f1}]"), "unknown_metric", "'f1'"),
        (collection("[{id: gsm8k, primary_score: {metric: exact_match}}]"), "unknown_metric", "'exact_match'"),
        (
            collection("[{id: arc_easy, primary_score: {metric: acc, lower_is_better: 1}}]"),
            "bad_value",
            "true or false",
        ),
        (collection("[{id: mmlu_abstract_algebra, threshold: 0.5}]"), "missing_key", "no primary metric"),
        (collection(threshold=75), "bad_threshold", "75"),
        (collection(threshold=".inf"), "bad_value", "a number"),
        (collection(tags="{a: 1}"), "bad_value", "a text"),
    ],
)
def test_what_is_wrong_keeps_the_version_before(home, text, code, said):
    """A broken file is told, with its place and a next step, and changes nothing; at the start it is an error."""
    catalog = opened(written(home, GOOD))
    written(home, text)
    (problem,) = catalog.problems
    assert (problem.code, str(home) in problem.where) == (code, True)
    assert said in problem.message
    assert problem.hint
    assert "sk-secret" not in str(problem)
    assert catalog.server("lab").api_key_env == "LAB_KEY"
    with pytest.raises(InputError) as caught:
        opened(home)
    assert caught.value.code == code
    written(home, "servers: {}")
    assert catalog.problems == ()
    assert [each.name for each in catalog.servers()] == ["vllm", "ollama", "openai"]


def test_thresholds_are_in_the_metric_s_own_unit(home):
    """A share lies in [0, 1]; what is no share may have any threshold, and the whole too then."""
    perplexity = "{metric: perplexity, lower_is_better: true}"
    text = collection(f"[{{id: lambada_openai, primary_score: {perplexity}, threshold: 12.5}}]", threshold=12.5)
    made = opened(written(home, text)).collection("c")
    assert (made.threshold, made.benchmarks[0].threshold) == (12.5, 12.5)


def test_task_files_are_benchmarks_by_themselves(home):
    """By the task's name; what counts is the first of its metrics that grades answers."""
    folder = home / "tasks"
    folder.mkdir()
    metrics = ["latency", {"ndcg": {"k": 3}}, "exact_match"]
    write_task(folder, name="search", metrics=metrics, description="Finds")
    catalog = opened(home)
    found = catalog.benchmark("native", "search")
    assert (found.task, found.description) == (str(folder / "task.yaml"), "Finds")
    assert (found.metrics, found.primary_score.metric) == (("latency", "ndcg@3", "exact_match"), "ndcg@3")
    assert catalog.provider("native").benchmarks == (found,)
    (folder / "task.yaml").unlink()
    assert catalog.benchmarks("native") == ()


def test_a_broken_task_file_is_told_and_the_others_stand(home):
    """Each by its path; of two tasks of one name the first file's counts."""
    folder = home / "tasks"
    folder.mkdir()
    write_task(folder).rename(folder / "a.yaml")
    write_task(folder).rename(folder / "b.yml")
    write_task(folder, metrics=None).rename(folder / "c.yaml")
    (folder / "notes.txt").write_text("no task")
    (folder / "d.yaml").symlink_to("gone")
    os.mkfifo(folder / "e.yaml")
    catalog = opened(home)
    assert catalog.benchmark("native", "sums").task == str(folder / "a.yaml")
    assert [(each.code, each.where) for each in catalog.problems] == [
        ("duplicate_task", str(folder / "b.yml")),
        ("missing_key", str(folder / "c.yaml")),
    ]


def test_a_collection_may_hold_a_task_of_the_folder(home):
    """A task file that vanishes breaks the rule that its benchmarks exist: the version before stays."""
    (home / "tasks").mkdir()
    file = write_task(home / "tasks", name="sums")
    catalog = opened(written(home, collection("[{provider_id: native, id: sums, threshold: 0.9}]")))
    assert catalog.collection("c").benchmarks[0].task == str(file)
    file.unlink()
    assert [each.code for each in catalog.problems] == ["unknown_benchmark"]
    assert catalog.collection("c").benchmarks[0].task == str(file)


def test_a_file_is_not_read_again_while_it_is_the_same(home):
    """The very same entries are handed out until something has changed."""
    catalog = opened(written(home, GOOD))
    shelf = catalog.shelf()
    assert catalog.shelf() is shelf
    written(home, GOOD + "# changed\n")
    assert catalog.shelf() is not shelf


def test_a_catalog_without_a_store_cannot_be_changed(home):
    """It says so."""
    with pytest.raises(InputError) as caught:
        opened(home).add_collection(json.loads('{"name": "c", "benchmarks": [{"id": "arc_easy"}]}'))
    assert caught.value.code == "read_only"
