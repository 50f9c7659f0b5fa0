"""The harness's settings as a user gives them."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import InputError
from evaltrail.providers.lm_eval.options import Options, read_options


def test_texts_become_what_they_mean(tmp_path):
    """Flags of the command line are texts; all else is a note of the user's."""
    given = {"include_path": str(tmp_path), "num_fewshot": "3", "apply_chat_template": "true", "note": "mine"}
    assert read_options(given) == Options(include_path=str(tmp_path), num_fewshot=3, apply_chat_template=True)


def test_typed_values_are_taken_as_they_are():
    """From Python and from files they come with their types."""
    found = read_options({"num_fewshot": 0, "apply_chat_template": True, "fewshot_as_multiturn": False})
    assert (found.num_fewshot, found.apply_chat_template, found.fewshot_as_multiturn) == (0, True, False)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"num_fewshot": "-1"}, "whole number"),
        ({"num_fewshot": "two"}, "whole number"),
        ({"apply_chat_template": "maybe"}, "true or false"),
        ({"include_path": "/no/such/folder"}, "folder"),
        ({"include_path": 7}, "a text"),
        ({"num_fewshots": "2"}, "num_fewshot"),
        ({"fewshot_as_multiturn": "true"}, "apply_chat_template"),
    ],
)
def test_a_wrong_setting_says_what_to_write(params, words):
    """A misspelt name, a wrong type, a contradiction: found before anything is asked."""
    with pytest.raises(InputError) as caught:
        read_options(params)
    assert caught.value.code == "bad_param"
    assert words in str(caught.value)
