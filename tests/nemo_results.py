"""Downloaded microservice results for tests: files in folders, what a reader makes of them, the numbers it kept."""

import json
import math

from evaltrail.core.source import HEAD_BYTES, Source
from evaltrail.readers.leaves import leaves, number
from evaltrail.readers.nemo_service.reader import NemoServiceReader

READER = NemoServiceReader()


def write(folder, path: str, content) -> Source:
    """A file below a folder, as the search shows it to readers; what is no text becomes JSON."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return source(file, root=folder)


def source(file, *, root=None, evaluation: str = "") -> Source:
    """What a reader is shown of a file that exists."""
    with file.open("rb") as data:
        head = data.read(HEAD_BYTES)
    return Source(path=file.absolute(), root=root or file.parent, head=head, evaluation=evaluation)


def read(folder, path: str, content):
    """The bundle of a file that is written first."""
    return READER.read(write(folder, path, content))


def values(bundle) -> dict:
    """What lands, before names are made legal: name, with the step where it is not 0, to value."""
    found = {}
    for task in bundle.tasks:
        prefix = task.name if task.prefix is None else task.prefix
        for metric in task.metrics:
            name = "/".join(part for part in (prefix, *metric.group, metric.name) if part)
            name = f"{name}#{metric.step}" if metric.step else name
            assert name not in found, f"two metrics are called {name}"
            found[name] = metric.value
    return found


def skipped(bundle) -> dict:
    """Path to reason of everything left out."""
    return {each.what: each.why for each in bundle.skipped}


def kept_numbers(bundle) -> set:
    """Every number that a bundle holds, wherever it is kept."""
    found = set()
    for task in bundle.tasks:
        found |= numbers_of([task.name, dict(task.config), dict(task.usage)])
        for metric in task.metrics:
            found |= numbers_of([metric.name, metric.value, metric.stderr, metric.n, metric.step])
        for sample in task.samples or ():
            scores = [score.value for score in sample.scores.values()]
            found |= numbers_of(
                [sample.id, sample.repeat, sample.input, sample.output, dict(sample.attributes), scores]
            )
    return found | numbers_of(dict(bundle.params))


def numbers_of(value) -> set:
    """The finite numbers in a document, those in JSON texts too."""
    found = set()
    for _, leaf in leaves(value):
        if number(leaf) is not None:
            found.add(number(leaf))
        elif isinstance(leaf, str) and leaf[:1] in {"{", "["}:
            try:
                found |= numbers_of(json.loads(leaf))
            except ValueError:
                continue
    return found


def finite_numbers(value) -> set:
    """The finite numbers that stand in a document as numbers."""
    plain = (leaf for _, leaf in leaves(value) if isinstance(leaf, int | float) and not isinstance(leaf, bool))
    return {float(leaf) for leaf in plain if math.isfinite(leaf)}


def distinct(value):
    """The document with every finite number replaced by one that stands nowhere else in it; whole ones stay whole."""
    count = iter(range(1_000_000))

    def made(inner):
        if isinstance(inner, dict):
            return {key: made(leaf) for key, leaf in inner.items()}
        if isinstance(inner, list):
            return [made(leaf) for leaf in inner]
        if isinstance(inner, bool) or not isinstance(inner, int | float) or not math.isfinite(inner):
            return inner
        return 5000 + next(count) if isinstance(inner, int) else 7000.5 + next(count)

    return made(value)


def assert_nothing_lost(content, bundle) -> None:
    """Every finite number is kept or named in a note, and no two metrics of a task share a name and step.

    Args:
        content: a document made by ``distinct``, so that no number is found by accident.
        bundle: what was made of it.
    """
    listed = " ".join(f"{each.what} {each.why}" for each in bundle.skipped)
    lost = {found for found in finite_numbers(content) - kept_numbers(bundle) if f"{found:g}" not in listed}
    assert not lost, f"lost {lost}; listed: {listed}"
    for task in bundle.tasks:
        places = [(metric.group, metric.name, metric.step) for metric in task.metrics]
        assert len(set(places)) == len(places)
