"""Judges that requests name: each key goes to the server that it is of, and to no other."""

from __future__ import annotations

import json

import pytest

from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.submission import BenchmarkChoice, ModelChoice, SubmissionRequest
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.submitting.resolve import resolve
from evaltrail.service.working.submission_spec import spec_of_submission
from evaltrail.service.working.understanding import Understood

ROW = {"question": "q", "answer": "a", "contexts": ["c"], "ground_truth": "g"}


@pytest.fixture
def judged(tmp_path):
    """Where each benchmark of a request is judged, and with which key."""
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    environ = {
        "EVALTRAIL_HOME": str(tmp_path / "home"),
        "EVALTRAIL_DATA_ROOT": str(tmp_path),
        "EVALTRAIL_SERVER_GPU_URL": "http://10.0.0.7:9000/v1",
        "EVALTRAIL_SERVER_GPU_API_KEY_ENV": "GPU_KEY",
        "EVALTRAIL_JUDGE": "http://10.0.0.8:9000/v1#j",
        "EVALTRAIL_JUDGE_API_KEY_ENV": "JUDGE_KEY",
        "GPU_KEY": "of the gpu",
        "JUDGE_KEY": "of the judge",
        "OPENAI_API_KEY": "of openai",
    }
    settings = load_settings(environ, dotenv=None)
    catalog = Catalog(settings, data_root=tmp_path)

    def work(configuration, **judges):
        chosen = tuple(
            BenchmarkChoice(id=name, provider_id="ragas", config={"judge": judge} if judge else {})
            for name, judge in judges.items()
        )
        model = ModelChoice(name="m", server="vllm", configuration={"dataset_path": "rows.jsonl", **configuration})
        request = SubmissionRequest(model=model, benchmarks=chosen)
        submission = resolve(request, catalog, load_service_settings(settings))
        understood = Understood(evaluation_id="e", spec=spec_of_submission(submission, "e"), submission=submission)
        prepared = understood.prepared(understood.settings(settings))
        return [(each.target.url, each.key) for graded in prepared.gradings for each in graded]

    monkey = pytest.MonkeyPatch()
    monkey.chdir(tmp_path)
    yield work
    monkey.undo()


def test_judge_of_one_benchmark_leaves_the_others_theirs(judged):
    """The operator's judge is not sent the key of the server that a request names beside it."""
    assert judged({}, faithfulness="gpu#big", context_recall="") == [
        ("http://10.0.0.7:9000/v1", "of the gpu"),
        ("http://10.0.0.8:9000/v1", "of the judge"),
    ]


@pytest.mark.parametrize(
    ("judge", "url", "key"),
    [
        ("openai:/gpt", "https://api.openai.com/v1", "of openai"),
        ("gpu#big", "http://10.0.0.7:9000/v1", "of the gpu"),
        ("ollama#small", "http://localhost:11434/v1", ""),
    ],
)
def test_judge_among_the_models_settings_is_one_of_all_benchmarks(judged, judge, url, key):
    """It is looked up as theirs are: the key of the operator's judge stays where it belongs."""
    assert judged({"judge": judge}, faithfulness="", context_recall="") == [(url, key)] * 2
    assert judged({"judge": judge}, faithfulness="gpu#big") == [("http://10.0.0.7:9000/v1", "of the gpu")]
