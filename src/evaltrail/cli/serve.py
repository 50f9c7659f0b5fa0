"""`evaltrail serve`: the evaluation service, a REST interface."""

from __future__ import annotations

import argparse
import os
import sys

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text
from evaltrail.config.settings import load_settings

EXAMPLE = "evaltrail serve --port 8000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--host", default="", metavar="HOST", help="address to listen on; default EVALTRAIL_HOST, else 127.0.0.1"
    )
    parser.add_argument(
        "--port", type=values.count, default=None, metavar="N", help="default EVALTRAIL_PORT, else 8000; 0 = a free one"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; open requests are answered then."""
    from evaltrail.config.service_settings import (  # noqa: PLC0415  the service's parts, which
        load_service_settings,
        with_usual_store,
    )
    from evaltrail.server.run import serve  # noqa: PLC0415  only this command needs

    settings = with_usual_store(load_settings(dotenv=None))  # whoever can write to the working folder says nothing here
    service = load_service_settings(settings, host=arguments.host, port=arguments.port)

    if settings.environ.get("SESSION_TYPE"):
        print_notice("SESSION_TYPE is not needed: the form pages keep no sessions")

    def tell(address: str) -> None:
        if arguments.json:
            print_json({"ok": True, "exit_code": 0, "url": address, "docs": f"{address}/docs"})
        else:
            print_text(f"evaltrail answers at {address}, its pages on the interface at {address}/docs")
        sys.stdout.flush()
        if service.auth == "none":
            print_notice("no key is asked for: whoever reaches this address may use it")

    before = os.umask(0o077)  # what the service writes is for its own user
    try:
        serve(settings, service, started=tell)
    finally:
        os.umask(before)
    return 0
