"""What requests put into the catalog: kept in the database, seen by every process, and confined to data."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.providers.catalog import open_task
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.store.catalog_entries import CatalogEntries
from evaltrail.store.database import open_database
from native_tasks import records, write_data, write_task

TASK = {"prompt": "{{ q }}", "target": "{{ a }}", "metrics": ["exact_match"], "rows": [{"q": "1+1", "a": "2"}]}
MEMBERS = [{"provider_id": "lm_evaluation_harness", "id": "arc_easy", "threshold": 0.6}]


@pytest.fixture
def database(tmp_path):
    """Of the jobs of a home."""
    opened = open_database("", tmp_path / "home", "normal")
    yield opened
    opened.close()


@pytest.fixture
def root(tmp_path):
    """A data root with a task file and its data, and a file beside the root that nobody is to reach."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_task(folder)
    write_data(folder / "data.jsonl", records(3))
    write_data(tmp_path / "outside.jsonl", records(1))
    (tmp_path / "outside.yaml").write_text((folder / "task.yaml").read_text())
    return folder


@pytest.fixture
def catalog(database, tmp_path, root):
    """A catalog that looks each time."""
    return opened(database, tmp_path, root)


def opened(database, tmp_path, root=None, **variables):
    """A catalog of the home, as a process has it."""
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path / "home"), **variables}, None)
    return Catalog(settings, CatalogEntries(database), data_root=root, look_every_s=0.0)


def refused(work) -> InputError:
    """The error of a request."""
    with pytest.raises(InputError) as caught:
        work()
    return caught.value


def test_a_collection_is_added_changed_and_deleted(catalog, database, tmp_path):
    """Another process sees each at its next look, and tells when it was."""
    other = opened(database, tmp_path)
    body = {"id": "ours", "name": "Ours", "tags": {"team": "ours"}, "benchmarks": MEMBERS}
    added = catalog.add_collection(body)
    assert (added.id, added.is_users, added.created_at) == ("ours", True, added.updated_at)
    assert other.collection_for({"team": "ours"}) == added
    changed = catalog.put_collection("ours", {**body, "pass_criteria": {"threshold": 0.8}})
    assert (changed.threshold, changed.created_at) == (0.8, added.created_at)
    assert changed.updated_at > added.updated_at
    assert other.collection("ours") == changed
    other.delete_collection("ours")
    assert refused(lambda: catalog.collection("ours")).code == "unknown_collection"


def test_a_collection_without_an_id_is_given_one(catalog):
    """As today's clients send it: words for tags, parameters for config."""
    members = [{"id": "arc_easy", "provider_id": "lm_evaluation_harness", "parameters": {"limit": 3}}]
    made = catalog.add_collection({"name": "Theirs", "category": "c", "tags": ["word"], "benchmarks": members})
    assert catalog.collection(made.id) == made
    assert (made.labels, made.benchmarks[0].config) == (("word",), {"limit": 3})


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda c: c.add_collection({"id": "healthcare_safety_v1", "benchmarks": MEMBERS}), "already_exists"),
        (lambda c: c.put_collection("healthcare_safety_v1", {"benchmarks": MEMBERS}), "read_only"),
        (lambda c: c.delete_collection("healthcare_safety_v1"), "read_only"),
        (lambda c: c.delete_collection("gone"), "unknown_collection"),
        (lambda c: c.put_collection("../x", {"benchmarks": MEMBERS}), "bad_value"),
        (lambda c: c.put_collection("a", {"id": "b", "benchmarks": MEMBERS}), "bad_value"),
        (lambda c: c.add_collection([]), "bad_value"),
        (lambda c: c.add_server({"id": "VLLM", "url": "https://example.com/v1"}), "already_exists"),
        (lambda c: c.put_server("vllm", {"url": "https://example.com/v1"}), "read_only"),
        (lambda c: c.delete_server("openai"), "read_only"),
        (lambda c: c.delete_server("gone"), "unknown_server"),
        (lambda c: c.delete_benchmark("arc_easy"), "read_only"),
        (lambda c: c.delete_benchmark("gone"), "unknown_benchmark"),
    ],
)
def test_what_is_not_a_user_s_is_not_changed(catalog, work, code):
    """What ships, what the operator set, and what is not there; each with a code of its own."""
    before = catalog.shelf()
    assert refused(lambda: work(catalog)).code == code
    assert catalog.shelf() is before


