"""Results of other programs for tests of readers: how they are shown, how their numbers are looked for again."""

import json
import math
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import strategies as st

from evaltrail.bundle.columns import ParquetSamples, SamplesWriter
from evaltrail.core.errors import InputError
from evaltrail.core.source import HEAD_BYTES, Source
from evaltrail.readers.leaves import leaves, number

EXAMPLES = Path(__file__).parents[1] / "examples" / "results"

NUMBERS = st.integers(-3, 3000) | st.floats() | st.just(10**400)
SCALARS = NUMBERS | st.none() | st.booleans() | st.sampled_from(["N/A", "0.25", "text", "1e-05", "nan", "\ud800"])
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "n", "value"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def source_of(path, root=None):
    """What a reader is shown of a path."""
    is_folder = path.is_dir()
    head = b"" if is_folder else path.read_bytes()[:HEAD_BYTES]
    return Source(path=path, root=root or path.parent, head=head, is_folder=is_folder)


def write_json(file, value):
    """The file with a value in it; NaN and Infinity as Python writes them."""
    file.write_text(json.dumps(value))
    return file


def write_rows(file, rows):
    """The file with one row a line; texts as they are."""
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def write_zip(file, members, *, compression=zipfile.ZIP_DEFLATED):
    """A zip of names and values; bytes as they are."""
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, value in members.items():
            archive.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    return file


def write_zip_packed_as(file, members, method, pack):
    """A zip whose members are compressed by a method that the standard library does not write."""
    entries = b""
    with file.open("wb") as out:
        for name, value in members.items():
            data, title, start = json.dumps(value).encode(), name.encode(), out.tell()
            packed = pack(data)
            about = struct.pack(
                "<HHHHHIIIHH", 63, 0, method, 0, 33, zlib.crc32(data), len(packed), len(data), len(title), 0
            )
            out.write(b"PK\x03\x04" + about + title + packed)
            entries += b"PK\x01\x02" + struct.pack("<H", 63) + about + struct.pack("<HHHII", 0, 0, 0, 0, start) + title
        start, count = out.tell(), len(members)
        out.write(entries)
        out.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(entries), start, 0))
    return file


def metrics_of(task):
    """Metrics by the names they land under, without the task's."""
    return {"/".join((*metric.group, metric.name)): metric for metric in task.metrics}


def numbers_in(value):
    """Path and value of every finite number in a document."""
    return [
        (path, float(leaf))
        for path, leaf in leaves(value)
        if isinstance(leaf, int | float) and not isinstance(leaf, bool) and _fits(leaf)
    ]


def expect_every_number(bundle, value):
    """Each finite number of the value is a metric, a setting or a usage figure of the bundle, or listed by its path."""
    found = {float(each) for each in _numbers_of(bundle) if each is not None}
    listed = {skipped.what for skipped in bundle.skipped}
    lost = [
        (path, each)
        for path, each in numbers_in(value)
        if each not in found and not any(".".join(path[:length]) in listed for length in range(1, len(path) + 1))
    ]
    assert not lost


def expect_readable_or_input_error(reader, path):
    """Reading and iterating a damaged file gives a bundle or an InputError, never anything else."""
    source = source_of(path)
    evidence = reader.sniff(source)
    assert evidence is None or 0 < evidence.confidence <= 1
    with suppress(InputError):
        for task in reader.read(source).tasks:
            for sample in task.samples or ():
                assert sample.index >= 0


def expect_storable(samples, folder):
    """Each sample fits into the table of samples, and comes back as it was."""
    with SamplesWriter(folder / "samples.parquet", ["acc"]) as table:
        for sample in samples:
            table.add("t", sample)
    assert [sample.id for sample in ParquetSamples(folder / "samples.parquet", "t")] == [each.id for each in samples]


def broken(reader, path) -> InputError:
    """The error of a file that nothing can be read from."""
    with pytest.raises(InputError) as caught:
        reader.read(source_of(path))
    assert str(path) in caught.value.where
    return caught.value


def _fits(value):
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _numbers_of(bundle):
    for settings in (bundle.params, *(task.config for task in bundle.tasks)):
        yield from (number(value) for value in settings.values())
    for task in bundle.tasks:
        yield from task.usage.values()
        for metric in task.metrics:
            yield from (metric.value, metric.stderr, metric.n, metric.ci_low, metric.ci_high)
            yield from metric.unscored.values()
