"""A task of lm-evaluation-harness: checked before anything is asked, then run by the library itself in a child."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from evaltrail.core.dataset import Dataset
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.ports import FolderCall
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.core.values import Json, Scalar
from evaltrail.models.address import parse_address
from evaltrail.providers.lm_eval.child_run import run_child
from evaltrail.providers.lm_eval.exchange import ChildRequest
from evaltrail.providers.lm_eval.index import HarnessIndex, HarnessTask, unknown_task
from evaltrail.providers.lm_eval.options import Options, read_options
from evaltrail.providers.lm_eval.own_tasks import own_tasks

PROVIDER = "lm_evaluation_harness"
_PACKAGE = "lm_eval"
_MOST_FILES = 10_000
_OURS = ("model", "messages", "prompt", "stream")


@dataclass(kw_only=True)
class LmEvalTask:
    """One task, group or tag of the harness."""

    name: str
    provider_version: str
    known: HarnessTask | None
    """None where only the harness itself can tell whether it has this task."""
    is_own: bool
    options: Options
    request: EvaluationRequest
    datasets_dir: Path | None
    instead: tuple[str, ...] = ()
    """Tasks that need no log-probabilities, where this one does."""
    provider: str = PROVIDER
    leaves: str = "lm_eval"
    repeats: int = 1
    total: int = 0
    """Not known before: the harness has the data."""
    dataset: Dataset | None = None
    """The reader tells it from what the harness writes."""

    @cached_property
    def identity(self) -> str:
        """Digest of everything that decides what is asked and how it is scored, except the model."""
        request = self.request
        parts: list[Json] = [PROVIDER, self.provider_version, self.name, cast("Json", asdict(self.options))]
        parts += [request.limit, list(request.sample_ids), request.seed, dict(request.generation)]
        return digest([*parts, list(self._files())])

    def config(self) -> Mapping[str, Scalar]:
        """The settings that become params: what was set, and nothing that is as the task has it."""
        options = {key: value for key, value in asdict(self.options).items() if value not in (None, "", False)}
        options.pop("include_path", None)
        return options | {
            f"generation.{key}": value if isinstance(value, str | int | float) else digest(value)
            for key, value in self.request.generation.items()
        }

    def run(self, folder: Path, call: FolderCall) -> Path:
        """The folder that holds the results now: ``results_*.json`` and ``samples_*.jsonl`` of the harness.

        Args:
            folder: of this task alone; answers that lie there from a cut-short call are not asked for again.
            call: whom to ask, and how.

        Raises:
            InputError: the harness finds a setting or the task's data wrong.
            EndpointError: the endpoint refuses, is gone, or has no log-probabilities where the task needs them.
            StorageError: the disk refuses.
            EvaltrailError: the harness failed.
            KeyboardInterrupt: it came while the harness ran, which has ended.
        """
        request = ChildRequest(
            task=self.name,
            is_own=self.is_own,
            folders=self.known.folders if self.known else (),
            instead=self.instead,
            results="",
            journal="",
            datasets_dir=str(self.datasets_dir or ""),
            options=self.options,
            limits=call.limits,
            limit=self.request.limit,
            samples=tuple(map(int, self.request.sample_ids)),
            seed=self.request.seed,
            generation=self.request.generation,
        )
        return run_child(request, folder, call, name=self.name)

    def _files(self) -> Iterator[Json]:
        """Path, size and time of what the user's task files and the mirror hold for this task."""
        mirrored = [part for part in self.known.dataset.partition(" ") if part.strip()] if self.known else []
        places = [Path(self.options.include_path)] if self.options.include_path else []
        if self.datasets_dir and mirrored:
            places.append(self.datasets_dir.joinpath(*mirrored))
        for place in places:
            for number, file in enumerate(sorted(place.rglob("*")) if place.is_dir() else []):
                if number < _MOST_FILES and file.is_file() and "__pycache__" not in file.parts:
                    found = file.stat()
                    yield [str(file.relative_to(place)), found.st_size, found.st_mtime_ns]


