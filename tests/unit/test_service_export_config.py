"""The exporter's options: both vocabularies, types, typos, files, overrides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError, PartialError
from evaltrail.service.exporting.export_config import (
    ExportOptions,
    overridden,
    placed_options,
    read_config_file,
    read_options,
    with_flags,
)
from evaltrail.service.exporting.export_table import Given


def test_without_options_the_defaults_are_those_of_the_table():
    """Seed 002's table; a None means the default, as an empty key of a YAML file does."""
    options = read_options({"run_name": None, "tags": None, "log_metrics": None, "copy_logs": None})
    assert options == ExportOptions()
    assert (options.skip_existing, options.log_artifacts, options.log_logs, options.only_required) == (
        False,
        True,
        False,
        True,
    )
    delivery = options.delivery()
    assert (delivery.default_experiment, delivery.layout) == ("nemo-evaluator-launcher", "per_bundle")
    assert delivery.artifact_roles == {"required"}


@pytest.mark.parametrize(
    ("config", "roles"),
    [
        ({"copy_logs": True}, {"required", "log"}),
        ({"log_logs": True, "only_required": False}, {"required", "log", "extra"}),
        ({"copy_artifacts": False, "log_logs": True}, set()),
        ({"log_artifacts": False, "copy_artifacts": False}, set()),
        ({"copy_logs": None, "log_logs": True}, {"required", "log"}),
    ],
)
def test_both_vocabularies_mean_the_same(config, roles):
    """`copy_*` of 0.2.6 is `log_*` of 0.1.31; saying it twice is fine as long as it is the same."""
    assert read_options(config).delivery().artifact_roles == roles


def test_a_contradiction_between_the_vocabularies_is_an_error():
    """Nobody can know which of the two is meant."""
    with pytest.raises(InputError, match="copy_logs and log_logs are one option") as caught:
        read_options({"copy_logs": True, "log_logs": False}, where="export.yaml")
    assert caught.value.where == "export.yaml"


@pytest.mark.parametrize(
    ("config", "name", "hint"),
    [
        ({"log_artifacts": "yes"}, "log_artifacts", "expected true or false, got text"),
        ({"log_artifacts": 1}, "log_artifacts", "expected true or false, got whole number"),
        ({"tags": ["a"]}, "tags", "expected mapping, got list"),
        ({"tags": {"a": [1]}}, "tags", "expected one plain value, got list"),
        ({"extra_metadata": "x"}, "extra_metadata", "expected mapping, got text"),
        ({"log_metrics": 5}, "log_metrics", "expected list, got whole number"),
        ({"log_metrics": ["a", 5]}, "log_metrics", "expected text, got whole number"),
        ({"run_name": True}, "run_name", "expected text, got true or false"),
        ({"runs": "jobs"}, "runs", "known: invocation, job, nested"),
        ({"log_config_params_max_depth": "deep"}, "log_config_params_max_depth", "expected whole number, got text"),
    ],
)
def test_a_value_of_another_kind_is_an_error_that_names_the_option(config, name, hint):
    """In words that people use, with what was expected."""
    with pytest.raises(InputError) as caught:
        read_options(config)
    assert (caught.value.exit_code, caught.value.code) == (2, "bad_option")
    assert caught.value.message == f"the value of export.mlflow.{name} cannot be used"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("experiment", "did you mean 'experiment_name'?"),
        ("log_metric", "did you mean 'log_metrics'?"),
        ("copy_log", "did you mean 'copy_logs'?"),
        ("zzz", "known: "),
    ],
)
def test_an_unknown_option_is_an_error_with_the_nearest_name(name, hint):
    """Else with all there are."""
    with pytest.raises(InputError) as caught:
        read_options({name: 1})
    assert caught.value.code == "unknown_option"
    assert caught.value.hint.startswith(hint)


