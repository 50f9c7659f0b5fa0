"""A judge behind a real endpoint, measured against labels."""

from __future__ import annotations

import csv
import json

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.request import RequestLimits
from evaltrail.service.calibrating.calibrate import CalibrationOrder, calibrate
from evaltrail.service.calibrating.report import calibration_object, calibration_report
from evaltrail.store.calibrations import Calibrations
from judge_server import JudgeServer, Said
from judging_rules import graded

TONE = "tone: {definition: d, grading_prompt: On a scale of 1-5., model: 'openai:/file-model'}"
DIRECT = "direct: {grading_prompt: Is it direct, labels: [yes, no]}"


def _says(text):
    """The score that the output names, such as ``4 stars``."""
    return {"rationale": "r", "score": int(graded(text)[0])}


def _yes_unless_no(text):
    return {"rationale": "r", "score": "no" if "no" in graded(text) else "yes"}


def _order(folder, rows, judge=TONE, head=("input", "output", "label"), **fields):
    with (folder / "labels.csv").open("w", newline="") as out:
        csv.writer(out).writerows([head, *rows])
    (folder / "judge.yaml").write_text(judge)
    limits = RequestLimits(concurrency=4, max_retries=0)
    return CalibrationOrder(labels=folder / "labels.csv", judge=folder / "judge.yaml", limits=limits, **fields)


def _settings(folder, **environ):
    return load_settings({"EVALTRAIL_HOME": str(folder / "home"), **environ}, None)


def _calibrated(folder, server, rows, **fields):
    order = _order(folder, rows, model="m", url=server.url, **fields)
    return calibrate(order, _settings(folder))


def test_a_judge_is_measured_and_remembered(tmp_path):
    """Kappa, weighted kappa, agreement, bias and confusion of ten rows; the home knows the judge from then on."""
    rows = [("q", f"{1 + n % 5} stars", str(1 + n % 5 if n else 2)) for n in range(10)]
    with JudgeServer(_says) as server:
        done = _calibrated(tmp_path, server, rows)
    told = calibration_object(done)
    assert (told["n"], told["n_unscored"], told["exit_code"], done.exit_code) == (10, 0, 0, 0)
    assert (told["agreement"], told["bias"]) == (0.9, pytest.approx(-0.1))
    assert told["kappa"] < told["weighted_kappa"] < 1
    assert told["confusion"]["2"] == {"1": 1, "2": 2}
    assert told["cost"] == {"requests": 10, "tokens_in": 1000, "tokens_out": 100}
    judge = told["judge"]
    assert (judge["name"], judge["model"], judge["url"], judge["votes"]) == ("tone", "m", server.url, 1)
    kept = Calibrations(tmp_path / "home").find(judge["source"], "m")
    assert (kept.n, kept.kappa) == (10, pytest.approx(told["kappa"]))


def test_the_judge_sees_what_stands_in_the_row_but_no_label(tmp_path):
    """References, contexts and named columns are shown; what people said, and other columns, are not."""
    judge = "tone: {grading_prompt: On a scale of 1-5., grading_context_columns: [reference, contexts, channel]}"
    rows = [("question?", "4 stars", "4", "the-reference", '["one-passage", "two-passage"]', "by-mail", "hidden-note")]
    head = ("input", "output", "label", "reference", "contexts", "channel", "note")
    with JudgeServer(_says) as server:
        _calibrated(tmp_path, server, [*rows, ("q2", "5", "2", "r", "c", "x", "y")], judge=judge, head=head)
    sent = json.dumps([body for body in server.bodies if "question?" in json.dumps(body)])
    for shown in ("question?", "4 stars", "the-reference", "one-passage", "two-passage", "by-mail"):
        assert shown in sent
    assert "label" not in sent
    assert "hidden-note" not in sent


