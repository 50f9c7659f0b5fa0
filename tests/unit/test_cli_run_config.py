"""Flags of `run` where a run configuration is meant."""

from __future__ import annotations

import argparse

import pytest

from evaltrail.cli.run import add_arguments, execute
from evaltrail.cli.run_config import ELSEWHERE
from evaltrail.core.errors import InputError

SHARED = {"help", "allow_unscored", "dry_run", "show"}
OF_CONFIGURATIONS = {"config", "config_dir", "config_name", "override", "only", "env_file", "no_endpoint_check"}


def parser():
    made = argparse.ArgumentParser()
    add_arguments(made)
    return made


def test_every_flag_is_acted_on_or_answered():
    """No flag of `run TASK` is passed over in silence."""
    flags = {action.dest for action in parser()._actions}
    assert flags - SHARED - OF_CONFIGURATIONS == set(ELSEWHERE) - SHARED


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x.yaml"], "-t TASK"),
        (["--model", "m"], "model_id=ID"),
        (["--concurrency", "3"], "parallelism=N"),
        (["--timeout", "3"], "request_timeout=S"),
        (["--no-deliver"], "destinations"),
    ],
)
def test_a_flag_for_tasks_says_what_to_write_instead(words, said):
    """With `--config`, the same is said by an override."""
    arguments = parser().parse_args([*words, "--config", "c.yaml"])
    with pytest.raises(InputError, match="not for a run configuration") as caught:
        execute(arguments)
    assert said in caught.value.hint


@pytest.mark.parametrize("words", [["--config-dir", "."], ["-o", "a=b"], ["--config", "a", "--config-name", "b"]])
def test_a_configuration_is_named_once(words):
    """Neither nothing nor two."""
    with pytest.raises(InputError, match=r"configuration is named|say the same"):
        execute(parser().parse_args(words))
