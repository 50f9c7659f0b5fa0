"""Files without their secrets: written only where something is hidden, in bounded memory, the rest byte for byte."""

from __future__ import annotations

import json
import os
import random
import stat
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.config.redaction import redact_file, redact_text
from evaltrail.core.errors import InputError, StorageError

BODY = "\n".join(["MIIEpAIBAAKCAQEA7bq" * 3] * 30)
PEM = f"-----BEGIN PRIVATE KEY-----\n{BODY}\nAQ==\n-----END PRIVATE KEY-----"


def redacted(folder, data: bytes, secrets=()) -> bytes | None:
    """What is in the target afterwards; None where nothing was written."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    changed = redact_file(source, target, secrets)
    assert changed == target.exists()
    assert {path.name for path in folder.iterdir()} <= {"source", "target"}
    assert source.read_bytes() == data
    return target.read_bytes() if changed else None


def test_a_file_without_secrets_is_not_written_again(tmp_path):
    """Nothing hidden, nothing made; whatever bytes it holds."""
    for data in (b"", b"\n", b"plain", b"n: 1\r\n\xff\xfe\x00 caf\xe9\n", bytes(range(256)), b"x" * 300_000):
        assert redacted(tmp_path, data) is None


def test_only_secrets_change(tmp_path):
    """Line ends, byte order marks, bytes that are no text and a missing end of the last line stay."""
    data = b"\xef\xbb\xbfapi_key: abc\r\n\xff caf\xe9 \x00\nurl: http://u:p@h\n\nlast hush-hush"
    shown = b"\xef\xbb\xbfapi_key: '***'\r\n\xff caf\xe9 \x00\nurl: http://***@h\n\nlast ***"
    assert redacted(tmp_path, data, ["hush-hush"]) == shown
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o600
    assert redacted(tmp_path, shown, ["hush-hush"]) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_other_encodings_with_a_mark(tmp_path, encoding):
    """A text in UTF-16 is read as one, and stays one."""
    shown = redacted(tmp_path, "a: \u00e9\napi_key: abc\n".encode(encoding))
    assert shown.decode(encoding) == "a: \u00e9\napi_key: '***'\n"
    assert redacted(tmp_path, "a: \u00e9\n".encode(encoding)) is None
    assert redacted(tmp_path, "api_key: abc".encode(encoding)[:-1]) is not None


def test_a_private_key_goes_as_a_whole(tmp_path):
    """Over its lines, in one line of JSON, and in a very long one."""
    assert redacted(tmp_path, f"a\n{PEM}\nb\n".encode()) == b"a\n***\nb\n"
    for before in ("", "x" * 65_000, "x y " * 20_000):
        document = {"before": before, "key": PEM, "after": "z " * 50_000}
        shown = json.loads(redacted(tmp_path, json.dumps(document).encode()))
        assert shown == document | {"key": "***"}


def test_long_lines_are_read_in_pieces(tmp_path):
    """Wherever a secret lies in a line of a megabyte, it is hidden, and nothing else is."""
    chance = random.Random(4)
    document = []
    for number in range(6000):
        document.append({"n": number, "text": "word " * chance.randint(1, 40) + "x" * chance.randint(1, 400)})
        if number % 7 == 0:
            document.append(
                {"api_key": f"hush, {number}-{'k' * chance.randint(1, 300)}", "url": f"http://u:{number}@h"}
            )
            document.append({"log": f"run --token tok-{number} given-secret, with, commas"})
    text = json.dumps(document)
    assert len(text) > 1_000_000
    shown = redacted(tmp_path, text.encode(), ["given-secret, with, commas"]).decode()
    assert shown == redact_text(text, ["given-secret, with, commas"])
    expected = [
        {"api_key": "***", "url": "http://***@h"}
        if "api_key" in item
        else {"log": "run --token *** ***"}
        if "log" in item
        else item
        for item in document
    ]
    assert json.loads(shown) == expected


@settings(max_examples=25, deadline=None)
@given(place=st.integers(60_000, 70_000), gap=st.sampled_from([" ", ", ", "", '", "']), size=st.integers(1, 3000))
def test_a_secret_at_the_edge_of_a_piece(tmp_path_factory, place, gap, size):
    """A name on one side and its value on the other are still seen together."""
    secret = "s3" * size
    text = f'{("word" + gap) * (place // (4 + len(gap)))} "api_key": "{secret}", tail {"end " * 2000}'
    shown = redacted(tmp_path_factory.mktemp("edge"), text.encode())
    assert secret[:50].encode() not in shown
    assert shown.decode() == text.replace(secret, "***")


@pytest.mark.parametrize("end", [b", ", b"\n"])
def test_memory_stays_flat(tmp_path, end):
    """Five megabytes in one line, and as many in short ones; however many secrets, none is kept."""
    source = tmp_path / "source"
    with source.open("wb") as out:
        for number in range(1000):
            out.write(b'{"a": "api_key=%064d"}' % number + end + (b'{"a": "%s"}' % (b"some words " * 15) + end) * 30)
    tracemalloc.start()
    assert redact_file(source, tmp_path / "target", ["another-one"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000
    assert (tmp_path / "target").read_bytes().count(b"***") == 1000


def test_what_cannot_be_read_or_written_is_told(tmp_path):
    """A missing source and a pipe are input errors, a missing folder of the target one of the disk."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("gone", "pipe", "."):
        with pytest.raises(InputError, match="cannot be read"):
            redact_file(tmp_path / name, tmp_path / "target")
    (tmp_path / "source").write_text("api_key: abc")
    with pytest.raises(StorageError, match="cannot write: No such file"):
        redact_file(tmp_path / "source", tmp_path / "gone" / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "source"]


PARTS = st.sampled_from(
    [
        *(
            "api_key",
            "password",
            "secrets",
            "--api-key",
            ": ",
            "=",
            " ",
            "\n",
            "\n  ",
            "- ",
            '"',
            "|",
            "[",
            "]",
            "\r\n",
        ),
        *("Bearer ", "lit:", "://", "u:p@h", "$X", "***", "5", "aB3dEfGh9", "\udcff", "\ufeff", "\u00e9", "given one"),
        *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "MIIEpAIBAAKCAQEA7bqMIIEpAIBAAKCAQEA7bq"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTS, max_size=14).map("".join))
def test_a_file_reads_as_its_text_does(tmp_path_factory, text):
    """A file and a text with the same lines come out the same."""
    data = text.encode("utf-8", "surrogateescape")
    shown = redacted(tmp_path_factory.mktemp("same"), data, ["given one"])
    expected = redact_text(data.decode("utf-8", "surrogateescape"), ["given one"]).encode("utf-8", "surrogateescape")
    assert (data if shown is None else shown) == expected
