"""A composed configuration read: seed 002's file, every key's kind, and every problem on a line of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from configuration_files import ENDPOINT, LEAST, ConfigurationFiles, one_file
from evaltrail.config.composition.compose import compose
from evaltrail.config.composition.configuration import read_run_config
from evaltrail.config.composition.keys import read_keys
from evaltrail.core.run_config import SlurmOptions

SEED = """\
execution:
  auto_export:
    destinations: ["mlflow"]
  
  # Export-related env vars (placeholders expanded at runtime)
  env_vars:
    export:
      MLFLOW_TRACKING_URI: MLFLOW_TRACKING_URI # or set tracking_uri under export.mflow
      PATH: "/path/to/conda/env/bin:$PATH" # set for slurm executor jobs

export:
  mlflow:
    tracking_uri: "http://mlflow.example.com:5000"
    experiment_name: "llm-evaluation"
    description: "Llama 3.1 8B evaluation"
    log_metrics: ["mmlu_score_macro", "mmlu_score_micro"]
    tags:
      model_family: "llama"
      version: "3.1"
    extra_metadata:
      hardware: "A100"
      batch_size: 32
    log_artifacts: true

target:
  api_endpoint:
    model_id: meta/llama-3.1-8b-instruct
    url: https://integrate.api.nvidia.com/v1/chat/completions

evaluation:
  tasks:
    - name: simple_evals.mmlu
"""  # noqa: W293  as the seed has it
"""Seed 002's run configuration, as it stands."""


def test_the_seeds_file_is_read_as_it_stands(tmp_path):
    """Nothing in it needs changing, and nothing of it is passed over."""
    config = one_file(tmp_path, SEED).read()
    (task,) = config.tasks
    assert (task.name, dict(task.evaluator), dict(task.env_vars)) == ("simple_evals.mmlu", {}, {})
    assert task.where == f"{tmp_path}/config.yaml:32"
    assert (config.executor, config.mode, config.output_dir) == ("local", "sequential", tmp_path / "results")
    assert (config.model, config.url) == (
        "meta/llama-3.1-8b-instruct",
        "https://integrate.api.nvidia.com/v1/chat/completions",
    )
    assert (config.api_key_env, config.endpoint_type, config.walltime_s) == ("", "", None)
    assert config.destinations == ("mlflow",)
    assert config.export_env == {
        "MLFLOW_TRACKING_URI": "MLFLOW_TRACKING_URI",
        "PATH": "/path/to/conda/env/bin:$PATH",
    }
    assert config.export["mlflow"]["tags"] == {"model_family": "llama", "version": "3.1"}
    assert config.export["mlflow"]["extra_metadata"] == {"hardware": "A100", "batch_size": 32}
    assert (config.notices, config.secrets, config.folders) == ((), frozenset(), (tmp_path,))
    assert config.whole["deployment"] == {"type": "none"}


