"""The options of destination `local`: names, kinds, sections, and whose an option is."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import InputError
from evaltrail.destinations.files.options import FileOptions
from evaltrail.service.exporting.export_config import overridden, read_config_file, read_options
from evaltrail.service.exporting.export_table import Given


def test_without_options_the_defaults_are_those_of_the_table():
    """A None means the default; a section of a run configuration may be given whole."""
    for config in ({}, {"format": None, "log_metrics": None}, {"export": {"local": {}}}):
        options = read_options(config, dest="local")
        assert options == FileOptions()
        assert (options.file_name(), options.folder().name) == ("processed_results.json", "evaltrail-results")
        assert options.roles == {"required"}


@pytest.mark.parametrize(
    ("config", "roles"),
    [
        ({"copy_logs": True}, {"required", "log"}),
        ({"log_logs": True, "only_required": False}, {"required", "log", "extra"}),
        ({"copy_artifacts": False, "log_logs": True}, set()),
    ],
)
def test_files_are_chosen_as_for_mlflow(config, roles):
    """In both vocabularies."""
    assert read_options(config, dest="local").roles == roles


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({"outputdir": "x"}, "did you mean 'output_dir'?"),
        ({"zzz": 1}, "known: copy_artifacts"),
        ({"experiment_name": "x"}, "leave it out, or export to 'mlflow'"),
        ({"format": "xml"}, "known: json, csv, parquet"),
        ({"format": 1}, "known: json, csv, parquet"),
        ({"output_dir": ["a"]}, "expected text, got list"),
        ({"log_artifacts": "no"}, "expected true or false, got text"),
        ({"copy_logs": True, "log_logs": False}, "keep one"),
    ],
)
def test_what_cannot_be_meant_is_an_error(config, hint):
    """Exit 2 with what would be right."""
    with pytest.raises(InputError) as caught:
        read_options(config, dest="local")
    assert caught.value.exit_code == 2
    assert caught.value.hint.startswith(hint)


def test_texts_are_taken_as_they_are_written():
    """A folder called 2025 is no number; one text is a list."""
    options = read_options({"output_dir": 2025, "log_metrics": "acc"}, dest="local")
    assert (options.output_dir, options.log_metrics) == ("2025", ["acc"])


def test_overrides_name_the_section_of_their_destination():
    """Another destination's is an error that names the right one, whichever way round."""
    words = ["export.local.output_dir=a b", "+export.local.format=csv", "export.local.copy_logs=true"]
    assert overridden(Given(), words, dest="local").values == {"output_dir": "a b", "format": "csv", "log_logs": True}
    for given, dest in (("mlflow", "local"), ("local", "mlflow")):
        with pytest.raises(InputError, match=f"is an option of destination '{given}'") as caught:
            read_options(overridden(Given(), [f"export.{given}.job_dirs=x"], dest=dest), dest=dest)
        assert f"write -o export.{dest}.KEY=VALUE" in caught.value.hint


def test_a_file_holds_the_options_of_each_destination(tmp_path):
    """Each reads its own section; a file without it is an error."""
    file = tmp_path / "run.yaml"
    file.write_text("export: {mlflow: {run_name: a}, local: {format: csv, copy_logs: true}}")
    assert read_config_file(file, dest="local").values == {"format": "csv", "log_logs": True}
    assert read_config_file(file).values == {"run_name": "a"}
    file.write_text("export: {mlflow: {run_name: a}}")
    with pytest.raises(InputError, match="no options of this export") as caught:
        read_config_file(file, dest="local")
    assert "`local:`" in caught.value.hint


def test_an_unknown_destination_is_answered_with_the_nearest():
    """Wherever it is named."""
    for read in (read_options, overridden):
        with pytest.raises(InputError, match="unknown destination 'locall'") as caught:
            read(Given(), **({"overrides": []} if read is overridden else {}), dest="locall")
        assert caught.value.hint == "did you mean 'local'?"
