"""Task files: one YAML that names data, prompt, reference and metrics; read strictly, so that a typo is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, nearest, slug
from evaltrail.core.values import Json

NAME = re.compile(r"[A-Za-z0-9_.-]+")
MetricSpec = str | Mapping[str, Mapping[str, Json]]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's where it is built in
    """Plain values only, no key twice, and every key a text as it is written: ``yes`` is a word, not True."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
            key.tag = "tag:yaml.org,2002:str"
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShot:
    """Examples that stand before each prompt."""

    dataset: str
    k: int
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """What is taken out of an output before it is scored."""

    kind: Literal["regex", "choice", "json", "none"] = "none"
    pattern: str = ""
    """The regular expression, or the dotted path into the JSON value."""
    take: Literal["first", "last"] = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """A task as its file says it."""

    file: Path
    name: str
    dataset: str
    metrics: tuple[MetricSpec, ...]
    prompt: str = ""
    messages: tuple[Mapping[str, str], ...] = ()
    system: str = ""
    target: str = ""
    choices: str = ""
    context: str = ""
    group: str = ""
    id: str = ""
    output: str = ""
    """What a record brings as its own output; such a record is scored without asking the model."""
    output_error: str = ""
    """Why a record brings none although it was asked elsewhere: a reason such as ``timeout``."""
    description: str = ""
    generation: Mapping[str, Json] = field(default_factory=dict)
    fewshot: FewShot | None = None
    extract: Extract = Extract()
    repeats: int = 1
    choose_by: Literal["text", "logprob"] = "text"
    """How a choice is read: from the answer's text, or as the choice the model finds likeliest."""
    digest: str
    """Identity of what the file says, whatever its layout or place."""

    def where(self, key: str) -> str:
        """A key of the file, for errors."""
        return f"{self.file}: {key}"


_REQUIRED = ("name", "dataset", "metrics")
_TEMPLATES = ("prompt", "system", "target", "choices", "context", "group", "id", "output", "output_error")
_TEXTS = ("name", "dataset", *_TEMPLATES, "description")
_KEYS = (*_TEXTS, "messages", "metrics", "generation", "fewshot", "extract", "repeats", "choose_by")


def read_task(file: Path) -> TaskFile:
    """The task of a file.

    Raises:
        InputError: the file cannot be read, a key is unknown or missing, or a value has the wrong type.
    """
    content = load_yaml(file, kind="task", hint=f"a task needs {', '.join(_REQUIRED)} and a prompt")
    _check_keys(content, _KEYS, str(file))
    for key in _REQUIRED:
        if key not in content:
            raise InputError(f"the task has no {key!r}", code="missing_key", where=str(file), hint=f"add {key}: ...")
    if ("prompt" in content) == ("messages" in content):
        raise InputError(
            "a task has either 'prompt' or 'messages'", code="missing_key", where=str(file), hint="keep one"
        )
    texts = {key: _text(content[key], f"{file}: {key}") for key in _TEXTS if key in content}
    if not NAME.fullmatch(texts["name"]):
        raise InputError(
            f"the name {texts['name']!r} has other characters than letters, digits and _ . -",
            code="bad_value",
            where=f"{file}: name",
            hint=f"call it {slug(texts['name'])!r}",
        )
    generation = _mapping(content.get("generation", {}), f"{file}: generation")
    check_generation(generation, f"{file}: generation.n")
    return TaskFile(
        file=file,
        messages=_messages(content.get("messages", ()), f"{file}: messages"),
        metrics=_metrics(content["metrics"], f"{file}: metrics"),
        generation=generation,
        fewshot=_fewshot(content.get("fewshot"), f"{file}: fewshot"),
        extract=_extract(content.get("extract"), f"{file}: extract"),
        repeats=_count(content.get("repeats", 1), f"{file}: repeats"),
        choose_by=_choose_by(content, f"{file}: choose_by"),
        digest=_digest({key: value for key, value in content.items() if key != "description"}, str(file)),
        **texts,
    )


def check_generation(generation: Mapping[str, Json], where: str = "") -> None:
    """Refuse settings that would make an answer several.

    Raises:
        InputError: ``n`` asks for more than one answer a request.
    """
    answers = generation.get("n", 1)
    if answers != 1:
        raise InputError(
            f"n is {answers!r}, but each request is for one answer",
            code="bad_generation",
            where=where,
            hint="use repeats: they are asked and scored one by one",
        )


