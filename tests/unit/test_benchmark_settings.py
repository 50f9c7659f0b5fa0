"""What a request may set of a benchmark: everything that is data, and nothing that is the operator's."""

from __future__ import annotations

import pytest

from evaltrail.service.submitting.benchmark_settings import check_settings


def problems(provider, config, root):
    """Where, and what is wrong."""
    return {error.where: error.message for error in check_settings(provider, config, "b.config", root)}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"num_fewshot": 0, "limit": 10},
        {"limit": 0.1, "seed": 7, "repeats": 2},
        {"temperature": 0.1, "max_tokens": 512, "stop": ["\n"], "generation": {"top_p": 1}},
        {"dataset_path": "./data/test.jsonl"},
        {"dataset_path": "hf://org/name?split=test"},
        {"judge": "vllm#llama"},
        {"judge": "openai:/gpt-4o"},
        {"note": "whatever", "flag": True, "nothing": None},
    ],
)
def test_data_is_let_through(config, tmp_path):
    """Generation settings, limits, data sets below the root, judges of the catalog, notes."""
    assert problems("ragas", config, tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("include_path", "/tasks"),
        ("allow_unsafe_code", True),
        ("api_key", "sk-1"),
        ("openai_api_key", "sk-1"),
        ("judge_password", "x"),
        ("base_url", "http://inside"),
        ("command", "rm"),
        ("limit", 0),
        ("limit", -3),
        ("limit", 1.5),
        ("limit", True),
        ("limit", "10"),
        ("limit", float("nan")),
        ("seed", "1"),
        ("seed", -1),
        ("repeats", 0),
        ("generation", []),
        ("nested", {"a": 1}),
        ("list", [1, 2]),
        ("note", "x" * 5000),
        ("judge", "http://inside/v1#m"),
        ("judge", "m"),
        ("judge", ""),
        ("judge", 5),
        ("dataset_path", "../secrets.jsonl"),
        ("dataset_path", "/etc/passwd"),
        ("dataset_path", "a/../../b"),
        ("dataset_path", "http://inside/data.jsonl"),
        ("dataset_path", "file:///etc/passwd"),
        ("dataset_path", "a\0b"),
        ("dataset_path", " /etc/data.jsonl"),
        ("dataset_path", "~/data.jsonl"),
        ("dataset_path", "~nobody/data.jsonl"),
        ("dataset_path", "hf:///etc"),
        ("dataset_path", "hf://../etc"),
        ("dataset_path", "hf://"),
        ("dataset_path", ""),
        ("dataset_path", ["a"]),
    ],
)
def test_what_is_the_operators_or_no_value_is_refused(name, value, tmp_path):
    """With the path of the field."""
    assert list(problems("ragas", {"num_fewshot": 0, name: value}, tmp_path)) == [f"b.config.{name}"]


def test_a_link_out_of_the_data_root_is_refused(tmp_path):
    """What counts is where it leads."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    assert "b.config.dataset_path" in problems("ragas", {"dataset_path": "out/x.jsonl"}, root)
    assert problems("ragas", {"dataset_path": "in/x.jsonl"}, root) == {}


def test_settings_of_the_harness_are_checked_by_their_types(tmp_path):
    """So that a typing error is told at once."""
    assert "num_fewshot" in problems("lm_evaluation_harness", {"num_fewshot": "many"}, tmp_path)["b.config"]
    assert "num_few_shot" in problems("lm_evaluation_harness", {"num_few_shot": 1}, tmp_path)["b.config"]
    assert problems("lm_evaluation_harness", {"num_fewshot": 5, "temperature": 0}, tmp_path) == {}
