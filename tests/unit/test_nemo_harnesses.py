"""Which harnesses are installed, which task a name means, and what nemo-evaluator is asked to do."""

from __future__ import annotations

import json
import runpy
import stat
import sys
from types import MappingProxyType

import pytest
import yaml

from evaltrail.core.errors import InputError
from evaltrail.providers.nemo.command import child_environ, command_line, endpoint_url, write_request
from evaltrail.providers.nemo.framework import HarnessTask
from evaltrail.providers.nemo.harnesses import evaluator_type, find_harnesses, find_task, search_paths
from nemo_harnesses import HARNESS_PACKAGE, add_harness, framework, job_spec

MMLU = HarnessTask(harness="simple_evals", name="mmlu", endpoint_types=("chat",))


def found(*folders):
    return find_harnesses([str(folder) for folder in folders])


def refused(name, harnesses) -> InputError:
    with pytest.raises(InputError) as caught:
        find_task(name, harnesses)
    return caught.value


def requested(tmp_path, spec, task=MMLU, **how):
    return yaml.safe_load(write_request(spec, task, tmp_path / "artifacts", **how).read_text())


def test_the_small_harness_is_found_with_its_tasks():
    """Name, package, tasks, and what each is asked with: its own settings over those of the harness."""
    (harness,) = found(HARNESS_PACKAGE)
    assert (harness.name, harness.package, harness.problem) == ("simple_evals", "simple_evals", "")
    assert set(harness.tasks) == {"mmlu", "crash", "hang", "flood"}
    flood = harness.tasks["flood"]
    assert (flood.query, flood.endpoint_types) == ("simple_evals.flood", ("chat",))
    assert flood.description.startswith("Prints many lines")
    assert flood.params["limit_samples"] == 4
    assert flood.params["parallelism"] == 8
    assert flood.params["extra"] == {"lines": 10_000}
    assert "limit_samples" not in harness.tasks["mmlu"].params


def test_the_questions_are_what_their_script_makes():
    """The file is data, and the script beside it says where it comes from."""
    folder = HARNESS_PACKAGE / "core_evals" / "simple_evals"
    made = list(runpy.run_path(str(folder / "questions.py"))["make"]())
    assert made == [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    assert all(len(set(question["options"])) == 4 for question in made)


def test_packages_of_several_folders_are_found_in_their_order(tmp_path):
    """A namespace is spread over folders; of two packages with one name the first counts."""
    add_harness(tmp_path / "one", "first", "a", package="same")
    add_harness(tmp_path / "two", "second", "b", package="same")
    add_harness(tmp_path / "two", "third", "c")
    assert [harness.name for harness in found(tmp_path / "one", tmp_path / "gone", tmp_path / "two")] == [
        "first",
        "third",
    ]


def test_a_whole_package_hides_other_parts_of_the_namespace(tmp_path):
    """As in Python: a folder with ``__init__.py`` is a package of its own."""
    add_harness(tmp_path / "one", "first", "a")
    add_harness(tmp_path / "two", "second", "b")
    (tmp_path / "two" / "core_evals" / "__init__.py").touch()
    assert [harness.name for harness in found(tmp_path / "one", tmp_path / "two")] == ["second"]


def test_both_namespaces_are_looked_through(tmp_path):
    """Harnesses of one's own stand beside nemo-evaluator itself."""
    add_harness(tmp_path, "ours", "a", namespace="nemo_evaluator")
    add_harness(tmp_path, "theirs", "b")
    assert [harness.name for harness in found(tmp_path)] == ["ours", "theirs"]


def test_folders_that_are_no_packages_are_passed_over(tmp_path):
    """Without ``__init__.py`` nemo-evaluator does not see it either."""
    add_harness(tmp_path, "bare", "a").with_name("__init__.py").unlink()
    assert found(tmp_path) == ()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: [", "expected"),
        ("- 1", "the file is no mapping"),
        ("", "the file is no mapping"),
        ({"framework": {}}, "framework.name is no name"),
        (framework("bad", evaluations={}), "evaluations is no list"),
        (framework("bad", evaluations=[{"defaults": {}}]), "evaluations[0].defaults.config.type is no name"),
        ("[" * 500, "nested too deeply"),
        ("a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *a]\n" for n in range(9)), "fr"),
    ],
)
def test_a_broken_file_is_told_and_stops_no_other(tmp_path, content, problem):
    """It has a problem and no tasks; who asks for it is told where it lies."""
    file = add_harness(tmp_path, "bad", content=content)
    add_harness(tmp_path, "good", "a")
    bad, good = found(tmp_path)
    assert problem in bad.problem
    assert not bad.tasks
    assert find_task("a", (bad, good)).query == "good.a"
    error = refused("bad.a", (bad, good))
    assert (error.code, error.where) == ("broken_harness", str(file))