def load_yaml(file: Path, *, kind: str, hint: str) -> dict[str, Any]:
    """The mapping that a YAML file holds: plain values only, no key twice.

    Args:
        file: of an operator.
        kind: what it is about, for errors.
        hint: what it has to hold, for errors.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    try:
        content = yaml.load(file.read_text(encoding="utf-8-sig"), _Loader)  # noqa: S506  a safe loader, in C
    except OSError as error:
        raise InputError(
            f"the {kind} file cannot be read: {error.strerror}", code=f"missing_{kind}", where=str(file)
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-13-45 looks like a date
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        problem = getattr(error, "problem", None) or error
        raise InputError(
            f"the file is no YAML: {problem}", code="broken_yaml", where=place, hint="mend the line, then run again"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            "the file holds no mapping of keys to values",
            code="broken_yaml",
            where=str(file),
            hint=hint,
        )
    return content


def _digest(content: Mapping[str, Any], where: str) -> str:
    try:
        return digest(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the file holds more than JSON can say: {error}", code="bad_value", where=where) from error


def _check_keys(content: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in content:
        if key not in known:
            hint = nearest(str(key), known) or f"known: {', '.join(known)}"
            raise InputError(f"unknown key {key!r}", code="unknown_key", where=where, hint=hint)


def _text(value: object, where: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InputError(f"a text is wanted, not {value!r}", code="bad_value", where=where, hint="put it in quotes")
    return value


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"a number from 1 on is wanted, not {value!r}", code="bad_value", where=where)
    return value


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f"a mapping is wanted, not {value!r}", code="bad_value", where=where)
    return value


def _messages(value: object, where: str) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list | tuple) or value == []:
        raise InputError("a list of {role, content} is wanted", code="bad_value", where=where)
    turns = []
    for number, turn in enumerate(value):
        place = f"{where}[{number}]"
        mapping = _mapping(turn, place)
        _check_keys(mapping, ("role", "content"), place)
        turns.append({key: _text(mapping.get(key), f"{place}.{key}") for key in ("role", "content")})
    return tuple(turns)


def _metrics(value: object, where: str) -> tuple[MetricSpec, ...]:
    specs: list[MetricSpec] = []
    for spec in [value] if isinstance(value, str | dict) else value if isinstance(value, list) else []:
        if isinstance(spec, str):
            specs.append(spec)
        elif isinstance(spec, dict):
            specs.extend(
                {str(name): _mapping({} if options is None else options, f"{where}.{name}")}
                for name, options in spec.items()
            )
        else:
            raise InputError(f"a metric's name is wanted, not {spec!r}", code="bad_value", where=where)
    if not specs:
        raise InputError("at least one metric is wanted", code="bad_value", where=where)
    return tuple(specs)


def _fewshot(value: object, where: str) -> FewShot | None:
    if value is None:
        return None
    content = _mapping(value, where)
    _check_keys(content, ("dataset", "k", "seed"), where)
    seed = content.get("seed", 0)
    if not isinstance(seed, int):
        raise InputError(f"a whole number is wanted, not {seed!r}", code="bad_value", where=f"{where}.seed")
    return FewShot(
        dataset=_text(content.get("dataset"), f"{where}.dataset"), k=_count(content.get("k"), f"{where}.k"), seed=seed
    )


def _choose_by(content: Mapping[str, Any], where: str) -> Literal["text", "logprob"]:
    value = content.get("choose_by", "text")
    if value not in ("text", "logprob"):
        raise InputError(f"choose_by is text or logprob, not {value!r}", code="bad_value", where=where)
    if value == "logprob" and not content.get("choices"):
        raise InputError("choose_by: logprob needs 'choices'", code="missing_key", where=where)
    return "logprob" if value == "logprob" else "text"


def _extract(value: object, where: str) -> Extract:
    if value is None or value == "none":
        return Extract()
    if value in ("choice", "json"):
        return Extract(kind="choice" if value == "choice" else "json")
    content = _mapping(value, where)
    _check_keys(content, ("regex", "json", "choice", "take"), where)
    kinds = [kind for kind in ("regex", "json", "choice") if kind in content]
    if len(kinds) != 1:
        raise InputError("one of regex, choice and json is wanted", code="bad_value", where=where)
    take = content.get("take", "first")
    if take not in ("first", "last"):
        raise InputError(f"take is first or last, not {take!r}", code="bad_value", where=f"{where}.take")
    kind: Any = kinds[0]
    pattern = content[kind]
    if kind == "regex" and not (isinstance(pattern, str) and pattern):
        raise InputError(f"a pattern is wanted, not {pattern!r}", code="bad_value", where=f"{where}.regex")
    return Extract(kind=kind, pattern=pattern if isinstance(pattern, str) else "", take=take)