def test_the_corrected_share_stands_beside_the_judges_own(tmp_path):
    """A judge that always says yes is not believed: the labels' share comes out, within its interval."""
    rows = [("q", f"answer {n}", "yes" if n % 3 else "no") for n in range(30)]
    with (tmp_path / "more.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("input", "output"), *(("q", f"other {n}") for n in range(50))])
    with JudgeServer(lambda _: {"rationale": "r", "score": "yes"}) as server:
        done = _calibrated(tmp_path, server, rows, judge=DIRECT, unlabelled=tmp_path / "more.csv")
    corrected = calibration_object(done)["corrected"]
    assert (corrected["judge_alone"], corrected["value"], corrected["lambda"]) == (1.0, pytest.approx(2 / 3), 0.0)
    assert 0.0 <= corrected["ci_low"] < 2 / 3 < corrected["ci_high"] <= 1.0
    assert (corrected["n"], corrected["n_unlabelled"]) == (30, 50)
    assert "corrected share" in calibration_report(done)


def test_words_get_a_corrected_share_each(tmp_path):
    """For words there is no mean; the shares of all rows sum to 1."""
    judge = "kind: {grading_prompt: Which kind, labels: [a, b, c]}"
    rows = [("q", letter, letter if n else "b") for n, letter in enumerate("abcabcaab")] + [("q", "c", "")] * 4
    with JudgeServer(lambda text: {"rationale": "r", "score": graded(text)}) as server:
        told = calibration_object(_calibrated(tmp_path, server, rows, judge=judge))
    assert told["corrected"] is None
    assert sum(each["value"] for each in told["corrected_shares"].values()) == pytest.approx(1.0, abs=0.1)
    assert (told["bias"], "weighted_kappa" in told, told["n_unlabelled"]) == (None, False, 4)


@pytest.mark.parametrize(("allowed", "code"), [(0.0, 1), (0.2, 0)])
def test_an_unreadable_row_is_counted_listed_and_partial(tmp_path, allowed, code):
    """Its reason and what the judge said are kept; it is in no figure, and exit code 1 unless allowed."""
    rows = [("q", f"{1 + n % 5}", str(1 + n % 5)) for n in range(9)] + [("q", "9 nonsense", "3")]
    with JudgeServer(lambda text: "I like it." if "nonsense" in graded(text) else _says(text)) as server:
        done = _calibrated(tmp_path, server, rows, allow_unscored=allowed)
    told = calibration_object(done)
    assert (told["n"], told["n_unscored"], told["exit_code"]) == (9, 1, code)
    assert told["unscored"] == {"judge_unreadable": 1}
    (row,) = told["unreadable"]
    assert (row["row"], row["reason"]) == ("labels.csv:11", "judge_unreadable")
    assert "I like it." in row["raw"]
    assert "labels.csv:11: judge_unreadable" in calibration_report(done)


def test_votes_are_another_judge(tmp_path):
    """Three votes ask three times a row, and their calibration is not that of one."""
    rows = [("q", f"{1 + n % 5}", str(1 + n % 5)) for n in range(5)]
    with JudgeServer(_says) as server:
        one, three = (calibration_object(_calibrated(tmp_path, server, rows, votes=votes)) for votes in (None, 3))
    assert (one["cost"]["requests"], three["cost"]["requests"], three["judge"]["votes"]) == (5, 15, 3)
    assert one["judge"]["source"] != three["judge"]["source"]


def test_what_was_judged_before_the_end_of_the_endpoint_is_not_judged_again(tmp_path):
    """The same order goes on; every row is paid for once but for those in flight."""
    rows = [("q", f"{1 + n % 5} stars of row {n}", str(1 + n % 5)) for n in range(40)]

    def dies(text):
        return _says(text) if len(server.bodies) <= 20 else Said(status=401, error="no")

    with JudgeServer(dies) as server:
        order = _order(tmp_path, rows, model="m", url=server.url)
        with pytest.raises(EndpointError):
            calibrate(order, _settings(tmp_path))
        server.rule, before = _says, len(server.bodies)
        done = calibrate(order, _settings(tmp_path))
        again = len(server.bodies) - before
    assert (done.measured.n, done.exit_code) == (40, 0)
    assert 20 <= again <= 24


def test_out_holds_the_object_and_the_report(tmp_path):
    """Both files, again over an earlier calibration, and never over anything else."""
    rows = [("q", "4", "4"), ("q", "2", "2")]
    with JudgeServer(_says) as server:
        for _ in range(2):
            done = _calibrated(tmp_path, server, rows, out=tmp_path / "out")
        assert json.loads((tmp_path / "out" / "calibration.json").read_bytes())["n"] == 2
        assert (tmp_path / "out" / "calibration.md").read_text() == calibration_report(done)
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "file").touch()
        asked = len(server.bodies)
        with pytest.raises(InputError, match="other files"):
            _calibrated(tmp_path, server, rows, out=tmp_path / "other")
    assert len(server.bodies) == asked


