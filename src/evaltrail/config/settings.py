"""Settings from the environment and a .env file: one field a variable, read once and handed down."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from evaltrail.core.delivery import RunLayout
from evaltrail.core.errors import InputError
from evaltrail.core.trace_choice import TraceChoice, read_trace_choice

_LONGEST_LEASE_S = 86_400.0
_BROKERS = {"amqp", "amqps", "redis", "rediss"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that variables may say to `run`, `sync` and their kin."""

    home: Path
    """EVALTRAIL_HOME: ledger, outbox, work in progress, finished bundles, stored answers."""
    tracking_uri: str = ""
    """MLFLOW_TRACKING_URI, else MLFLOW_URI, else the local server on PORT; empty = MLflow's own default store."""
    mlflow_ui_url: str = ""
    """EVALTRAIL_MLFLOW_UI_URL: where people reach MLflow's pages; empty = at the tracking URI."""
    experiment: str = ""
    """MLFLOW_EXPERIMENT_NAME."""
    experiment_id: str = ""
    """MLFLOW_EXPERIMENT_ID."""
    run_id: str = ""
    """MLFLOW_RUN_ID: an existing run to land in."""
    layout: RunLayout | Literal[""] = ""
    """EVALTRAIL_LAYOUT."""
    traces: TraceChoice = 0
    """EVALTRAIL_TRACES: samples that become traces where nobody says."""
    datasets_dir: Path | None = None
    """EVALTRAIL_DATASETS_DIR: a local mirror that is looked up before any hub."""
    commands_dir: Path = Path("commands")
    """EVALTRAIL_COMMANDS_DIR: the command files of the provider `command`; default: ``commands`` in the home."""
    upload_folder: Path | None = None
    """UPLOAD_FOLDER: where uploaded documents are kept; None = ``documents`` in the home."""
    datagen_upload_folder: Path | None = None
    """DATAGEN_UPLOAD_FOLDER: where data sets of questions, generated and edited, are kept; None = ``datasets`` in the
    home."""
    experiment_prefix: str = ""
    """EVALTRAIL_EXPERIMENT_PREFIX: stands before ``data_upload_api``, ``data_generation`` and ``evaluation``."""
    openai_base_url: str = ""
    """OPENAI_BASE_URL or OPENAI_API_BASE: the endpoint where none is given."""
    judge: str = ""
    """EVALTRAIL_JUDGE: the model that grades where none is named, ``openai:/NAME`` or ``URL#model``."""
    judge_api_key_env: str = ""
    """EVALTRAIL_JUDGE_API_KEY_ENV: name of the variable that holds the judge's key."""
    database_url: str = ""
    """EVALTRAIL_DATABASE_URL: where queued jobs lie; empty = sqlite in the home."""
    queue_url: str = ""
    """EVALTRAIL_QUEUE_URL: the broker that wakes workers; empty = they look into the database by themselves."""
    durability: Literal["normal", "full"] = "normal"
    """EVALTRAIL_DURABILITY: what an accepted job survives; see ``store.engines.Durability``."""
    lease_s: float = 60.0
    """EVALTRAIL_LEASE_SECONDS: how long a unit is lent to a worker, which gives three signs of life in it at least."""
    environ: Mapping[str, str]
    """Every variable, the process's own before those of the .env file; keys are looked up here, late."""

    @property
    def has_shared_home(self) -> bool:
        """Whether other machines may use the home too: jobs lie on a server, which is what several machines need."""
        return bool(self.database_url) and not self.database_url.startswith("sqlite")

    @property
    def local_mlflow_port(self) -> int:
        """PORT, where it is what names the tracking URI; 0 = it is not."""
        port = self.environ.get("PORT", "")
        is_named = self.tracking_uri == _local_server(port) and not _given_uri(self.environ)
        return int(port) if is_named else 0

    @property
    def documents_folder(self) -> Path:
        """Where documents are kept."""
        return self.upload_folder or self.home / "documents"

    @property
    def question_sets_folder(self) -> Path:
        """Where data sets of questions are kept."""
        return self.datagen_upload_folder or self.home / "datasets"

    def own_experiment(self, name: str) -> str:
        """The experiment that one of the names of seed 003 means here."""
        return f"{self.experiment_prefix}_{name}" if self.experiment_prefix else name