def test_a_run_configuration_of_the_launcher_is_read(tmp_path):
    """Defaults list, Slurm, variables at three places, both words, and keys that mean nothing to us."""
    text = """\
defaults:
  - execution: slurm/default
  - deployment: none
  - _self_
env_vars: {HF_TOKEN: host:HF_TOKEN, A: lit:top}
execution:
  hostname: localhost
  username: ${oc.env:USER}
  account: acc
  partition: batch
  output_dir: /data/${execution.account}
  walltime: 01:00:00
  gres: gpu:8
  num_nodes: 2
  sbatch_comment: weekly
  sbatch_extra_flags: {exclusive: true, qos: high, requeue: null}
  mounts: {mount_home: false}
  extra_docker_args: ""
target:
  api_endpoint: {url: "http://h:1/v1/completions", model_id: m, api_key_name: MY_KEY, type: completions}
evaluation:
  env_vars: {A: lit:evaluation, B: 1, C: true}
  nemo_evaluator_config:
    config: {params: {temperature: 0.6, limit_samples: "10", extra: {tokenizer: x}}}
    target: {api_endpoint: {adapter_config: {use_caching: false}}}
  tasks:
    - name: ruler.128k
      container: nvcr.io/x
      endpoint_type: chat
      env_vars: {A: lit:task}
      config: {config: {params: {temperature: 1, extra: {more: 1}}}}
    - capitals.yaml
export:
  wandb: {project: p}
  env_vars: {MLFLOW_TRACKING_URI: host:URI}
"""
    config = one_file(tmp_path, text).read(environ={"USER": "me"})
    ruler, capitals = config.tasks
    assert ruler.evaluator == {
        "target": {"api_endpoint": {"type": "chat", "adapter_config": {"use_caching": False}}},
        "config": {"params": {"temperature": 1, "limit_samples": 10, "extra": {"tokenizer": "x", "more": 1}}},
    }
    assert ruler.env_vars == {"HF_TOKEN": "host:HF_TOKEN", "A": "lit:task", "B": "lit:1", "C": "lit:true"}
    assert (capitals.name, capitals.env_vars["A"]) == ("capitals.yaml", "lit:evaluation")
    assert config.slurm == SlurmOptions(
        account="acc",
        partition="batch",
        gres="gpu:8",
        num_nodes=2,
        comment="weekly",
        extra_flags={"exclusive": True, "qos": "high", "requeue": None},
    )
    assert (config.walltime_s, config.output_dir) == (3600.0, Path("/data/acc"))
    assert (config.api_key_env, config.endpoint_type) == ("MY_KEY", "completions")
    assert config.export_env == {"MLFLOW_TRACKING_URI": "host:URI"}
    assert config.whole["evaluation"]["tasks"][1] == {"name": "capitals.yaml"}
    assert [notice.partition(": ")[2].partition(" ")[0] for notice in config.notices] == [
        "execution.mounts",
        "evaluation.tasks.0.container",
        "export.wandb",
    ]


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ("excution: {}\n", "config.yaml:7: unknown key 'excution' (did you mean 'execution'?)"),
        ("execution: {typ: local}\n", "config.yaml:7: unknown key 'execution.typ' (did you mean 'type'?)"),
        ("execution:\n  type: k8s\n", "config.yaml:8: there is no executor 'k8s' (known: local, slurm)"),
        ("execution: {type: slrum}\n", "did you mean 'slurm'?"),
        ("execution: {type: docker}\n", "execution.type: docker is not done yet (use execution: local"),
        ("execution: {type: lepton}\n", "execution.type: lepton is not done yet"),
        ("execution: local\n", "execution must be a mapping of keys to values (it is a text; it may hold: account"),
        ("execution: {mode: paralel}\n", "there is no mode 'paralel' (did you mean 'parallel'?)"),
        ("execution: {mode: [a]}\n", "execution.mode must be a text; put quotes around it (it is a list)"),
        ("execution: {output_dir: 3.5}\n", "execution.output_dir must be a text; put quotes around it (it is 3.5)"),
        ('execution: {output_dir: "a\\nb"}\n', "it holds control characters"),
        ("execution: {walltime: soon}\n", "execution.walltime must be a time such as 01:30:00"),
        ("execution: {walltime: 0}\n", "execution.walltime must be a time"),
        ("execution: {walltime: true}\n", "execution.walltime must be a time"),
        ("execution: {auto_export: {destinations: [mlfow]}}\n", "no destination 'mlfow' (did you mean 'mlflow'?)"),
        ("execution: {auto_export: {destinations: 3}}\n", "destinations must be a list of texts (it is 3)"),
        ("execution: {auto_export: {destination: mlflow}}\n", "did you mean 'destinations'?"),
        ("execution: {env_vars: {export: {A-B: x}}}\n", "'A-B' is no name of a variable"),
        ("execution: {env_vars: {HF_TOKEN: x}}\n", "unknown key 'execution.env_vars.HF_TOKEN'"),
        ("execution: {type: slurm, hostname: login.far.example}\n", "run evaltrail on the login node itself"),
        ("execution: {type: slurm, num_nodes: 0}\n", "execution.num_nodes must be a whole number >= 1 (it is 0)"),
        ("execution: {type: slurm, num_nodes: 1.5}\n", "execution.num_nodes must be a whole number"),
        ('execution: {type: slurm, account: "a\\nb"}\n', "execution.account must be one line of plain text"),
        ('execution: {type: slurm, sbatch_extra_flags: {"a b": 1}}\n', "'a b' is no flag of sbatch"),
        ("execution: {type: slurm, sbatch_extra_flags: {qos: [1]}}\n", "the flag qos must have one plain value"),
        ('execution: {type: slurm, sbatch_extra_flags: {qos: "a\\nb"}}\n', "one plain value on one line"),
        ("deployment: {type: vllm, image: x}\n", "deployment.type: 'vllm' is not done yet (start the server yourself"),
        ("env_vars: {A: [1]}\n", "env_vars.A must be one plain value (it is a list)"),
        ("env_vars: {A: host:B-C}\n", "env_vars.A names no variable"),
        ("env_vars: x\n", "env_vars must be a mapping of keys to values (it is a text: 'x')"),
        ("export: {mlfow: {}}\n", "unknown key 'export.mlfow' (did you mean 'mlflow'?)"),
        ("export: {mlflow: [a]}\n", "export.mlflow must be a mapping"),
        ("model_id: x\n", "it belongs under target.api_endpoint: target.api_endpoint.model_id"),
        ("tasks: [a]\n", "it belongs under evaluation: evaluation.tasks"),
    ],
)
def test_a_problem_is_told_with_file_line_key_and_next_step(tmp_path, extra, line):
    """One line, and the only one."""
    (found,) = one_file(tmp_path, LEAST + extra).problems()
    assert line in found
    assert found.startswith("config.yaml:")


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("{url: localhost:8000, model_id: m}", "target.api_endpoint.url is no URL"),
        ("{url: 'http://', model_id: m}", "is no URL"),
        ("{url: 'http://h:99999/', model_id: m}", "is no URL"),
        ("{url: 'http://h/a b', model_id: m}", "is no URL"),
        ("{url: 'http://[', model_id: m}", "is no URL"),
        ("{model_id: m}", "target.api_endpoint.url is missing (give it: -o target.api_endpoint.url=VALUE"),
        ("{url: 'http://h', model_id: }", "target.api_endpoint.model_id is missing"),
        ("{url: 'http://h', model_id: ''}", "target.api_endpoint.model_id is missing"),
        ("{url: 'http://h', model_id: '???'}", "target.api_endpoint.model_id needs a value (give it: -o"),
        ("{url: 'http://h', model_id: 3.1}", "must be a text; put quotes around it (it is 3.1)"),
        ("{url: 'http://h', model_id: m, api_key: nvapi-x1234567}", "write api_key_name and the name of the variable"),
        ("{url: 'http://h', model_id: m, api_key_name: nvapi-x1234567}", "not the key itself"),
        ("{url: 'http://h', model_id: m, type: chatt}", "no type of endpoint 'chatt' (did you mean 'chat'?)"),
        ("{url: 'http://h', model_id: m, modelid: n}", "did you mean 'model_id'?"),
    ],
)
def test_what_is_wrong_with_the_endpoint_is_told(tmp_path, endpoint, line):
    """And no key is ever quoted."""
    text = f"target:\n  api_endpoint: {endpoint}\nevaluation: {{tasks: [a]}}\n"
    (found,) = one_file(tmp_path, text).problems()
    assert line in found
    assert "nvapi" not in found


