"""The child: lm-evaluation-harness itself runs one task, asks through our engine, and writes its own files.

Run as ``python -m evaltrail.providers.lm_eval.child REQUEST.json DESCRIPTOR``; the endpoint and its key stand in the
environment, progress and the outcome go to the descriptor.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import datasets
import lm_eval.tasks
import lm_eval.utils
from lm_eval.evaluator import simple_evaluate
from lm_eval.loggers import EvaluationTracker

from evaltrail.core.decoding import decoded
from evaltrail.core.errors import EvaltrailError, InputError, StorageError
from evaltrail.models.endpoint import Endpoint
from evaltrail.providers.lm_eval.answers import AnswerJournal
from evaltrail.providers.lm_eval.costs import Costs
from evaltrail.providers.lm_eval.exchange import ACCESS_VARIABLE, Access, ChildRequest, failure_of
from evaltrail.providers.lm_eval.mirror import Mirror
from evaltrail.providers.lm_eval.model import EngineModel
from evaltrail.providers.lm_eval.tally import Tally
from evaltrail.providers.lm_eval.unanswered import KEY, Unanswered, mark_rows


def main(arguments: Sequence[str]) -> int:
    """The exit code of one task; its outcome is told before.

    Args:
        arguments: the request's file, the descriptor to tell to.
    """
    file, handle = arguments
    threading.Thread(target=_end_with_parent, args=(int(handle),), daemon=True).start()
    request = decoded(Path(file).read_bytes(), ChildRequest)
    access = decoded(os.environ.pop(ACCESS_VARIABLE), Access)
    tally = Tally(request.task, int(handle))
    try:
        _evaluate(request, access, tally)
    except EvaltrailError as error:
        tally.give_up(failure_of(error))
        print(error, file=sys.stderr)  # noqa: T201  the child's output is its log
        return error.exit_code
    tally.finish()
    return 0


def _end_with_parent(handle: int) -> None:
    """End at once when nobody listens any more: a parent killed hard must not leave a child that goes on asking."""
    ears = select.poll()
    ears.register(handle, 0)
    ears.poll()
    os._exit(130)  # what was answered is in the journal


def _evaluate(request: ChildRequest, access: Access, tally: Tally) -> None:
    _mirror_data(request)
    _keep_templates()
    with AnswerJournal(Path(request.journal)) as journal:
        model = EngineModel(
            lambda: Endpoint(
                access.target, generation={}, limits=request.limits, api_key=access.api_key, seed=request.seed or 0
            ),
            request=request,
            journal=journal,
            tally=tally,
        )
        tracker = EvaluationTracker(output_path=request.results)
        found = _run_harness(request, access.target.id, model, tracker)
    _write(found, tracker, Path(request.results), model.costs)


def _run_harness(
    request: ChildRequest, model_name: str, model: EngineModel, tracker: EvaluationTracker
) -> dict[str, Any]:
    options = request.options
    optional = {"fewshot_as_multiturn": options.fewshot_as_multiturn, "fewshot_random_seed": request.seed}
    manager = _Tasks.of(request, model.unanswered)
    try:
        return simple_evaluate(  # type: ignore[no-any-return]  # the harness tells no types
            model=model,
            model_args={"model": model_name},
            tasks=[request.task],
            task_manager=manager,
            evaluation_tracker=tracker,
            num_fewshot=options.num_fewshot,
            limit=None if request.limit == 1.0 and isinstance(request.limit, float) else request.limit,
            samples={request.task: sorted(set(request.samples))} if request.samples else None,
            apply_chat_template=options.apply_chat_template,
            system_instruction=options.system_instruction or None,
            confirm_run_unsafe_code=options.allow_unsafe_code,
            **{key: value for key, value in optional.items() if value is not None},
        )
    except (AssertionError, ValueError, KeyError, ImportError) as error:  # how the harness refuses what it is given
        if model.has_begun:
            raise
        raise _refused(request.task, error) from error


def _refused(task: str, error: Exception) -> InputError:
    said, hint = str(error), "its log has the rest"
    if isinstance(error, ImportError):
        hint = "install what the task needs; lm-eval's extras bring it, such as lm-eval[math] or lm-eval[ifeval]"
    elif "confirm_run_unsafe_code" in said:
        hint = "where the model's code may run on this machine: --param allow_unsafe_code=true"
    message = f"the harness refuses this: {type(error).__name__}: {said}"
    return InputError(message, code="harness_refuses", where=task, hint=hint)


class _Tasks(lm_eval.tasks.TaskManager):  # type: ignore[misc]  # the harness tells no types
    """The harness's tasks, each guarded as soon as it is loaded."""

    _unanswered: Unanswered

    @classmethod
    def of(cls, request: ChildRequest, unanswered: Unanswered) -> _Tasks:
        """The manager that looks through as few folders as the task allows."""
        home = Path(lm_eval.tasks.__file__).parent
        places = [str(home / folder) for folder in request.folders]
        if request.options.include_path:
            places.append(request.options.include_path)
        has_all = bool(request.folders) or request.is_own
        made = cls(include_path=places or None, include_defaults=not has_all)
        made._unanswered = unanswered
        return made

    def load(self, task_list: Any) -> Any:
        """The tasks of a list, guarded."""
        found = super().load(task_list)
        for task in found["tasks"].values():
            self._unanswered.guard(task)
        return found


def _mirror_data(request: ChildRequest) -> None:
    mirror = Mirror(
        datasets.load_dataset,
        folder=Path(request.datasets_dir) if request.datasets_dir else None,
        own=Path(request.options.include_path) if request.options.include_path else None,
        is_offline=not request.options.allow_downloads,
    )
    datasets.load_dataset = mirror.load_dataset


def _keep_templates() -> None:
    """Let each prompt template be compiled once.

    The harness compiles it anew for each document: 1.6 of 2.3 s of CPU for 2,000 documents (0.4.13, November 2026).
    """
    environment = lm_eval.utils.env
    environment.from_string = lru_cache(maxsize=1024)(environment.from_string)


def _write(found: dict[str, Any], tracker: EvaluationTracker, folder: Path, costs: Costs) -> None:
    """The harness's own files, with what had no answer beside its results, and in its rows what they cost.

    Raises:
        StorageError: they were not written; the harness itself goes on without them.
    """
    samples: Mapping[str, Any] = found.pop("samples")
    counts = {task: mark_rows(rows, [*found["higher_is_better"].get(task, ())]) for task, rows in samples.items()}
    found[KEY] = {task: reasons for task, reasons in counts.items() if reasons}
    tracker.save_results_aggregated(found, samples)
    for task, rows in samples.items():
        costs.mark(task, rows)
        tracker.save_results_samples(task, rows)
    written = {file.name.partition("_")[0] for file in folder.rglob("*") if file.is_file()}
    if written != {"results", "samples"}:
        raise StorageError("the harness could not write its results", where=str(folder), hint="its log says why")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