def test_an_error_says_where_in_the_request(catalog):
    """The path of the field, below the place that the caller has it at."""
    body = {"name": "c", "benchmarks": [*MEMBERS, {"id": "gsm8k", "threshold": 40}]}
    assert refused(lambda: catalog.add_collection(body)).where == "benchmarks.1.threshold"
    assert refused(lambda: catalog.add_collection(body, where="body")).where == "body.benchmarks.1.threshold"


def test_a_server_of_a_request_names_no_variable_and_no_private_place(catalog, database, tmp_path):
    """Its URL is checked as that of any request, its key can only be the operator's to set."""
    added = catalog.add_server({"id": "public", "url": "https://example.com/v1/", "max_concurrency": 4})
    assert (added.url, added.is_users, added.max_concurrency) == ("https://example.com/v1", True, 4)
    assert catalog.put_server("PUBLIC", {"url": "https://example.org/v1"}).url == "https://example.org/v1"
    keyed = {"id": "k", "url": "https://example.com/v1", "api_key_env": "OPENAI_API_KEY"}
    assert refused(lambda: catalog.add_server(keyed)).code == "not_allowed"
    private = {"id": "p", "url": "http://169.254.169.254/v1"}
    error = refused(lambda: catalog.add_server(private))
    assert (error.code, error.where) == ("private_url", "url")
    allowing = opened(database, tmp_path, EVALTRAIL_ALLOW_PRIVATE_URLS="169.254.169.254")
    assert allowing.add_server(private).name == "p"
    catalog.delete_server("p")
    assert refused(lambda: allowing.server("p")).code == "unknown_server"


def test_the_operator_s_name_hides_a_user_s(catalog, database, tmp_path):
    """A name that the operator set later is the operator's; the hidden entry is told, not lost."""
    catalog.add_server({"id": "lab", "url": "https://example.com/v1"})
    set_up = opened(database, tmp_path, EVALTRAIL_SERVER_LAB_URL="http://lab/v1")
    assert (set_up.server("lab").source, [each.code for each in set_up.problems]) == ("environment", ["hidden"])
    assert catalog.server("lab").is_users


def test_a_task_in_a_request_can_be_run(catalog, database, tmp_path):
    """It is a task file with its data, for workers of the same home; private, as all of it is."""
    made = catalog.add_benchmark({"id": "sums", "provider_id": "native", "category": "math", "task": TASK})
    assert opened(database, tmp_path).benchmark("native", "sums") == made
    assert (made.metrics, made.primary_score.metric, made.dataset_size) == (("exact_match",), "exact_match", 1)
    asked = EvaluationRequest(tasks=(made.task,), target=ModelTarget(id="m"))
    assert open_task(made.task, asked, datasets_dir=None, environ={}).total == 1
    folder = tmp_path / "home" / "catalog" / "benchmarks" / "sums"
    assert Path(made.task).is_relative_to(folder)
    assert {each.stat().st_mode & 0o077 for each in (folder, Path(made.task).parent)} == {0}


def test_another_content_lies_beside_the_first(catalog):
    """Evaluations that were accepted with the first still find it, also when the benchmark is deleted."""
    first = catalog.add_benchmark({"id": "sums", "task": TASK})
    second = catalog.put_benchmark({"id": "sums", "task": {**TASK, "prompt": "Q: {{ q }}"}})
    assert catalog.put_benchmark({"id": "sums", "name": "Sums", "task": TASK}).task == first.task != second.task
    catalog.delete_benchmark("sums")
    assert (Path(first.task).is_file(), Path(second.task).is_file()) == (True, True)