def test_a_task_is_meant_by_its_whole_name_or_by_its_own(tmp_path):
    """Names of harnesses may hold hyphens."""
    add_harness(tmp_path, "lm-evaluation-harness", "ifeval", "mmlu")
    harnesses = found(tmp_path)
    assert find_task("lm-evaluation-harness.ifeval", harnesses).name == "ifeval"
    assert find_task("ifeval", harnesses).query == "lm-evaluation-harness.ifeval"


def test_a_name_that_two_harnesses_offer_is_ambiguous(tmp_path):
    """Both are named; the whole name helps, and nemo-evaluator is given it too."""
    add_harness(tmp_path, "lm-evaluation-harness", "ifeval", "mmlu")
    harnesses = found(HARNESS_PACKAGE, tmp_path)
    error = refused("mmlu", harnesses)
    assert error.code == "ambiguous_task"
    assert "simple_evals and lm-evaluation-harness" in error.message
    assert "simple_evals.mmlu or lm-evaluation-harness.mmlu" in error.hint
    assert evaluator_type(find_task("simple_evals.mmlu", harnesses), harnesses) == "simple_evals.mmlu"
    assert evaluator_type(find_task("ifeval", harnesses), harnesses) == "ifeval"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("simple_evals.mmllu", "did you mean 'simple_evals.mmlu'?"),
        ("mmul", "did you mean 'mmlu'?"),
        ("simple-evals.mmlu", "did you mean 'simple_evals.mmlu'?"),
        ("simple_evals.zzz", "it offers crash, flood, hang and mmlu"),
        ("garak.garak", "pip install nvidia-eval-factory-garak"),
        ("lm-evaluation-harness.ifeval", "pip install nvidia-lm-eval"),
        ("helm.medcalc_bench", "pip install nvidia-crfm-helm"),
        ("tau2_bench.airline", "container"),
        ("garac.garak", "did you mean 'garak'?"),
        ("zzz", "nemo-evaluator ls"),
    ],
)
def test_an_unknown_task_is_answered_with_the_next_step(name, hint):
    """The nearest name, or the package that offers the harness."""
    error = refused(name, found(HARNESS_PACKAGE))
    assert error.code == "unknown_task"
    assert hint in error.hint


def test_without_any_harness_one_to_begin_with_is_named():
    """Nothing is installed: the hint says what to install."""
    assert "pip install nvidia-simple-evals" in refused("zzz", ()).hint


def test_a_child_looks_where_its_variables_say_first():
    """PYTHONPATH goes before the folders of this Python."""
    assert search_paths({"PYTHONPATH": "/a:/b:"})[:2] == ("/a", "/b")
    assert set(sys.path) <= set(search_paths({}))


@pytest.mark.parametrize(
    ("url", "kind", "whole"),
    [
        ("http://h/v1", "chat", "http://h/v1/chat/completions"),
        ("http://h:8000/v1/", "completions", "http://h:8000/v1/completions"),
        ("http://h/api/v1?version=2", "completions_logprob", "http://h/api/v1/completions?version=2"),
        ("http://h/v1", "embedding", "http://h/v1/embeddings"),
        ("http://h/v1/chat/completions", "chat", "http://h/v1/chat/completions"),
        ("http://h/generate", "chat", "http://h/generate"),
        ("http://h/v1", "undefined", "http://h/v1"),
        ("http://[::1/v1", "chat", "http://[::1/v1"),
    ],
)
def test_only_a_base_url_gets_the_path_of_its_type(url, kind, whole):
    """The launcher's URLs are whole; ours may end in ``/v1``."""
    assert endpoint_url(url, kind) == whole


def test_a_request_says_what_where_and_for_whom(tmp_path):
    """Task, folder, endpoint, settings, and where it all comes from."""
    spec = job_spec(params={"limit_samples": 5, "temperature": 1e-05}, api_key_env="MY_KEY")
    request = requested(tmp_path, spec, evaluator_type="mmlu")
    assert request["config"] == {
        "type": "mmlu",
        "output_dir": str(tmp_path / "artifacts"),
        "params": {"limit_samples": 5, "temperature": 1e-05},
    }
    url = "http://127.0.0.1:9/v1/chat/completions"
    assert request["target"]["api_endpoint"] == {
        "url": url,
        "model_id": "mock",
        "type": "chat",
        "api_key_name": "MY_KEY",
    }
    assert request["metadata"]["launcher_resolved_config"] == spec.config
    assert request["metadata"]["launcher_command"] == spec.command
    assert set(request["metadata"]["versioning"]) == {"evaltrail"}


