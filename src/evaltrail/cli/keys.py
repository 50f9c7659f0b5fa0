"""`evaltrail keys`: keys of the service made, listed, ended."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from evaltrail.cli.show import print_json, print_notice, print_text, table
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError

if TYPE_CHECKING:
    from evaltrail.store.api_keys import ApiKey, ApiKeys

EXAMPLE = "evaltrail keys add ci --role submit; evaltrail keys ls; evaltrail keys revoke ci"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "verb",
        nargs="?",
        choices=("ls", "add", "revoke"),
        default="ls",
        help="ls: all there are (the default); add: make one, which is shown this once; revoke: end one",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="of whom or what uses the key")
    parser.add_argument(
        "--role",
        choices=("read", "submit", "admin"),
        help="add: read looks, submit also starts and cancels evaluations, admin also changes the catalog",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Make, list or end keys."""
    from evaltrail.store.api_keys import ApiKeys  # noqa: PLC0415  SQLAlchemy, which few commands need
    from evaltrail.store.database import open_database  # noqa: PLC0415  the same

    _check(arguments)
    settings = load_settings(dotenv=None)  # as the service, which would not find a key that lies elsewhere
    database = open_database(settings.database_url, settings.home, settings.durability, notice=print_notice)
    try:
        keys = ApiKeys(database)
        if arguments.verb == "add":
            return _add(arguments, keys)
        if arguments.verb == "revoke":
            return _revoke(arguments, keys)
        return _list(keys, as_json=arguments.json)
    finally:
        database.close()


def _check(arguments: argparse.Namespace) -> None:
    verb = arguments.verb
    if bool(arguments.name) == (verb == "ls"):
        hint = f"for example: {EXAMPLE}"
        raise InputError(f"`keys {verb}` takes {'no' if arguments.name else 'a'} NAME", code="usage", hint=hint)
    if bool(arguments.role) != (verb == "add"):
        hint = "--role read, --role submit or --role admin" if verb == "add" else "leave --role out"
        raise InputError(f"`keys {verb}` takes {'a' if verb == 'add' else 'no'} role", code="usage", hint=hint)


def _add(arguments: argparse.Namespace, keys: ApiKeys) -> int:
    made = keys.add(arguments.name, arguments.role)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, **_object(made.account), "key": made.key})
        return 0
    print_text(made.key)
    print_notice(
        f"the key of {made.account.name} ({made.account.role}), shown this once; send it as Authorization: Bearer KEY"
    )
    return 0


def _revoke(arguments: argparse.Namespace, keys: ApiKeys) -> int:
    ended = keys.revoke(arguments.name)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, **_object(ended)})
    else:
        print_text(f"{ended.name}: revoked; a service that runs takes it for two more seconds at most")
    return 0


def _list(keys: ApiKeys, *, as_json: bool) -> int:
    found = keys.list()
    if as_json:
        print_json({"ok": True, "exit_code": 0, "keys": [_object(key) for key in found]})
        return 0
    rows = [
        [key.name, key.role, key.id, f"{key.created_at:%F %T}", f"{key.revoked_at:%F %T}" if key.revoked_at else "-"]
        for key in found
    ]
    head = ["name", "role", "id", "made (UTC)", "revoked (UTC)"]
    print_text(table(head, rows) if rows else "there are no keys; `evaltrail keys add NAME --role submit` makes one")
    return 0


def _object(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