def test_every_problem_is_told_at_once(tmp_path):
    """So that one round of mending is enough."""
    found = one_file(
        tmp_path, "execution: {typ: 1, mode: x, walltime: y}\ndeployment: {type: nim}\nfoo: 1\n"
    ).problems()
    assert {line.partition(" (")[0] for line in found} == {
        "config.yaml:1: unknown key 'execution.typ'",
        "config.yaml:3: unknown key 'foo'",
        "config.yaml:1: there is no mode 'x'",
        "config.yaml:1: evaluation.tasks names no task",
        "config.yaml:2: deployment.type: 'nim' is not done yet",
        "config.yaml:1: target.api_endpoint.model_id is missing",
        "config.yaml:1: target.api_endpoint.url is missing",
        "config.yaml:1: execution.walltime must be a time such as 01:30:00, 2-00:00:00, 30:00, or seconds",
    }


def test_a_file_of_nothing_but_mistakes_does_not_take_long(tmp_path):
    """A hundred problems are told; what follows is left for the next round."""
    assert len(one_file(tmp_path, "".join(f"k{number}: 1\n" for number in range(20_000))).problems()) == 100


def test_values_that_may_be_secret_are_not_quoted(tmp_path):
    """By the key's name, by the look of the value, and where a secret variable brought it."""
    text = LEAST + (
        "execution:\n  mode: sk-abcdef123456\n  num_nodes: ${oc.env:MY_PASSWORD}\n"
        "  type: slurm\nenv_vars:\n  API_KEY: [hunter2hunter2]\n"
    )
    found = one_file(tmp_path, text).problems(environ={"MY_PASSWORD": "hunter2"})
    assert len(found) == 3
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize(
    ("walltime", "seconds"),
    [
        ("01:00:00", 3600),
        ("1-00:00:00", 86_400),
        ("2-03:04:05", 183_845),
        ("1-12", 129_600),
        ("30:00", 1800),
        ("90", 90),
        (90, 90),
        (0.5, 0.5),
        ("00:00:01", 1),
        (None, None),
    ],
)
def test_walltimes(tmp_path, walltime, seconds):
    """As Slurm writes them; a number alone is seconds. YAML 1.1 would make 01:00:00 a number in base 60."""
    written = "null" if walltime is None else str(walltime)
    assert one_file(tmp_path, LEAST + f"execution: {{walltime: {written}}}\n").read().walltime_s == seconds