def test_values_are_taken_as_people_mean_them():
    """Numbers are names, one text is a list, tags are any plain value, metadata is flattened, secrets are hidden."""
    delivery = read_options(
        {
            "run_name": 20251219,
            "log_metrics": "pass@1",
            "exclude_patterns": "*.bin",
            "tags": {"version": 3.1, "mini": True, "seed": 7, "gone": None, "token": "abc"},
            "extra_metadata": {"a": {"b": [1, None], "api_key": "plum-otter"}, "c": 2.5},
        }
    ).delivery()
    assert (delivery.run_name, delivery.log_metrics, delivery.exclude_patterns) == ("20251219", ("pass@1",), ("*.bin",))
    assert delivery.tags == {"version": "3.1", "mini": "true", "seed": "7", "token": "***"}
    assert delivery.params == {"a.b.0": 1, "a.b.1": None, "a.api_key": "***", "c": 2.5}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("export.mlflow.experiment_name=my-exp", {"experiment_name": "my-exp"}),
        ("+export.mlflow.run_name=2025-12-19", {"run_name": "2025-12-19"}),
        ("++export.mlflow.description=Llama: 3.1 # 8B", {"description": "Llama: 3.1 # 8B"}),
        ("export.mlflow.description=one\ntwo", {"description": "one\ntwo"}),
        ("export.mlflow.description='quoted: it'", {"description": "quoted: it"}),
        ("export.mlflow.tags.version=3.10", {"tags": {"version": "3.10"}}),
        ("export.mlflow.tags.team.name=red", {"tags": {"team.name": "red"}}),
        ("export.mlflow.tags.channel=#general", {"tags": {"channel": "#general"}}),
        ("export.mlflow.extra_metadata.hw=[1, a]", {"extra_metadata": {"hw": [1, "a"]}}),
        ("export.mlflow.tags.empty=", {"tags": {"empty": ""}}),
        ("export.mlflow.tags={a: 1, b: x}", {"tags": {"a": 1, "b": "x"}}),
        ("export.mlflow.extra_metadata.hw.gpu=007", {"extra_metadata": {"hw": {"gpu": "007"}}}),
        ("export.mlflow.log_metrics=[accuracy,pass@1]", {"log_metrics": ["accuracy", "pass@1"]}),
        ("export.mlflow.log_metrics=*_macro", {"log_metrics": "*_macro"}),
        ("export.mlflow.copy_logs=true", {"log_logs": True}),
        ("export.mlflow.skip_existing=False", {"skip_existing": False}),
        ("export.mlflow.run_name=null", {"run_name": None}),
        ("~export.mlflow.run_name", {"run_name": None}),
        ("export.mlflow.tracking_uri=http://mlflow:5000?a=b", {"tracking_uri": "http://mlflow:5000?a=b"}),
    ],
)
def test_an_override_says_what_was_written(text, found):
    """Texts stay as they are, other values are YAML, and Hydra's signs are understood."""
    assert overridden(Given(), [text]).values == found


