"""Jinja2 templates over one record's fields: sandboxed, and bounded in steps, size and time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from operator import itemgetter
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, meta, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.filters import make_attrgetter
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest

MAX_CHARACTERS = 4_000_000
"""Of one rendered prompt, and of any string a template makes on the way."""
MAX_STEPS = 100_000
"""Loop turns and macro calls of one rendering."""
MAX_SECONDS = 2.0
_MAX_NUMBER = 100_000
_WIDE_PERCENT = re.compile(r"%[^a-zA-Z%]*(\*|\d{6})")
_WIDE_BRACES = re.compile(r"\{[^{}]*(:[^{}]*\{|\d{6})")
"""A width in a format that would pad beyond reason, or that stands outside of the format."""
_COUNTED_FILTERS = ("batch", "center", "indent", "round", "slice", "truncate", "wordwrap")
"""Filters that make as much as a number tells them to."""


class _Bounded(ImmutableSandboxedEnvironment):
    """A sandbox that also counts: no template runs or grows without end."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
        self.globals["__tick__"] = self.tick
        self.globals["__joined__"] = self.joined
        self.filters["replace"] = self.replaced
        self.filters["join"] = self.join
        self.filters["format"] = self.percent
        self.filters |= {name: self.counted(self.filters[name]) for name in _COUNTED_FILTERS}
        del self.globals["lipsum"]
        self.steps = 0
        self.deadline = 0.0

    def start(self) -> None:
        self.steps = 0
        self.deadline = time.monotonic() + MAX_SECONDS

    def tick(self) -> str:
        self.steps += 1
        if self.steps > MAX_STEPS or (self.steps % 256 == 0 and time.monotonic() > self.deadline):
            raise SecurityError("the template does not come to an end")
        return ""

    def joined(self, *parts: object) -> str:
        text = "".join(str(part) for part in parts)
        self.within(text)
        return text

    def within(self, value: Any) -> Any:
        if isinstance(value, str | bytes | list | tuple) and len(value) > MAX_CHARACTERS:
            raise _too_long()
        if isinstance(value, int) and value.bit_length() > _MAX_NUMBER:
            raise SecurityError("the template makes too large a number")
        return value

    def counted(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(plain)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            _check_numbers(*args[1:], *kwargs.values())
            return plain(*args, **kwargs)

        return bounded

    def percent(self, text: object, *args: Any, **kwargs: Any) -> Any:
        return self.call_binop(None, "%", str(text), kwargs or args)

    def replaced(self, text: object, old: object, new: object, count: int | None = None) -> str:
        whole = str(text)
        if whole.count(str(old)) * len(str(new)) > MAX_CHARACTERS:
            raise _too_long()
        return whole.replace(str(old), str(new), -1 if count is None else count)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sizes = [len(side) for side in (left, right) if isinstance(side, str | bytes | list | tuple)]
        numbers = [abs(side) for side in (left, right) if isinstance(side, int | float)]
        grows = operator == "*" and sizes and numbers and max(sizes) * max(numbers) > MAX_CHARACTERS
        if grows or (operator == "**" and any(number > 1000 for number in numbers)):
            raise SecurityError(f"the template's {operator!r} makes too large a value")
        if operator == "%" and isinstance(left, str) and _WIDE_PERCENT.search(left):
            raise _too_wide()
        return self.within(super().call_binop(context, operator, left, right))

    def call(self, context: Any, target: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.tick()
        method = getattr(target, "__wrapped__", target)  # the sandbox wraps str.format
        owner = getattr(method, "__self__", None)
        name = method.__name__ if isinstance(owner, str) else ""
        if name in {"format", "format_map"}:
            if _WIDE_BRACES.search(str(owner).replace("{{", "").replace("}}", "")):
                raise _too_wide()
        else:
            _check_numbers(*args, *kwargs.values())
        if name == "replace":
            return self.replaced(owner, *args, **kwargs)
        if name == "join":
            return self.join(args[0], owner)
        return self.within(super().call(context, target, *args, **kwargs))

    def join(self, parts: Iterable[Any], between: object = "", attribute: str | int | None = None) -> str:
        values = parts if attribute is None else map(make_attrgetter(self, attribute), parts)
        texts, size = [], 0
        for text in map(str, values):
            size += len(text) + len(str(between))
            if size > MAX_CHARACTERS:
                raise _too_long()
            texts.append(text)
        return str(between).join(texts)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        grows = isinstance(obj, str) and attr in {"expandtabs", "translate"}
        return not grows and super().is_safe_attribute(obj, attr, value)


class Prompter:
    """Compiles the templates of one task and renders them over records."""

    def __init__(self) -> None:
        self._environment = _Bounded()

    def compile(self, source: str, where: str) -> TemplateText:
        """A template that renders to text.

        Raises:
            InputError: the template cannot be read.
        """
        try:
            tree = self._environment.parse(source)
            needs = meta.find_undeclared_variables(tree)
            template = self._guarded(tree)
        except TemplateError as error:
            raise InputError(f"the template cannot be read: {error}", code="bad_template", where=where) from error
        return TemplateText(self._environment, template, frozenset(needs), where)

    def compile_value(self, source: str, where: str) -> TemplateValue:
        """A template that gives a record's value as it is (a list stays a list) when it is one ``{{ ... }}``.

        Raises:
            InputError: the template cannot be read.
        """
        text = self.compile(source, where)
        inside = _single(self._environment.parse(source.strip()))
        if inside is None:
            return TemplateValue(text, None)
        if isinstance(inside, nodes.Name):
            return TemplateValue(text, itemgetter(inside.name))
        kept = nodes.Assign(nodes.Name("result", "store"), inside, lineno=1)
        template = self._guarded(nodes.Template([kept], lineno=1))
        return TemplateValue(text, TemplateExpression(template, undefined_to_none=False))

    def _guarded(self, tree: nodes.Template) -> Template:
        _count_turns(tree)
        tree.set_environment(self._environment)
        code = self._environment.compile(tree)
        namespace = dict(self._environment.globals)  # Jinja's own ChainMap costs 10 us a rendering
        return Template.from_code(self._environment, code, namespace)


class TemplateText:
    """One compiled template."""

    def __init__(self, environment: _Bounded, template: Template, needs: frozenset[str], where: str) -> None:
        self._environment = environment
        self._template = template
        self.needs = needs
        """Names that the template reads from the record."""
        self.where = where

    def render(self, fields: Mapping[str, Any], record: str = "") -> str:
        """The text for one record.

        Args:
            fields: the record.
            record: where the record stands, for the error.

        Raises:
            InputError: a field is missing, or the template grows or runs beyond its bounds.
        """
        self.start()
        try:
            return "".join(self._chunks(fields))
        except Exception as error:  # a template is a stranger's program: whatever it raises is its author's news
            raise self.explain(error, fields, record) from error

    def _chunks(self, fields: Mapping[str, Any]) -> Iterator[str]:
        size = 0
        for chunk in self._template.root_render_func(self._template.new_context(dict(fields))):
            size += len(chunk)
            if size > MAX_CHARACTERS:
                raise _too_long()
            yield chunk

    def start(self) -> None:
        """Give the steps and the time of one rendering."""
        self._environment.start()

    def explain(self, error: Exception, fields: Mapping[str, Any], record: str) -> InputError:
        """What a failure means to the task's author."""
        missing = sorted(name for name in self.needs if name not in fields)
        place = f"{record}: " if record else ""
        if missing and isinstance(error, TemplateError) and "undefined" in str(error):
            hint = nearest(missing[0], fields) or f"the record has: {', '.join(map(str, fields))}"
            return InputError(
                f"{place}the record has no field {missing[0]!r}", code="missing_field", where=self.where, hint=hint
            )
        return InputError(
            f"{place}the template fails: {error or type(error).__name__}", code="bad_template", where=self.where
        )


class TemplateValue:
    """One compiled template whose value keeps its type when it is a single expression."""

    def __init__(self, text: TemplateText, inside: Callable[[Mapping[str, Any]], Any] | None) -> None:
        self.text = text
        self._inside = inside

    def texts(self, fields: Mapping[str, Any], record: str = "") -> tuple[str, ...]:
        """The value as texts: one for a plain value, several for a list, none for null.

        Raises:
            InputError: a field is missing, or the expression fails.
        """
        if self._inside is None:
            return (self.text.render(fields, record),)
        self.text.start()
        try:
            value = self._inside(fields)
        except Exception as error:  # as in TemplateText.render, which explains a missing field
            self.text.render(fields, record)
            raise self.text.explain(error, fields, record) from error
        if isinstance(value, Undefined):
            self.text.render(fields, record)
        if isinstance(value, list | tuple):
            return tuple(as_text(item) for item in value)
        return () if value is None else (as_text(value),)


def _check_numbers(*values: object) -> None:
    if any(isinstance(value, int) and abs(value) > _MAX_NUMBER for value in values):
        raise SecurityError(f"a template may not call with a number above {_MAX_NUMBER}")


def _too_wide() -> SecurityError:
    return SecurityError("the template's format makes too wide a text")


def _too_long() -> SecurityError:
    return SecurityError(f"the template makes more than {MAX_CHARACTERS} characters")


def as_text(value: object) -> str:
    """A record's value as the text a model reads: true and 3 rather than True and 3.0, and JSON for what is nested."""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _single(tree: nodes.Template) -> nodes.Expr | None:
    """The expression of a template that is one ``{{ ... }}`` and nothing else."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    parts = tree.body[0].nodes
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData) else None


def _count_turns(tree: nodes.Template) -> None:
    tick = nodes.ExprStmt(nodes.Call(nodes.Name("__tick__", "load"), [], [], None, None))
    for node in tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock)):
        body: list[nodes.Node] = node.body  # type: ignore[attr-defined]  # each of the three has one
        body.insert(0, tick)
    _guard_concat(tree)


def _guard_concat(node: nodes.Node) -> None:
    for name in node.fields:
        value = getattr(node, name, None)
        if isinstance(value, nodes.Node):
            setattr(node, name, _joined_call(value))
        elif isinstance(value, list):
            setattr(node, name, [_joined_call(item) if isinstance(item, nodes.Node) else item for item in value])


def _joined_call(node: nodes.Node) -> nodes.Node:
    _guard_concat(node)
    if not isinstance(node, nodes.Concat):
        return node
    return nodes.Call(nodes.Name("__joined__", "load"), node.nodes, [], None, None, lineno=node.lineno)