@pytest.mark.parametrize(
    ("auto_export", "destinations"),
    [
        ("{destinations: [mlflow, local, mlflow]}", ("mlflow", "local")),
        ("{destinations: mlflow}", ("mlflow",)),
        ("[mlflow]", ("mlflow",)),
        ("local", ("local",)),
        ("{destinations: null}", ()),
        ("{destinations: []}", ()),
        ("null", ()),
        ("{destinations: [wandb, mlflow]}", ("mlflow",)),
    ],
)
def test_destinations_in_every_form_that_the_launcher_takes(tmp_path, auto_export, destinations):
    """A mapping, a list, a name; what is not offered is told and left out."""
    config = one_file(tmp_path, LEAST + f"execution: {{auto_export: {auto_export}}}\n").read()
    assert config.destinations == destinations
    assert len(config.notices) == ("wandb" in auto_export)
    assert set(config.export) == set(destinations)


@pytest.mark.parametrize("name", ["", "<YOUR_API_KEY_NAME>", "null"])
def test_a_placeholder_names_no_variable(tmp_path, name):
    """The launcher's own default configuration has it."""
    text = ENDPOINT + f"    api_key_name: {name}\nevaluation: {{tasks: [a]}}\n"
    assert one_file(tmp_path, text).read().api_key_env == ""


def test_variables_of_the_environment_stay_where_they_are(tmp_path):
    """`${oc.env:NAME}` under env_vars becomes `host:NAME`: the value is written down nowhere, nor read as a name."""
    text = (
        LEAST + "env_vars:\n  A: ${oc.env:HF_TOKEN}\n  B: x-${oc.env:HF_TOKEN}\n  C: host:${oc.env:NAME}\n  D: null\n"
    )
    config = one_file(tmp_path, text).read(environ={"HF_TOKEN": "hf_abcdefgh", "NAME": "OTHER"})
    assert config.tasks[0].env_vars == {"A": "host:HF_TOKEN", "B": "lit:x-hf_abcdefgh", "C": "host:OTHER"}
    assert config.secrets == {"hf_abcdefgh"}
    assert "hf_abc" not in repr(config).replace("lit:x-hf_abc", "").replace(repr(config.whole), "")