def test_a_benchmark_of_a_collection_is_not_deleted(catalog):
    """The error says which collection has it; without the collection it goes."""
    catalog.add_benchmark({"id": "sums", "task": TASK})
    catalog.add_collection({"id": "c", "benchmarks": [{"provider_id": "native", "id": "sums", "threshold": 1}]})
    error = refused(lambda: catalog.delete_benchmark("sums"))
    assert (error.code, "c" in error.message) == ("in_use", True)
    catalog.delete_collection("c")
    catalog.delete_benchmark("sums")
    assert catalog.benchmarks("native") == ()


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"metrics": ["os.system"]}, "unknown_metric", "task.metrics.0"),
        ({"metrics": [{"mine": {"grading_prompt": "grade"}}]}, "unknown_metric", "task.metrics.0"),
        ({"metrics": [{"safety": {"model": "http://evil/v1#m"}}]}, "not_allowed", "task.metrics.0.model"),
        ({"metrics": [{"toxicity": {"classifier": "org/m"}}]}, "not_allowed", "task.metrics.0.classifier"),
        ({"metrics": [{"toxicity": {"words": "/etc/passwd"}}]}, "not_allowed", "task.metrics.0.words"),
        ({"metrics": [{"token_count": {"tokenizer": "x"}}]}, "not_allowed", "task.metrics.0.tokenizer"),
        ({"metrics": [{"json_schema": {"schema": "/etc/passwd"}}]}, "not_allowed", "task.metrics.0.schema"),
        ({"metrics": []}, "bad_value", "task.metrics"),
        ({"dataset": "/etc/passwd"}, "unknown_key", "task.dataset"),
        ({"fewshot": {"dataset": "x.jsonl", "k": 1}}, "unknown_key", "task.fewshot"),
        ({"command": "rm"}, "unknown_key", "task.command"),
        ({"rows": []}, "bad_value", "task.rows"),
        ({"rows": [{"q": "1"}, {"a": "2"}]}, "missing_field", "task.target"),
        ({"rows": ["text"]}, "bad_value", "task.rows.0"),
        ({"prompt": "{{ q"}, "bad_template", "task.prompt"),
        ({"prompt": 5.5, "messages": []}, "missing_key", "task"),
    ],
)
def test_a_task_in_a_request_is_data_only(catalog, tmp_path, changes, code, where):
    """No other file, no model, no program; what is wrong is told by its place, and leaves nothing behind."""
    error = refused(lambda: catalog.add_benchmark({"id": "sums", "task": {**TASK, **changes}}))
    assert (error.code, error.where.startswith(where)) == (code, True), (error.code, error.where, error.message)
    assert str(tmp_path) not in str(error)
    assert catalog.benchmarks("native") == ()
    assert list((tmp_path / "home").glob("catalog/benchmarks/*/*")) == []


@pytest.mark.parametrize("benchmark_id", ["..", "../up", "/abs", "a/b", ".hidden", "a\0b", "", 5, None, "x" * 129])
def test_a_benchmark_s_id_leads_nowhere(catalog, tmp_path, benchmark_id):
    """It becomes a folder's name, and nothing else."""
    error = refused(lambda: catalog.add_benchmark({"id": benchmark_id, "task": TASK}))
    assert error.where == "id"
    assert not (tmp_path / "home" / "catalog").exists()


def test_a_task_file_below_the_data_root_is_used_where_it_lies(catalog, root, tmp_path):
    """Its path may be relative to the root, or absolute within it; it is read for its metrics alone."""
    made = catalog.add_benchmark({"id": "mine", "task_file": "task.yaml", "primary_score": "exact_match"})
    assert (made.task, made.metrics) == (str(root / "task.yaml"), ("exact_match",))
    inside = catalog.put_benchmark({"id": "mine", "task_file": str(root / "task.yaml")})
    assert inside.task == made.task
    assert not (tmp_path / "home" / "catalog").exists()


def _link(root, name, target):
    """A link in the root."""
    (root / name).symlink_to(target)
    return name


