"""A tree with a value set, added or removed, as ``-o`` asks for it; the tree before is left as it is."""

from __future__ import annotations

from collections.abc import Sequence

from evaltrail.config.composition.keys import Keys
from evaltrail.config.composition.node import MISSING, Node, Path, dotted, merged, place_of
from evaltrail.config.composition.overrides import Override
from evaltrail.config.composition.task_names import answers_to, nearest_task
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest, nearest_word

TASKS: Path = ("evaluation", "tasks")


def changed(root: Node, override: Override, keys: Keys) -> Node:
    """The tree with one override in force.

    Args:
        root: the configuration so far.
        override: what the command line says.
        keys: a key that is known may be set where it does not stand yet.

    Raises:
        InputError: the key is unknown, is there already, is not there, or lies in what has no keys.
    """
    steps = _with_places(root, override)
    if override.kind == "remove":
        return _removed(root, steps, override)
    there = _at(root, steps)
    if override.kind == "set" and there is None and not keys.is_known(steps):
        raise _unknown(root, steps, override, keys)
    is_nested = isinstance(override.value, dict | list)
    if override.kind == "add" and there is not None and there.value not in (None, MISSING) and not is_nested:
        hint = f"to replace it, write -o {override.key}=VALUE; to set it in any case, -o ++{override.key}=VALUE"
        raise InputError(f"{dotted(steps)} is there already", code="usage", where=override.where, hint=hint)
    return _put(root, steps, (), override)


def _put(node: Node | None, steps: Path, done: Path, override: Override) -> Node:
    if not steps:
        value = override.node()
        return merged(node, value) if node is not None and node.mapping is not None else value
    if node is None or node.value is None or node.is_missing:
        return Node({str(steps[0]): _put(None, steps[1:], (*done, steps[0]), override)}, override.where)
    inner = _put(node.child(steps[0]), steps[1:], (*done, steps[0]), override) if _has_inside(node) else None
    if inner is not None:
        return _replaced(node, steps[0], inner, done, override)
    if isinstance(node.value, str) and done[:2] == TASKS and len(done) == 3 and "${" not in node.value:
        return _put(Node({"name": node}, node.where), steps, done, override)
    if override.kind == "set" or "${" in str(node.value):
        hint = f"set {dotted(done)} itself" + (", or what it refers to" if "${" in str(node.value) else "")
        message = f"{dotted(done)} is one value; nothing can be set in it"
        raise InputError(message, code="usage", where=override.where, hint=hint)
    return _put(None, steps, done, override)


def _has_inside(node: Node) -> bool:
    return isinstance(node.value, tuple) or node.mapping is not None


def _replaced(node: Node, step: str | int, inner: Node, done: Path, override: Override) -> Node:
    if isinstance(node.value, tuple):
        place = place_of(step)
        if place is None or place >= len(node.value):
            raise _no_place(node.value, step, done, override)
        return Node((*node.value[:place], inner, *node.value[place + 1 :]), node.where)
    return Node({**(node.mapping or {}), str(step): inner}, node.where)


def _removed(root: Node, steps: Path, override: Override) -> Node:
    there = _at(root, steps)
    if there is None:
        above = _at(root, steps[:-1]) if len(steps) > 1 else root
        near = nearest(str(steps[-1]), (above.mapping or {}) if above is not None else ())
        hint = near or "drop this -o"
        raise InputError(f"{dotted(steps)} is not there", code="unknown_key", where=override.where, hint=hint)
    if override.has_value and override.value is not None and there.plain() != override.value:
        hint = f"write -o ~{override.key}"
        raise InputError(f"{dotted(steps)} has another value", code="usage", where=override.where, hint=hint)
    return _without(root, steps)


def _without(node: Node, steps: Path) -> Node:
    step = steps[0]
    inner = node.child(step)
    below = _without(inner, steps[1:]) if inner is not None and len(steps) > 1 else None
    if isinstance(node.value, tuple):
        place = place_of(step) or 0
        kept = () if below is None else (below,)
        return Node((*node.value[:place], *kept, *node.value[place + 1 :]), node.where)
    mapping = dict(node.mapping or {})
    if below is None:
        del mapping[str(step)]
    else:
        mapping[str(step)] = below
    return Node(mapping, node.where)


def _at(root: Node, steps: Sequence[str | int]) -> Node | None:
    node: Node | None = root
    for step in steps:
        node = node.child(step) if node is not None else None
    return node


def _with_places(root: Node, override: Override) -> Path:
    """The steps of the key, with a task's name replaced by its place in the list."""
    steps: Path = override.steps
    rest = [str(step) for step in steps[2:]]
    tasks = _at(root, TASKS)
    if steps[:2] != TASKS or not rest or place_of(rest[0]) is not None or tasks is None:
        return steps
    if not isinstance(tasks.value, tuple):
        return steps
    names = [_name(entry) for entry in tasks.value]
    for is_whole in (True, False):
        for count in range(len(rest), 0, -1):
            places = _named(names, ".".join(rest[:count]), is_whole=is_whole)
            if len(places) > 1:
                raise _several(places, rest[:count], override)
            if places:
                return (*TASKS, places[0], *rest[count:])
    hint = nearest_task(names, rest[0], ".".join(rest[:2]))
    raise InputError(f"no task is named {rest[0]!r:.80}", code="unknown_task", where=override.where, hint=hint)


def _named(names: Sequence[str], wanted: str, *, is_whole: bool) -> list[int]:
    """Places of the tasks that bear a name, or answer to it."""
    return [place for place, name in enumerate(names) if (name == wanted if is_whole else answers_to(name, wanted))]


def _name(entry: Node) -> str:
    name = entry.child("name") if entry.mapping is not None else entry
    return name.value if name is not None and isinstance(name.value, str) else ""


def _several(places: Sequence[int], words: Sequence[str], override: Override) -> InputError:
    hint = f"write the place: {dotted((*TASKS, places[0]))}"
    message = f"several tasks are named {'.'.join(words)!r:.80}: {', '.join(map(str, places))}"
    return InputError(message, code="usage", where=override.where, hint=hint)


def _no_place(items: Sequence[Node], step: str | int, done: Path, override: Override) -> InputError:
    hint = f"they are counted from 0 to {len(items) - 1}" if items else "the list is empty"
    message = f"{dotted(done)} has no item {str(step)!r:.80}"
    return InputError(message, code="unknown_key", where=override.where, hint=hint)


def _unknown(root: Node, steps: Path, override: Override, keys: Keys) -> InputError:
    """The error for a key that neither stands in the configuration nor is known."""
    done: Path = ()
    node = root
    for step in steps[:-1]:
        inner = node.child(step)
        if inner is None and not keys.is_known((*done, step)):
            break
        done, node = (*done, step), inner if inner is not None else Node({}, "")
    if isinstance(node.value, tuple):
        return _no_place(node.value, steps[len(done)], done, override)
    wrong = str(steps[len(done)])
    siblings = node.mapping or {}
    if done and not keys.is_section(done):  # below a key of the author's own, where no key of ours belongs
        close = nearest_word(wrong, siblings)
        near = f"did you mean {dotted((*done, close))!r}? It stands at {siblings[close].where}" if close else ""
    else:
        near = keys.nearest_to((*done, wrong), siblings)
    hint = near or f"to add it, write -o +{override.key}=VALUE"
    return InputError(
        f"there is no key {dotted((*done, wrong))!r:.120}", code="unknown_key", where=override.where, hint=hint
    )