def test_later_overrides_win_and_nothing_else_changes():
    """Also over the file's other word for the option; the mapping that was given stays as it is."""
    given_ones = {"copy_logs": True, "tags": {"a": "1", "b": "2"}, "run_name": "file"}
    words = ["log_logs=false", "tags.a=3", "run_name=first", "run_name=second", "extra_metadata.x=1"]
    found = overridden(placed_options(given_ones, {}, dest="mlflow"), [f"export.mlflow.{word}" for word in words])
    assert found.values == {
        "log_logs": False,
        "tags": {"a": "3", "b": "2"},
        "run_name": "second",
        "extra_metadata": {"x": "1"},
    }
    assert given_ones == {"copy_logs": True, "tags": {"a": "1", "b": "2"}, "run_name": "file"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run_name=x", "write -o export.mlflow.KEY=VALUE"),
        ("export.mlflow.run_name", "write -o export.mlflow.KEY=VALUE"),
        ("export.mlflow.=x", "write -o export.mlflow.KEY=VALUE"),
        ("export.mlflow=x", "write -o export.mlflow.KEY=VALUE"),
        ("~export.mlflow.run_name=x", "write -o export.mlflow.KEY=VALUE"),
        ("export.mlfow.run_name=x", "did you mean 'export.mlflow'?"),
        ("export.mlflow.run_nam=x", "did you mean 'run_name'?"),
        ("export.mlflow.log_logs=[", "put quotes around"),
        ("export.mlflow.run_name.x=1", "run_name is 'r'"),
    ],
)
def test_an_override_that_cannot_be_meant_is_an_error(text, said):
    """Exit 2 with how to write it."""
    with pytest.raises(InputError) as caught:
        read_options(overridden(Given(values={"run_name": "r"}), [text]))
    assert caught.value.exit_code == 2
    assert caught.value.where == f"-o {text.partition('=')[0]}"
    assert said in caught.value.hint


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("export: {mlflow: {run_name: a, copy_logs: true}, wandb: {entity: b}}", {"run_name": "a", "log_logs": True}),
        ("execution: {}\nexport:\n  mlflow:\n    run_name: a\n", {"run_name": "a"}),
        ("run_name: a\nlog_metrics: [x]\n", {"run_name": "a", "log_metrics": ["x"]}),
        ("run_name: 2025-12-19\ndescription: |\n  a\n  b\n", {"run_name": "2025-12-19", "description": "a\nb\n"}),
        ("export: {mlflow: null}", {}),
        ("", {}),
    ],
)
def test_a_file_holds_options_below_its_section_or_at_its_top(tmp_path, text, found):
    """A whole run configuration will do; other destinations are none of our business."""
    file = tmp_path / "export.yaml"
    file.write_text(text)
    assert read_config_file(file).values == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("export: {mlflow: {run_nam: a}}", "did you mean 'run_name'?"),
        ("run_nam: a", "did you mean 'run_name'?"),
        ("export: {wandb: {entity: b}}", "below `export:` and `mlflow:`"),
        ("export: null", "below `export:` and `mlflow:`"),
        ("export: {mlflow: [a]}", "below `export:` and `mlflow:`"),
        ("- a", "below `export:` and `mlflow:`"),
        ("export: {mlflow: {log_logs: true, copy_logs: false}}", "keep one"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_file_that_holds_none_is_named(tmp_path, text, said):
    """Exit 2 with the file and what would be right."""
    file = tmp_path / "export.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_options(read_config_file(file))
    assert caught.value.where.startswith(f"{file}:")
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    """No traceback for a wrong path."""
    with pytest.raises(InputError, match=r"none\.yaml"):
        read_config_file(tmp_path / "none.yaml")


@settings(max_examples=50, deadline=None)
@given(value=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text.strip()))
def test_a_tag_on_the_command_line_is_taken_as_it_is_written(value):
    """Whatever its characters, `#general` and `[x` too; only quotes around it are taken off."""
    found = overridden(Given(), [f"export.mlflow.tags.t={value}"]).values["tags"]["t"]
    if value.strip() in {"null", "~"}:
        assert found is None
    elif value.strip()[0] not in "\"'":
        assert found == value


def test_all_that_is_wrong_is_told_at_once_each_with_its_place(tmp_path):
    """Line of the file, `-o` or flag, whichever said it last; what is right is not mentioned."""
    file = tmp_path / "export.yaml"
    file.write_text(
        "export:\n  mlflow:\n    run_nam: a\n    runs: jobs\n    log_logs: maybe\n    copy_logs: true\n"
        "    skip_existing: often\n    tags: {a: 1}\n"
    )
    words = ["export.mlflow.skip_existing=always", "export.mlflow.foo=1", "run_name=x", "export.mlflow.tags.b=2"]
    given = with_flags(overridden(read_config_file(file), words), {"log_metrics": 5, "only_required": None})
    with pytest.raises(PartialError) as caught:
        read_options(given)
    assert caught.value.exit_code == 2
    assert [(error.where.replace(f"{file}", "F"), error.message) for error in caught.value.errors] == [
        ("F:3", "export.mlflow has no option 'run_nam'"),
        ("F:6", "log_logs and copy_logs are one option and say different things"),
        ("-o export.mlflow.foo", "export.mlflow has no option 'foo'"),
        ("-o run_name", "is no option of this export"),
        ("F:4", "the value of export.mlflow.runs cannot be used"),
        ("-o export.mlflow.skip_existing", "the value of export.mlflow.skip_existing cannot be used"),
        ("--log-metrics", "the value of export.mlflow.log_metrics cannot be used"),
    ]