def _bomb(root):
    """A file whose aliases would be millions of values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (root / "bomb.yaml").write_text("\n".join(lines))
    return "bomb.yaml"


def _large(root):
    """A file that holds more than a task."""
    content = json.loads((root / "task.yaml").read_text())
    (root / "large.yaml").write_text(json.dumps({**content, "description": "x" * 1_100_000}))
    return "large.yaml"


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (lambda root: "../outside.yaml", "outside_data_root"),
        (lambda root: "sub/../task.yaml", "outside_data_root"),
        (lambda root: str(root.parent / "outside.yaml"), "outside_data_root"),
        (lambda root: str(root.parent / "gone.yaml"), "outside_data_root"),
        (lambda root: _link(root, "link.yaml", root.parent / "outside.yaml"), "outside_data_root"),
        (lambda root: f"{_link(root, 'folder', root.parent)}/outside.yaml", "outside_data_root"),
        (lambda root: _link(root, "loop.yaml", "loop.yaml"), "missing_file"),
        (lambda root: "gone.yaml", "missing_file"),
        (lambda root: ".", "missing_file"),
        (lambda root: "", "outside_data_root"),
        (lambda root: "a\0b", "outside_data_root"),
        (lambda root: write_task(root, dataset="../outside.jsonl").name, "outside_data_root"),
        (lambda root: write_task(root, dataset=str(root.parent / "outside.jsonl")).name, "outside_data_root"),
        (lambda root: write_task(root, dataset=_link(root, "l.jsonl", "../outside.jsonl")).name, "outside_data_root"),
        (lambda root: write_task(root, dataset="gone.jsonl").name, "missing_file"),
        (lambda root: write_task(root, dataset="task.yaml").name, "bad_dataset"),
        (lambda root: write_task(root, fewshot={"dataset": "../outside.jsonl", "k": 1}).name, "outside_data_root"),
        (lambda root: write_task(root, metrics=[{"safety": {"model": "http://x/v1#m"}}]).name, "not_allowed"),
        (lambda root: write_task(root, prompt="{{ x").name, "bad_template"),
        (lambda root: write_task(root, promt="x").name, "unknown_key"),
        (_bomb, "broken_yaml"),
        (_large, "bad_task"),
    ],
)
def test_a_task_file_is_confined_to_the_data_root(catalog, root, place, code):
    """It and the data that it names, wherever links lead; what lies outside is refused alike, there or not."""
    error = refused(lambda: catalog.add_benchmark({"id": "mine", "task_file": place(root)}))
    assert (error.code, error.where.startswith("task_file")) == (code, True), (error.code, error.where)
    assert str(root) not in error.where
    assert catalog.benchmarks("native") == ()


def test_an_entry_that_cannot_be_read_is_told_and_the_others_stand(catalog, database):
    """One broken entry, of another version say, costs nobody else."""
    catalog.add_collection({"id": "good", "benchmarks": MEMBERS})
    entries = CatalogEntries(database)
    entries.put("collection", "bad", {"benchmarks": [{"id": "task_that_went_away"}]})
    entries.put("benchmark", "worse", {"id": 5})
    entries.put("server", "worst", {"url": "ftp://x"})
    assert sorted(each.where.partition(".")[0] for each in catalog.problems) == [
        "benchmark worse",
        "collection bad",
        "server worst",
    ]
    assert catalog.collection("good").benchmarks[0].id == "arc_easy"


def test_threads_see_whole_states(catalog):
    """While one thread changes a collection, every look of others is at one version of it."""
    catalog.add_collection({"id": "c", "name": "0", "benchmarks": MEMBERS, "tags": {"n": "0"}})
    torn: list[object] = []
    ends = threading.Event()

    def look():
        while not ends.is_set():
            found = catalog.collection("c")
            if found.tags["n"] != found.name:
                torn.append(found)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 8):
        catalog.put_collection("c", {"name": str(number), "benchmarks": MEMBERS, "tags": {"n": str(number)}})
    ends.set()
    for thread in threads:
        thread.join()
    assert (torn, catalog.collection("c").name) == ([], "7")


def test_the_catalog_outlasts_its_database(catalog, database, tmp_path):
    """While the database is away, what is known goes on being known."""
    catalog.add_collection({"id": "c", "benchmarks": MEMBERS})
    (tmp_path / "home" / "jobs.db").rename(tmp_path / "away.db")
    database._engine.pool.dispose()
    assert catalog.collection("c").id == "c"
    assert catalog.server("vllm").name == "vllm"
