"""Everything about a harness task that can be found wrong before anything is asked."""

from __future__ import annotations

import pytest

from child import run_child
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.providers.lm_eval.task import lm_eval_task
from lm_eval_tasks import make_task, sums_task, write_rows, write_task

URL = "http://127.0.0.1:9/v1"


def refused(name, url=URL, **options) -> InputError:
    with pytest.raises(InputError) as caught:
        make_task(name, url, **options)
    return caught.value


def test_a_task_knows_what_becomes_of_it():
    """Its reader, its provider with the library's version, and the settings that were given."""
    task = make_task("arc_easy", URL, params={"num_fewshot": "2"}, generation={"temperature": 0.5})
    assert (task.name, task.provider, task.leaves, task.repeats) == ("arc_easy", "lm_evaluation_harness", "lm_eval", 1)
    assert task.provider_version.startswith("0.4.")
    assert task.config() == {"num_fewshot": 2, "generation.temperature": 0.5}


def test_a_name_that_nobody_offers_gets_the_nearest():
    """A typing mistake is found at once."""
    error = refused("arc_eazy")
    assert error.code == "unknown_task"
    assert "'arc_easy'" in error.hint


def test_own_tasks_are_found_by_name(tmp_path):
    """include_path adds the user's; the harness's own stay."""
    folder = sums_task(tmp_path / "tasks")
    assert make_task("sums", URL, folder=folder).is_own
    assert not make_task("gsm8k", URL, folder=folder).is_own
    assert "'sums'" in refused("sumz", folder=folder).hint


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        (f"{URL}/chat/completions", {}, "gsm8k"),
        (f"{URL}/completions", {"params": {"apply_chat_template": "true"}}, "chat turns"),
        (URL, {"params": {"apply_chat_template": "true"}}, "likelihoods"),
        (URL, {"repeats": 3}, "--repeats"),
        (URL, {"sample_ids": ("first",)}, "their place"),
        (URL, {"sample_ids": ("1",), "limit": 3}, "exclude"),
        (URL, {"generation": {"model": "other"}}, "'model'"),
        ("nothing", {}, "URL"),
    ],
)
def test_what_a_task_of_likelihoods_cannot_be_asked(url, options, words):
    """An endpoint that only chats, chat turns where texts are weighed, settings that are not the harness's."""
    error = refused("arc_easy", url, **options)
    assert words in str(error)
    assert error.hint


def test_samples_of_a_group_are_refused():
    """Places are a task's own."""
    assert "group" in refused("mmlu", sample_ids=("1",)).message


def test_a_baseline_answers_no_prompts():
    """It reads questions and passages, which the harness has not."""
    asked = EvaluationRequest(tasks=("gsm8k",), target=ModelTarget(id="baseline:random"))
    with pytest.raises(InputError, match="baseline:random"):
        lm_eval_task("gsm8k", asked, datasets_dir=None, environ={})


def test_without_the_library_the_extra_is_named():
    """One line says what to type."""
    program = f"""
        import sys
        from evaltrail.core.errors import InputError
        from evaltrail.core.request import EvaluationRequest, ModelTarget
        from evaltrail.providers.lm_eval.task import lm_eval_task
        sys.path.clear()
        asked = EvaluationRequest(tasks=("gsm8k",), target=ModelTarget(id="m", url={URL!r}))
        try:
            lm_eval_task("gsm8k", asked, datasets_dir=None, environ={{}})
        except InputError as error:
            print(error.code, error.hint)
    """
    assert run_child(program).stdout == "missing_package pip install 'evaltrail[lm-eval]'\n"


def test_checking_a_task_does_not_load_the_library():
    """It takes a second that only the child needs."""
    program = f"""
        import sys
        from evaltrail.core.request import EvaluationRequest, ModelTarget
        from evaltrail.providers.lm_eval.task import lm_eval_task
        asked = EvaluationRequest(tasks=("gsm8k",), target=ModelTarget(id="m", url={URL!r}))
        task = lm_eval_task("gsm8k", asked, datasets_dir=None, environ={{}})
        print(task.name, *(name for name in ("lm_eval", "datasets", "numpy", "uvloop") if name in sys.modules))
    """
    assert run_child(program).stdout == "gsm8k\n"


def test_the_identity_is_what_decides_the_questions(tmp_path):
    """The same twice; another for other settings, other task files or other data."""
    folder, mirror = sums_task(tmp_path / "tasks"), tmp_path / "mirror"
    write_rows(mirror / "openai/gsm8k/main/test.jsonl", [{"question": "q", "answer": "a"}])

    def identities() -> list[str]:
        return [make_task("sums", URL, folder=folder).identity, make_task("gsm8k", URL, mirror=mirror).identity]

    own, shipped = identities()
    assert identities() == [own, shipped]
    assert make_task("sums", URL, folder=folder, limit=3).identity != own
    assert make_task("sums", URL, folder=folder, generation={"max_tokens": 3}).identity != own
    assert make_task("sums", f"{URL}/other", folder=folder).identity == own
    write_task(folder, "sums", doc_to_text="Q: {{question}}")
    write_rows(mirror / "openai/gsm8k/main/test.jsonl", [{"question": "another", "answer": "a"}])
    assert not {own, shipped} & set(identities())