def test_settings_of_the_endpoint_go_before_the_target(tmp_path):
    """A task may have an adapter, a model or a URL of its own; read-only mappings are written like others."""
    adapter = {"params_to_add": {"chat_template_kwargs": {"thinking": False}}, "interceptors": ("caching",)}
    endpoint = MappingProxyType({"url": "http://other/v1", "model_id": "theirs", "adapter_config": adapter})
    request = requested(tmp_path, job_spec(evaluator={"target": {"api_endpoint": endpoint}}))
    found = request["target"]["api_endpoint"]
    assert (found["url"], found["model_id"]) == ("http://other/v1/chat/completions", "theirs")
    assert found["adapter_config"] == {**adapter, "interceptors": ["caching"]}


def test_a_request_is_for_its_owner_alone(tmp_path):
    """It may hold headers with keys; and it lies where nothing is uploaded from."""
    file = write_request(job_spec(), MMLU, tmp_path / "artifacts")
    assert file.parent == tmp_path
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "artifacts"}


@pytest.mark.parametrize(
    ("types", "given", "kind"),
    [
        (("completions", "chat"), "", "chat"),
        (("completions", "embedding"), "", "completions"),
        ((), "", "chat"),
        ((), "embedding", "embedding"),
        (("chat", "completions"), "completions", "completions"),
    ],
)
def test_the_type_is_the_configurations_else_one_that_the_task_asks(tmp_path, types, given, kind):
    """Chat where the task can."""
    task = HarnessTask(harness="h", name="t", endpoint_types=types)
    request = requested(tmp_path, job_spec(endpoint_type=given), task)
    assert request["target"]["api_endpoint"]["type"] == kind


@pytest.mark.parametrize(
    ("changes", "code", "hint"),
    [
        ({"endpoint_type": "completions"}, "endpoint_type", "type: chat"),
        ({"evaluator": {"confg": {}}}, "unknown_key", "did you mean 'config'?"),
        ({"evaluator": {"config": {"type": "gpqa"}}}, "bad_value", "evaluation.tasks"),
        ({"evaluator": {"config": {"output_dir": "/elsewhere"}}}, "bad_value", "execution.output_dir"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(tmp_path, changes, code, hint):
    """nemo-evaluator would say so after seconds, or not at all."""
    with pytest.raises(InputError) as caught:
        write_request(job_spec(**changes), MMLU, tmp_path / "artifacts")
    assert caught.value.code == code
    assert hint in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_missing_nemo_evaluator_is_told_with_the_next_step(tmp_path):
    """The extra is not part of every installation."""
    with pytest.raises(InputError) as caught:
        command_line(tmp_path / "request.yml", [str(tmp_path)])
    assert (caught.value.code, caught.value.hint) == ("missing_package", "pip install nemo-evaluator")


def test_the_child_tells_its_makers_nothing_unless_asked_to():
    """Telemetry is off; who sets its variable is heard."""
    assert child_environ({})["NEMO_EVALUATOR_TELEMETRY_LEVEL"] == "0"
    assert child_environ({"NEMO_EVALUATOR_TELEMETRY_LEVEL": "2"})["NEMO_EVALUATOR_TELEMETRY_LEVEL"] == "2"


def test_the_child_finds_the_programs_of_this_python_first():
    """A harness is often a command that was installed beside this Python."""
    folder = sys.executable.rpartition("/")[0]
    assert child_environ({"PATH": "/usr/bin"})["PATH"] == f"{folder}:/usr/bin"
    assert child_environ({})["PATH"].startswith(f"{folder}:")


def test_two_children_have_ports_of_their_own():
    """Left alone, both would take the same one, and one would ask the other's model."""
    ports = {child_environ({})["ADAPTER_PORT"] for _ in range(8)}
    assert len(ports) > 1
    assert child_environ({"ADAPTER_PORT": "4000"})["ADAPTER_PORT"] == "4000"


def test_a_proxy_is_not_asked_for_this_machine():
    """The harness asks a port of this machine; who has a proxy keeps their exceptions."""
    found = child_environ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "intra"})
    assert found["no_proxy"] == found["NO_PROXY"] == "intra,localhost,127.0.0.1"
    assert "no_proxy" not in child_environ({})