@pytest.mark.parametrize(
    ("fields", "environ", "code"),
    [
        ({"url": "http://127.0.0.1:9/v1"}, {}, "usage"),
        ({"model": "m"}, {}, "missing_url"),
        ({"model": "m", "url": "http://127.0.0.1:9/v1", "api_key_env": "UNSET"}, {}, "missing_key"),
        ({"judge": DIRECT}, {}, "missing_judge"),
        ({"judge": DIRECT}, {"EVALTRAIL_JUDGE": "nobody"}, "bad_judge"),
    ],
)
def test_a_judge_without_a_usable_model_is_told_before_anything_is_asked(tmp_path, fields, environ, code):
    """No URL, no model, no key: an error of the input."""
    with pytest.raises(InputError) as raised:
        calibrate(
            _order(tmp_path, [("q", "4", "yes" if "judge" in fields else "4")], **fields),
            _settings(tmp_path, **environ),
        )
    assert raised.value.code == code


def test_keys_go_to_the_judge_and_nowhere_else(tmp_path):
    """The named variable's value is sent to the judge's host and stands in no file of the home."""
    with JudgeServer(_says) as server:
        order = _order(tmp_path, [("q", "4", "4"), ("q", "3", "3")], model="m", url=server.url, api_key_env="JUDGE_KEY")
        calibrate(order, _settings(tmp_path, JUDGE_KEY="secret-of-the-judge"))
    assert {headers["authorization"] for headers in server.headers} == {"Bearer secret-of-the-judge"}
    files = [file for file in (tmp_path / "home").rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if b"secret-of-the-judge" in file.read_bytes()] == []


def test_a_baseline_may_judge(tmp_path):
    """Without an endpoint, for trying a table out: it says something of every row."""
    rows = [("q", f"answer {n}", "yes" if n % 2 else "no") for n in range(6)]
    done = calibrate(_order(tmp_path, rows, judge=DIRECT, model="baseline:random"), _settings(tmp_path))
    assert done.measured.n == 6


def test_a_label_that_does_not_fit_a_judge_without_a_scale_is_told_by_its_row(tmp_path):
    """Built-in judges without a rubric are measured too: their values say what a label has to be."""
    rows = [("q", "a", "0.4", "c"), ("q", "b", "good", "c")]
    head = ("input", "output", "label", "contexts")
    with JudgeServer(
        lambda _: {"question": "q", "noncommittal": 0}, vectors=lambda text: [1.0, float(len(text))]
    ) as server:
        fields = {"judge": "ragas.answer_relevancy", "head": head, "allow_unscored": 1.0}
        with pytest.raises(InputError, match="the label 'good'") as raised:
            _calibrated(tmp_path, server, rows, **fields)
        done = _calibrated(tmp_path, server, [*rows[:1], ("q", "b", "0.9", "c")], **fields)
    assert raised.value.where == "labels.csv:3"
    assert (done.measured.n, done.measured.bias is not None) == (2, True)
