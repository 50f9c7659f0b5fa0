"""The catalog's layers: what this package ships, over it the operator's file, over both the variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import yaml

from evaltrail.config.secrets import is_openai
from evaltrail.config.yaml_document import YamlLimitError, first_document
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.values import Json
from evaltrail.service.catalog.entries import ProviderEntry, ServerEntry, Source
from evaltrail.service.catalog.fields import Fields, joined
from evaltrail.service.catalog.harness_names import HarnessNames
from evaltrail.service.catalog.reading import (
    checked_url,
    checked_variable,
    read_benchmark,
    read_collection,
    read_server,
)
from evaltrail.service.catalog.shelf import Shelf, folded

FILE = "catalog.yaml"
"""Of the operator, in EVALTRAIL_HOME."""
_OURS = Path(__file__).parent
_SECTIONS = ("servers", "benchmarks", "collections", "default_collection")
_MOST_BYTES = 4_000_000
_OPENAI_KEY = "OPENAI_API_KEY"
_ANYSCALE = "https://api.endpoints.anyscale.com/v1"
_VARIABLE = re.compile(r"EVALTRAIL_SERVER_(?P<name>[A-Za-z0-9_]+?)_(?P<what>URL|API_KEY_ENV|MAX_CONCURRENCY)")


def shipped_shelf() -> Shelf:
    """What is there without anybody having said anything."""
    notes = [Fields(each, "providers.yaml") for each in _our_list("providers.yaml")]
    shelf = Shelf(
        providers=[_provider(note) for note in notes],
        aliases={folded(word): note.text("id") for note in notes for word in (note.text("id"), *note.words("also"))},
        harness=HarnessNames(),
        benchmarks={},
        collections={},
        servers={},
    )
    for name in ("servers.yaml", "benchmarks.yaml", "collections.yaml"):
        shelf = with_document(shelf, read_document(_OURS / name), f"{name}: ", "shipped", _OURS)
    return shelf


def operator_shelf(home: Path, lower: Shelf) -> Shelf:
    """What there is with the operator's file, where there is one.

    Raises:
        InputError: it cannot be read, a key is unknown, a value wrong, or a rule broken.
    """
    file = home / FILE
    if not file.exists():
        return lower
    return with_document(lower, read_document(file), f"{file}: ", "file", home)


def with_document(lower: Shelf, document: Json, place: str, source: Source, folder: Path) -> Shelf:
    """What there is with a document laid over it.

    Args:
        lower: what there is without it.
        document: servers, benchmarks, collections; None = nothing.
        place: where it stands, for errors.
        source: where it is from.
        folder: where paths in it begin.

    Raises:
        InputError: a key is unknown, a value wrong, or a rule broken.
    """
    if document is None:
        return lower
    fields = Fields.of(document, place, _SECTIONS)
    servers = fields.mapping("servers").items()
    shelf = lower.plus(servers=[_server(lower, name, each, fields, source) for name, each in servers])
    for at, each in fields.items("benchmarks"):
        shelf = shelf.plus(benchmarks=[read_benchmark(each, at, source, shelf, folder)])
    collections = [
        read_collection(name, each, joined(fields.at("collections"), name), source, shelf)
        for name, each in fields.mapping("collections").items()
    ]
    shelf = shelf.plus(collections=collections, default_collection=fields.text("default_collection"))
    if shelf.default_collection:
        shelf.collection(shelf.default_collection, where=fields.at("default_collection"))
    return shelf


def with_variables(lower: Shelf, environ: Mapping[str, str]) -> Shelf:
    """What there is with the servers of established variables and of ``EVALTRAIL_SERVER_<NAME>_URL`` laid over it.

    Raises:
        InputError: a variable holds what it cannot mean, or a new server has no URL.
    """
    shelf = lower.plus(servers=list(_established_servers(lower, environ)))
    return shelf.plus(servers=list(_variable_servers(shelf, environ)))


def read_document(file: Path) -> Json:
    """The one document of a YAML file; None where it is empty.

    Raises:
        InputError: it cannot be read, is no YAML, is too much, or has a key twice.
    """
    hint = "mend it; the service goes on with what it read before"
    try:
        data = file.read_bytes()
        if len(data) > _MOST_BYTES:
            message = f"the file has {len(data):,} bytes, and {_MOST_BYTES:,} are read at most"
            raise InputError(message, code="broken_yaml", where=str(file), hint=hint)
        found = first_document(data.decode("utf-8-sig"))
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        raise InputError(message, code="bad_file", where=str(file), hint=hint) from error
    except (UnicodeDecodeError, YamlLimitError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        told = getattr(error, "problem", None) or error
        raise InputError(f"the file is no YAML: {told}", code="broken_yaml", where=place, hint=hint) from error
    if found.left_out:
        key = found.left_out[0][0]
        raise InputError(f"the key {key[:80]!r} stands twice", code="broken_yaml", where=str(file), hint="keep one")
    if found.has_more:
        hint = "keep one document: take the line --- out"
        raise InputError("the file holds several documents", code="broken_yaml", where=str(file), hint=hint)
    return found.value


def _server(lower: Shelf, name: str, value: Json, fields: Fields, source: Source) -> ServerEntry:
    """One server; of one that there is below, only what is said anew is another."""
    place = joined(fields.at("servers"), name)
    before = lower.servers.get(folded(name))
    if before is None or not isinstance(value, Mapping):
        return read_server(name, value, place, source)
    # A key belongs to the URL that it stood beside: another URL does not inherit it.
    kept: dict[str, Json] = {"url": before.url, "max_concurrency": before.max_concurrency}
    if value.get("url") in (None, before.url):
        kept["api_key_env"] = before.api_key_env or None
    return read_server(name, {**kept, **value}, place, source)


def _established_servers(lower: Shelf, environ: Mapping[str, str]) -> Iterator[ServerEntry]:
    """The servers that variables of other tools name (seed 003): their keys go where those tools send them."""
    for variable in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        if environ.get(variable, "").strip():
            openai = lower.servers.get("openai", ServerEntry(name="openai", url="", api_key_env=_OPENAI_KEY))
            url = checked_url(environ[variable].strip(), variable)
            # an endpoint of one's own may ask for no key, as the commands have it; OpenAI's own always asks
            is_keyless = openai.api_key_env == _OPENAI_KEY and not environ.get(_OPENAI_KEY) and not is_openai(url)
            key = "" if is_keyless else openai.api_key_env
            yield replace(openai, url=url, api_key_env=key, source="environment")
            break
    if environ.get("ANYSCALE_KEY") and "anyscale" not in lower.servers:
        yield ServerEntry(name="anyscale", url=_ANYSCALE, api_key_env="ANYSCALE_KEY", source="environment")


def _variable_servers(lower: Shelf, environ: Mapping[str, str]) -> Iterator[ServerEntry]:
    told: dict[str, dict[str, str]] = {}
    for variable, value in sorted(environ.items()):
        found = _VARIABLE.fullmatch(variable)
        if found and value.strip():
            told.setdefault(folded(found["name"]), {})[found["what"]] = variable
    for name, variables in told.items():
        before = lower.servers.get(name)
        if before is None and "URL" not in variables:
            first = next(iter(variables.values()))
            wanted = f"EVALTRAIL_SERVER_{name.upper()}_URL"
            hint = nearest(name, lower.servers) or f"set {wanted} too"
            message = f"{first} is set, and there is no server {name!r}"
            raise InputError(message, code="bad_setting", where=first, hint=hint)
        entry = before or ServerEntry(name=name, url="")
        yield _overlaid(entry, {what: (variable, environ[variable].strip()) for what, variable in variables.items()})


def _overlaid(entry: ServerEntry, told: Mapping[str, tuple[str, str]]) -> ServerEntry:
    """A server with what its variables say of it; ``told``: the variable's last word to its name and value."""
    if "URL" in told:
        variable, value = told["URL"]
        url = checked_url(value, variable)
        entry = replace(entry, url=url, api_key_env=entry.api_key_env if url == entry.url else "")
    if "API_KEY_ENV" in told:
        variable, value = told["API_KEY_ENV"]
        entry = replace(entry, api_key_env=checked_variable(value, variable))
    if "MAX_CONCURRENCY" in told:
        variable, value = told["MAX_CONCURRENCY"]
        if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value) > 0):
            hint = "give a whole number from 1 on"
            raise InputError(f"{variable} is {value[:40]!r}", code="bad_setting", where=variable, hint=hint)
        entry = replace(entry, max_concurrency=int(value))
    return replace(entry, source="environment")


def _our_list(name: str) -> list[Mapping[str, Json]]:
    found = read_document(_OURS / name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _provider(note: Fields) -> ProviderEntry:
    package = note.text("package")
    is_offered = note.values.get("is_offered") is not False
    is_installed = is_offered and (not package or find_spec(package) is not None)
    return ProviderEntry(
        id=note.text("id"),
        name=note.text("id"),
        title=note.text("title"),
        description=note.text("description"),
        tags=note.words("tags"),
        is_offered=is_offered,
        is_installed=is_installed,
        needs=note.text("needs"),
        install="" if is_installed else note.text("install"),
    )
