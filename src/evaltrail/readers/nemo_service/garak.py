"""Safety reports: garak's ``*.report.jsonl`` and hit logs, and content safety, whose numbers may stand at any depth.

Source: garak 0.9 to 0.15. A report has a line each for the settings, the beginning, every attempt, every detector's
evaluation, the end, and a digest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from evaltrail.config.redaction import without_secrets
from evaltrail.core.values import Json
from evaltrail.readers.heads import moment, word
from evaltrail.readers.leaves import leaves, number
from evaltrail.readers.nemo_service.drafts import Draft
from evaltrail.readers.nemo_service.garak_attempts import SCORED, GarakAttempts, is_hit
from evaltrail.readers.tables import read_jsonl

_KINDS = frozenset(
    {"start_run setup", "init", "attempt", "eval", "probe_summary", "completion", "digest", "config", "plugin_cache"}
)
_MOST_NUMBERS = 100_000
_MODEL_KEYS = ("plugins.target_name", "plugins.model_name")


def is_garak(head: bytes) -> bool:
    """Whether the first lines of a file are a garak report's or hit log's.

    Args:
        head: its first bytes.
    """
    line = next((line for line in head.splitlines() if line.strip()), b"")
    try:
        row = json.loads(line.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return b'"entry_type"' in line and (b'"start_run setup"' in line or b'"garak_version"' in line)
    return isinstance(row, dict) and (word(row.get("entry_type")) in _KINDS or is_hit(row))


def parse_garak(draft: Draft, secrets: set[str]) -> None:
    """A report or hit log, read line by line.

    Args:
        draft: told what is in its file.
        secrets: the secret values met are added.

    Raises:
        InputError: the file cannot be read.
    """
    report = _Report(draft=draft, secrets=secrets)
    for line, row in read_jsonl(draft.file, draft.notes):
        if isinstance(row, Mapping):
            report.add(row, line)
        else:
            draft.notes.skip(f"{draft.file.name}:{line}", "it is no JSON object")
    report.finish()


@dataclass(slots=True, kw_only=True)
class _Report:
    """What is known of a report after some of its lines."""

    draft: Draft
    secrets: set[str]
    attempts: int = 0
    evaluations: int = 0
    numbers: int = 0
    left_out: int = 0
    unfinished: set[str] = field(default_factory=set)
    """Attempts that were asked and, so far, not scored."""
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Json], line: int) -> None:
        """Take one line."""
        kind = word(row.get("entry_type"))
        if kind == "attempt":
            self._attempt(row)
        elif not kind and is_hit(row):
            self.hits[word(row["probe"]), word(row["detector"])] += 1
        else:
            cleaned, met = without_secrets(row)
            self.secrets |= met
            if isinstance(cleaned, Mapping):
                self._entry(cleaned, kind, line)

    def finish(self) -> None:
        """Everything was taken: count the hits, hand on the samples, say so where the scan was broken off."""
        task = self.draft.task(self.draft.evaluation)
        for (probe, detector), count in self.hits.items():
            task.measure(f"{probe}.{detector}.hits", count, probe, detector, "hits")
        if self.attempts or self.hits:
            task.samples = GarakAttempts(file=self.draft.file, unfinished=frozenset(self.unfinished))
        if self.attempts and not self.evaluations:
            self.draft.status = "failed"
            self.draft.error = "the report holds no evaluation of its attempts: the scan was broken off"
        if self.left_out:
            what = f"{self.draft.file.name}: {self.left_out:,} numbers"
            self.draft.notes.skip(what, f"only the first {_MOST_NUMBERS:,} outside of attempts become metrics")

    def _attempt(self, row: Mapping[str, Json]) -> None:
        self.attempts += 1
        name = word(row.get("uuid"))
        if row.get("status") == SCORED:
            self.unfinished.discard(name)
        elif name:
            self.unfinished.add(name)

    def _entry(self, row: Mapping[str, Json], kind: str, line: int) -> None:
        rest = {key: value for key, value in row.items() if key != "entry_type" or not kind}
        if kind in {"eval", "probe_summary"}:
            self.evaluations += kind == "eval"
            heads = {key: word(row.get(key)) for key in ("probe", "detector") if word(row.get(key))}
            self._numbers({key: value for key, value in rest.items() if key not in heads}, *heads.values())
        elif kind in {"start_run setup", "config"}:
            self._settings(rest)
        elif kind in {"init", "completion"}:
            self.draft.version = self.draft.version or word(row.get("garak_version"))
            self.draft.started_at = self.draft.started_at or moment(row.get("start_time"))
            self.draft.ended_at = moment(row.get("end_time")) or self.draft.ended_at
            self._settings(rest)
        elif kind == "digest":
            self._digest(rest)
        else:
            self._numbers(rest, kind or f"line {line}")

    def _settings(self, row: Mapping[str, Json]) -> None:
        self.draft.model = self.draft.model or next((word(row[key]) for key in _MODEL_KEYS if word(row.get(key))), "")
        self.draft.set_all(dict(sorted(row.items(), key=lambda setting: setting[0].startswith("_"))))

    def _digest(self, row: Mapping[str, Json]) -> None:
        meta = row.get("meta")
        if isinstance(meta, Mapping):
            self.draft.set("digest.meta", {key: value for key, value in meta.items() if key != "setup"})
            self._setup(meta.get("setup"))
        rest = {key: value for key, value in row.items() if key != "meta" or not isinstance(meta, Mapping)}
        self._numbers(rest, "digest")

    def _setup(self, setup: Json) -> None:
        """Keep of the digest's copy of the settings what the settings themselves do not say."""
        if isinstance(setup, Mapping):
            known = self.draft.settings
            for key, value in setup.items():
                if key != "entry_type" and (key not in known or known[key] != value):
                    self.draft.set(f"digest.meta.setup.{key}", value)
        elif setup is not None:
            self.draft.set("digest.meta.setup", setup)

    def _numbers(self, value: Json, *path: str) -> None:
        """Keep every number below a path, as long as they are not too many."""
        count = sum(number(leaf) is not None for _, leaf in leaves(value))
        if self.numbers + count > _MOST_NUMBERS:
            self.left_out += count
        else:
            self.numbers += count
            self.draft.rest(value, *path)


def parse_any_depth(value: Json, draft: Draft) -> None:
    """Content safety, and what has no form we know: every number at its dotted path, texts as settings."""
    draft.rest(value)
