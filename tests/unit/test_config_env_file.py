"""The file that `--env-file` names: every line is read, or refused by its number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.cli.values import settings_with
from evaltrail.core.errors import InputError, PartialError


@pytest.fixture
def env_file(tmp_path):
    """A function that writes the file and answers its path."""

    def write(data: bytes):
        file = tmp_path / "launch.env"
        file.write_bytes(data)
        return file

    return write


def test_good_lines_become_variables(env_file):
    """Comments, `export`, quotes over lines, empty values and names without a value are fine."""
    text = b"# a comment\n\nH8_A=1\nexport H8_B='two words'\nH8_C=\"x\ny\"\nH8_D=\nH8_E\nH8_F=${H8_A}2 # why\n"
    environ = settings_with(env_file(text)).environ
    assert {name: environ.get(name) for name in ("H8_A", "H8_B", "H8_C", "H8_D", "H8_E", "H8_F")} == {
        "H8_A": "1",
        "H8_B": "two words",
        "H8_C": "x\ny",
        "H8_D": "",
        "H8_E": None,
        "H8_F": "12",
    }


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"A=1\nthis is bad\nB=2\n", [2]),
        (b'A=1\n\n\nB="never closed\nC=2\n', [4]),
        (b"a b\nA=1\nc d\n", [1, 3]),
        (b"=x\n", [1]),
    ],
)
def test_a_line_that_says_nothing_is_an_error_with_its_number(env_file, capsys, text, lines):
    """All of them at once, none as somebody else's warning, and never with what stands there."""
    file = env_file(text)
    with pytest.raises((InputError, PartialError)) as caught:
        settings_with(file)
    errors = getattr(caught.value, "errors", (caught.value,))
    assert [error.where for error in errors] == [f"{file}:{line}" for line in lines]
    assert {error.exit_code for error in (*errors, caught.value)} == {2}
    assert not any("never closed" in str(error) or "this is" in str(error) for error in errors)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("data", "said"), [(b"A=\xff\xfe\n", "cannot be read"), (None, "not there")])
def test_a_file_that_cannot_be_read_is_named(env_file, tmp_path, data, said):
    """Bytes that are no text, or no file at all."""
    file = tmp_path / "gone.env" if data is None else env_file(data)
    with pytest.raises(InputError, match=said) as caught:
        settings_with(file)
    assert caught.value.where == str(file)


@given(data=st.binary(max_size=200))
def test_whatever_the_bytes_it_is_settings_or_an_error_of_ours(tmp_path_factory, data):
    """Never another exception."""
    file = tmp_path_factory.mktemp("env") / "x.env"
    file.write_bytes(data)
    try:
        settings_with(file)
    except (InputError, PartialError) as error:
        assert error.exit_code == 2  # noqa: PT017  what came of it is one of two