def test_slurm_keys_say_nothing_to_the_local_executor(tmp_path):
    """They are told: somebody may have forgotten the type."""
    config = one_file(tmp_path, LEAST + "execution: {account: a, hostname: far, gres: ''}\n").read()
    assert [notice.rpartition(": ")[2] for notice in config.notices] == [
        "execution.hostname says nothing to the local executor",
        "execution.account says nothing to the local executor",
    ]
    assert config.slurm == SlurmOptions()


@pytest.mark.parametrize("hostname", ["localhost", "127.0.0.1", "''", os.uname().nodename])
def test_this_machine_may_be_named(tmp_path, hostname):
    """A configuration that is run on its own login node needs no change."""
    text = LEAST + f"execution: {{type: slurm, hostname: {hostname}}}\n"
    assert one_file(tmp_path, text).read().executor == "slurm"


def test_idle_keys_without_a_value_are_not_told(tmp_path):
    """The launcher's defaults hold many of them."""
    text = LEAST + (
        "auxiliary_deployments: {}\nuser_config_path: null\n"
        "execution: {extra_docker_args: '', endpoint_readiness_timeout: null, mounts: {}}\n"
    )
    assert one_file(tmp_path, text).read().notices == ()


def test_keys_for_anchors_are_nobodys_business(tmp_path):
    """What begins with `x-` is read by nobody."""
    text = (
        "x-params: &params {temperature: 0.5}\n"
        + ENDPOINT
        + ("evaluation:\n  tasks:\n    - name: a\n      nemo_evaluator_config: {config: {params: *params}}\n")
    )
    config = one_file(tmp_path, text).read()
    assert config.tasks[0].evaluator == {"config": {"params": {"temperature": 0.5}}}
    assert config.notices == ()


def test_relative_folders_begin_at_the_working_folder(tmp_path, monkeypatch):
    """Also `~`; the result is absolute and without detours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    files = one_file(tmp_path, LEAST)
    assert read_run_config(files.compose("execution.output_dir=a/../b")).output_dir == tmp_path / "b"
    assert read_run_config(files.compose("execution.output_dir=~/r")).output_dir == Path("/home/me/r")


def test_the_same_configuration_is_read_wherever_it_is_split(tmp_path):
    """In one file, or as options of groups in two folders."""
    one = one_file(tmp_path / "one", LEAST + "execution: {mode: parallel}\n").read()
    texts = {
        "config.yaml": "defaults:\n  - target: mine\n  - evaluation: [mmlu]\n  - execution: local\n  - _self_\n"
        "execution: {mode: parallel}\n",
        "target/mine.yaml": "api_endpoint:\n  url: http://127.0.0.1:8000/v1/chat/completions\n  model_id: m\n",
    }
    ConfigurationFiles(tmp_path / "two", texts)
    ConfigurationFiles(tmp_path / "three", {"evaluation/mmlu.yaml": "tasks: [simple_evals.mmlu]\n"})
    composed = compose([tmp_path / "two", tmp_path / "three"], "config", [], {})
    two = read_run_config(composed, cwd=tmp_path / "one")
    assert (two.url, two.mode, two.output_dir) == (one.url, one.mode, one.output_dir)
    assert two.tasks[0].where == f"{tmp_path}/three/evaluation/mmlu.yaml:1"


def test_the_table_of_keys_has_a_kind_or_a_reason_for_each():
    """And no key is in it twice."""
    keys = read_keys()
    assert not set(keys.kinds) & set(keys.reasons)
    assert all(keys.is_known(path) for path in [*keys.kinds, *keys.reasons])
    assert all(("execution", key) in keys.kinds for key in keys.for_slurm)
