"""token_count by its own rule and by tokenizers that lie on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.token_count import MAX_CHARACTERS, TokenCount

TINY = {
    "version": "1.0",
    "added_tokens": [
        {
            "id": 3, "content": "<s>", "special": True, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": False,
        }
    ],
    "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}},
    },
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "one": 1, "two": 2}, "unk_token": "[UNK]"},
}  # fmt: skip


def counted(metric, output):
    return metric.score(Sample(id="s", index=0, output=output)).value


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        (" \n\t", 0),
        ("hello", 1),
        ("It's 3.5 km.", 8),
        ("snake_case x=1", 4),
        ("caf\u00e9 cafe\u0301", 2),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", 1),
        ("\u6771\u4eac\u3067\u3059", 4),
        ("GPT\u306f", 2),
        ("\ud55c\uad6d\uc5b4 \ubb38\uc7a5", 2),
        ("\U0001f600\U0001f600!", 3),
    ],
)
def test_the_own_rule(text, tokens):
    """Runs of letters, digits and marks; single characters of scripts without blanks; each other sign."""
    assert counted(TokenCount(), text) == tokens


@given(st.text(max_size=60), st.text(max_size=60))
def test_texts_apart_add_up(first, second):
    """A blank between two texts makes their tokens one sum, and none is empty."""
    metric = TokenCount()
    together = counted(metric, f"{first} {second}")
    apart = counted(metric, first) + counted(metric, second)
    # A combining mark at the start joins nothing across the blank.
    assert together == apart
    assert together <= len(first) + len(second)


def test_what_cannot_be_counted_says_why():
    """No text and too long a text are reasons."""
    metric = TokenCount()
    assert metric.score(Sample(id="s", index=0)).reason == "no_output"
    assert metric.score(Sample(id="s", index=0, output="x" * (MAX_CHARACTERS + 1))).reason == "too_long"


def test_a_tokenizer_file_counts_whole_texts_without_special_tokens(tmp_path):
    """A tokenizer.json beside the task counts; what it adds or cuts for its model does not."""
    (tmp_path / "tokenizer.json").write_text(json.dumps(TINY))
    (metric,) = make_metrics([{"token_count": {"tokenizer": "tokenizer.json"}}], folder=tmp_path)
    assert counted(metric, "one two three one") == 4
    assert metric.source.startswith("token_count/1+tokenizer.json:")


@pytest.mark.parametrize(
    ("content", "code"), [(None, "missing_tokenizer"), ("{}", "bad_tokenizer"), ("no json", "bad_tokenizer")]
)
def test_a_file_that_is_no_tokenizer_is_bad_input(tmp_path, content, code):
    """The error names the file."""
    if content is not None:
        (tmp_path / "t.json").write_text(content)
    with pytest.raises(InputError, match=r"t\.json") as caught:
        TokenCount(tokenizer="t.json", folder=tmp_path)
    assert caught.value.code == code


def run(program, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert not done.stderr, done.stderr
    return done.stdout.strip()


REPORT = """
from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample
from evaltrail.scoring.token_count import TokenCount
try:
    print(TokenCount(tokenizer={!r}).score(Sample(id="s", index=0, output="a <|end|> a")).value)
except InputError as error:
    print(error.code, error)
"""


def test_an_encoding_of_tiktoken_counts_where_it_lies_here(tmp_path):
    """Any encoding that tiktoken knows and whose file is here counts; special tokens are plain text."""
    (tmp_path / "tiktoken_ext").mkdir()
    (tmp_path / "tiktoken_ext" / "tiny.py").write_text(
        "def tiny():\n"
        "    ranks = {bytes([i]): i for i in range(256)}\n"
        "    return dict(name='tiny', pat_str='.', mergeable_ranks=ranks, special_tokens={'<|end|>': 256})\n"
        "ENCODING_CONSTRUCTORS = {'tiny': tiny}\n"
    )
    assert run(REPORT.format("tiktoken:tiny"), PYTHONPATH=str(tmp_path)) == "11.0"


@pytest.mark.parametrize("content", [None, b"not the file"])
def test_an_encoding_that_is_not_here_is_bad_input_and_nothing_is_fetched(tmp_path, content):
    """The error says where the file is looked for; a broken file counts as none."""
    name = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    if content is not None:
        (tmp_path / name).write_bytes(content)
    said = run(REPORT.format("tiktoken:cl100k_base"), TIKTOKEN_CACHE_DIR=str(tmp_path))
    assert said.startswith("missing_tokenizer tiktoken:cl100k_base")
    assert str(tmp_path / name) in said


def test_an_unknown_encoding_is_bad_input():
    """The error names those that are known."""
    with pytest.raises(InputError, match="cl100k_base") as caught:
        TokenCount(tokenizer="tiktoken:cl100")
    assert caught.value.code == "bad_tokenizer"


@pytest.mark.parametrize("place", ["tiktoken:cl100k_base", "tokenizer.json"])
def test_a_missing_package_is_named(place):
    """Without the optional package the error says what to install."""
    hidden = "import sys; sys.modules['tiktoken'] = sys.modules['tokenizers'] = None\n"
    said = run(hidden + REPORT.format(place))
    assert said.startswith("missing_extra")
    assert "pip install t" in said