def lm_eval_task(
    name: str, request: EvaluationRequest, *, datasets_dir: Path | None, environ: Mapping[str, str]
) -> LmEvalTask:
    """The task of a name, with everything found that can be found wrong before anything is asked.

    Args:
        name: a task, group or tag of the harness, or of the folder that ``include_path`` names.
        request: what was asked for; its ``params`` are the harness's settings (see ``Options``).
        datasets_dir: EVALTRAIL_DATASETS_DIR.
        environ: every variable; none of them is the harness's.

    Raises:
        InputError: the harness is not installed, it has no such task, a setting is wrong, or the endpoint's URL is
            not one that the task can be asked through.
    """
    del environ  # it reaches the child by the call
    options = read_options(request.params)
    index = HarnessIndex()
    own = own_tasks(Path(options.include_path)) if options.include_path else {}
    installed = _installed()
    known = own.get(name) or index.find(name)
    if known is None and installed == index.version:
        raise unknown_task(name, index, own, folder=options.include_path)
    _check_request(name, request, known)
    instead = index.instead_of(name) if known is None or known.needs_logprobs else ()
    _check_target(name, request.target, known, options, instead)
    return LmEvalTask(
        name=name,
        provider_version=installed,
        known=known,
        is_own=name in own and own[name].is_whole,
        options=options,
        request=request,
        datasets_dir=datasets_dir,
        instead=instead,
    )


def _installed() -> str:
    if find_spec(_PACKAGE) is not None:
        try:
            return version(_PACKAGE)
        except PackageNotFoundError:
            pass
    raise InputError(
        "lm-evaluation-harness is not installed", code="missing_package", hint="pip install 'evaltrail[lm-eval]'"
    )


def _check_request(name: str, request: EvaluationRequest, known: HarnessTask | None) -> None:
    """The request, where the harness cannot carry it out.

    Raises:
        InputError: it cannot.
    """
    if request.repeats not in (None, 1):
        raise _wrong(name, "--repeats: harness tasks say themselves how often they ask", "set `repeats` in a task file")
    odd = [each for each in request.sample_ids if not (each.isdecimal() and each.isascii())]
    if odd:
        raise _wrong(name, f"--samples {odd[0]!r}: samples are called by their place", "write 0 for the first one")
    if request.sample_ids and request.limit is not None:
        raise _wrong(name, "--samples and --limit exclude each other", "give one of them")
    if request.sample_ids and known and known.kind != "task":
        raise _wrong(name, f"--samples: it is a {known.kind} of several tasks", "name one of its tasks")
    ours = next((key for key in _OURS if key in request.generation), None)
    if ours:
        raise _wrong(name, f"generation setting {ours!r} is none of yours", "the task says what is asked, --model whom")


def _check_target(
    name: str, target: ModelTarget, known: HarnessTask | None, options: Options, instead: tuple[str, ...]
) -> None:
    """The target, where this task cannot be asked through it.

    Raises:
        InputError: it cannot.
    """
    if target.is_baseline:
        raise _wrong(name, f"{target.id} answers questions, not prompts of a harness", "name an endpoint: --url")
    address = parse_address(target.url)
    if address.route == "completions" and options.apply_chat_template:
        raise _wrong(name, "/completions takes no chat turns", "leave apply_chat_template out, or give the URL .../v1")
    if known and known.needs_logprobs and address.path.endswith("/chat/completions"):
        names = ", ".join(instead)
        hint = f"give the URL .../v1 where /completions is served too, or run one of: {names}"
        raise _wrong(name, "it needs log-probabilities of the prompt, which /chat/completions has not", hint)
    if known and known.needs_logprobs and options.apply_chat_template:
        raise _wrong(name, "it asks for likelihoods of texts, not of chat turns", "leave apply_chat_template out")


def _wrong(name: str, message: str, hint: str) -> InputError:
    return InputError(message, code="bad_request", where=f"{PROVIDER}/{name}", hint=hint)