def load_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
    """The settings of this process: environment before .env before defaults; unknown names are nobody's business.

    Args:
        environ: the variables; None = those of the process.
        dotenv: the .env file to read where it exists; None = none.

    Raises:
        InputError: a variable holds what it cannot mean, or the .env file cannot be read.
    """
    own = dict(os.environ if environ is None else environ)
    merged = {**read_dotenv(dotenv), **own}
    home = Path(merged.get("EVALTRAIL_HOME") or _data_folder(merged)).expanduser().absolute()
    return Settings(
        home=home,
        tracking_uri=_tracking_uri(merged),
        mlflow_ui_url=_page_address(merged.get("EVALTRAIL_MLFLOW_UI_URL", "")),
        experiment=merged.get("MLFLOW_EXPERIMENT_NAME", ""),
        experiment_id=merged.get("MLFLOW_EXPERIMENT_ID", ""),
        run_id=merged.get("MLFLOW_RUN_ID", ""),
        layout=_layout(merged.get("EVALTRAIL_LAYOUT", "")),
        traces=read_trace_choice(merged.get("EVALTRAIL_TRACES") or 0, where="EVALTRAIL_TRACES"),
        datasets_dir=_folder(merged.get("EVALTRAIL_DATASETS_DIR", "")),
        commands_dir=Path(merged.get("EVALTRAIL_COMMANDS_DIR") or home / "commands").expanduser().absolute(),
        upload_folder=_folder(merged.get("UPLOAD_FOLDER", "")),
        datagen_upload_folder=_folder(merged.get("DATAGEN_UPLOAD_FOLDER", "")),
        experiment_prefix=merged.get("EVALTRAIL_EXPERIMENT_PREFIX", ""),
        openai_base_url=merged.get("OPENAI_BASE_URL") or merged.get("OPENAI_API_BASE", ""),
        judge=merged.get("EVALTRAIL_JUDGE", ""),
        judge_api_key_env=merged.get("EVALTRAIL_JUDGE_API_KEY_ENV", ""),
        database_url=merged.get("EVALTRAIL_DATABASE_URL", ""),
        queue_url=_queue_url(merged.get("EVALTRAIL_QUEUE_URL", "")),
        durability=_durability(merged.get("EVALTRAIL_DURABILITY") or "normal"),
        lease_s=_lease_s(merged.get("EVALTRAIL_LEASE_SECONDS") or "60"),
        environ=merged,
    )


def with_variables(settings: Settings, values: Mapping[str, str]) -> Settings:
    """The settings as they are with further variables laid over the process's own.

    Raises:
        InputError: a variable holds what it cannot mean.
    """
    return load_settings({**settings.environ, **values}, dotenv=None) if values else settings


def _folder(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


def _layout(text: str) -> RunLayout | Literal[""]:
    if text in {"", "per_bundle", "nested"}:
        return cast("RunLayout", text)
    raise InputError(f"EVALTRAIL_LAYOUT is {text!r}", code="bad_setting", hint="per_bundle and nested are known")


def _page_address(text: str) -> str:
    """The address of a web page, without a slash at its end."""
    if not text or (text.startswith(("http://", "https://")) and len(text.split()) == 1):
        return text.rstrip("/")
    raise InputError(
        f"EVALTRAIL_MLFLOW_UI_URL is {text[:60]!r}", code="bad_setting", hint="give an address: http://HOST:PORT"
    )


def _queue_url(text: str) -> str:
    """The address of a broker, once it can be one; what is wrong with it is told without its password."""
    try:
        parts = urlsplit(text)
        is_known = parts.scheme in _BROKERS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_known = False
    if is_known or not text:
        return text
    hint = "amqp://user@host//, amqps://..., redis://host/0 and rediss://... are known; leave it empty for none"
    shown = f"{text.partition('://')[0]}://..." if "://" in text else "no such address"
    raise InputError(f"EVALTRAIL_QUEUE_URL is {shown!r:.40}", code="bad_setting", hint=hint)


def _durability(text: str) -> Literal["normal", "full"]:
    if text in {"normal", "full"}:
        return cast('Literal["normal", "full"]', text)
    raise InputError(f"EVALTRAIL_DURABILITY is {text!r}", code="bad_setting", hint="normal and full are known")


def _lease_s(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= _LONGEST_LEASE_S:
        return seconds
    hint = f"give seconds above 0, {_LONGEST_LEASE_S:,.0f} at most"
    raise InputError(f"EVALTRAIL_LEASE_SECONDS is {text!r}", code="bad_setting", hint=hint)


def _tracking_uri(merged: Mapping[str, str]) -> str:
    given = _given_uri(merged)
    if given or not merged.get("PORT"):
        return given
    port = merged["PORT"]
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise InputError(f"PORT is {port!r}", code="bad_setting", hint="a port is a number from 1 to 65535")
    return _local_server(port)


def _local_server(port: str) -> str:
    return f"http://127.0.0.1:{port}"


def _given_uri(merged: Mapping[str, str]) -> str:
    return merged.get("MLFLOW_TRACKING_URI") or merged.get("MLFLOW_URI", "")


def _data_folder(merged: Mapping[str, str]) -> Path:
    if merged.get("XDG_DATA_HOME"):
        return Path(merged["XDG_DATA_HOME"]) / "evaltrail"
    if sys.platform == "darwin":
        return Path("~/Library/Application Support/evaltrail")
    return Path("~/.local/share/evaltrail")


def read_dotenv(path: Path | None) -> dict[str, str]:
    """The variables of a .env file; none where there is no file.

    Raises:
        InputError: it cannot be read.
    """
    if path is None or not path.is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415  only where a .env file is there

    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the file cannot be read: {error}", code="bad_setting", where=str(path)) from error
