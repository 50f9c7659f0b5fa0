"""The body of a submission, put together from the words that a person has for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json

BenchmarkWord = str | Mapping[str, Json]
"""``PROVIDER/ID``, ``ID``, or the object that the REST interface knows."""


def order_body(
    *,
    model: str,
    server: str = "",
    url: str = "",
    configuration: Mapping[str, Json] | None = None,
    benchmarks: Sequence[BenchmarkWord] = (),
    collection: str = "",
    experiment: str = "",
    tags: Mapping[str, str] | None = None,
    further: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """The body as the REST interface has it; what is empty is left out, so that the service's defaults hold.

    Args:
        model: as its server calls it.
        server: entry of the server registry.
        url: of an OpenAI-compatible endpoint, instead of a server.
        configuration: generation settings of all benchmarks.
        benchmarks: that are to be run.
        collection: id of the collection that is to be run.
        experiment: MLflow's, without the prefix; empty = a name is made.
        tags: of the experiment and its runs.
        further: other fields of the body, such as ``timeout_minutes``.

    Raises:
        InputError: no model is named.
    """
    if not model:
        raise InputError("no model is named", code="missing_model", hint="say which model is to be evaluated")
    place: dict[str, Json] = {"name": experiment, "tags": dict(tags or {})}
    body: dict[str, Json] = {
        "model": _filled({"name": model, "server": server, "url": url, "configuration": dict(configuration or {})}),
        "benchmarks": [_benchmark(each) for each in benchmarks],
        "collection": collection,
        "experiment": _filled(place),
    }
    return {**_filled(body), **(further or {})}


def _benchmark(word: BenchmarkWord) -> Mapping[str, Json]:
    if not isinstance(word, str):
        return word
    provider, slash, identity = word.partition("/")
    return {"provider_id": provider, "id": identity} if slash else {"id": word}


def _filled(fields: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value not in ("", [], {})}
