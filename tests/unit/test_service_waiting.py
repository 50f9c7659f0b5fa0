"""What waits in the outbox: how it is named, listed and given up, and where its results lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import BusyError, InputError
from evaltrail.destinations.mlflow.lease import lease
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.staging import stage, staging_folder
from evaltrail.service.waiting import forget, list_waiting
from mlflow_bundles import some_bundle, some_task
from own_jobs import INVOCATION, OwnJobs

URI = "http://127.0.0.1:5000"
OTHER = "http://user:pass@another:5000"


class Box:
    """An outbox in a home of its own."""

    def __init__(self, folder):
        environ = {"EVALTRAIL_HOME": str(folder / "home"), "HOME": str(folder / "user")}
        self.settings = load_settings(environ, None)
        self.folder = self.settings.home / "outbox"
        self.bundles = folder / "bundles"

    def put(self, identity="0123456789abcdef", uri=URI, **options):
        """Put the deliveries of a bundle, files and all; their keys."""
        tasks = (some_task("a"), some_task("b")) if options.get("layout") == "nested" else ()
        bundle = some_bundle(self.bundles / identity, identity=identity, tasks=tasks)
        order = DeliveryOptions(**options)
        with Outbox(self.folder) as outbox:
            plans = [stage(plan, bundle, order, self.folder) for plan in plan_bundle(bundle, order, version="0")]
            return [outbox.put(plan, uri).key for plan in plans]

    def keys(self):
        """Of what waits."""
        return [each.key for each in list_waiting(self.settings)]

    def forget(self, word, **options):
        return [each.key for each in forget(word, self.settings, **options)]


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_what_waits_is_listed_with_what_names_it(box):
    """Key, run, place without a login, evaluation, folder; nothing is sent."""
    (key,) = box.put(uri=OTHER, run_name="nightly")
    with Outbox(box.folder) as outbox:
        outbox.fail(outbox.get(key, OTHER), "away")
    (found,) = list_waiting(box.settings)
    assert (found.key, found.run_name, found.tracking_uri) == (key, "nightly", "http://another:5000")
    assert (found.evaluation_id, found.attempts, found.last_error) == ("0123456789abcdef", 1, "away")
    assert found.folder == str(box.bundles / "0123456789abcdef")


@pytest.mark.parametrize("word", ["whole", "beginning", "evaluation"])
def test_one_is_given_up_by_its_key_or_its_evaluation(box, word):
    """The others wait on; the files that were made for it are gone, those of the result are not."""
    (key,) = box.put()
    (other,) = box.put("fedcba9876543210")
    assert (staging_folder(box.folder) / key).is_dir()
    assert box.forget({"whole": key, "beginning": key[:8], "evaluation": "0123456789abcdef"}[word]) == [key]
    assert box.keys() == [other]
    assert not (staging_folder(box.folder) / key).exists()
    assert (staging_folder(box.folder) / other).is_dir()
    assert Path(box.bundles, "0123456789abcdef", "request.json").is_file()


def test_a_run_takes_those_below_it_along(box):
    """They could never land without it; one below may be given up alone."""
    parent, first, second = box.put(layout="nested")
    assert box.forget(first) == [first]
    assert box.forget(parent) == [parent, second]
    assert box.keys() == []


def test_an_evaluation_with_runs_below_one_another_is_one(box):
    """Its id names them all."""
    keys = box.put(layout="nested")
    assert box.forget("0123456789abcdef") == keys


def test_the_same_may_wait_for_two_servers(box):
    """Then the server is named as well, with its login or without."""
    (key,) = box.put()
    box.put(uri=OTHER)
    with pytest.raises(InputError, match=r"waits for several: http://127\.0\.0\.1:5000, http://another:5000") as caught:
        box.forget(key)
    assert "--tracking-uri" in caught.value.hint
    assert box.forget(key, tracking_uri="http://another:5000") == [key]
    assert [each.tracking_uri for each in list_waiting(box.settings)] == [URI]


def test_a_name_that_fits_several_or_nothing_is_an_error(box):
    """With the keys, the nearest one, or how they are listed; nothing is given up."""
    keys = [*box.put(), *box.put("fedcba9876543210", layout="nested")]
    box.put("0123456789abcdef", experiment="another")
    with pytest.raises(InputError, match="names several"):
        box.forget("0123456789abcdef")
    slip = f"{keys[0][:-1]}{'0' if keys[0][-1] != '0' else '1'}"
    for word, hint in ((slip, f"did you mean '{keys[0]}'?"), ("zz", "--dry-run"), ("", "--dry-run")):
        with pytest.raises(InputError, match="nothing that waits has the key") as caught:
            box.forget(word)
        assert hint in caught.value.hint
    assert len(box.keys()) == 5


def test_where_nothing_waits_that_is_told(box):
    """And no other next step."""
    with pytest.raises(InputError) as caught:
        box.forget("abc")
    assert caught.value.hint == "nothing waits at all"


def test_what_is_being_sent_is_not_given_up(box):
    """The process that sends it is named."""
    (key,) = box.put()
    with lease(box.folder / "leases", key, deed="sending it"), pytest.raises(BusyError, match="is sending it"):
        box.forget(key)
    assert box.keys() == [key]


def test_the_results_of_an_invocation_lie_where_its_jobs_ran(box, tmp_path):
    """Of one job its folder, of several the one above them; of what came out of an archive nobody knows it."""
    jobs = OwnJobs(tmp_path / "user")
    folders = [jobs.add(number) for number in (0, 1)]
    box.put(tags={"invocation_id": INVOCATION})
    box.put("1" * 16, tags={"invocation_id": INVOCATION, "job_id": f"{INVOCATION}.1"})
    (tmp_path / "bundles" / "0123456789abcdef" / "request.json").unlink()
    whole, one = list_waiting(box.settings)
    assert (whole.folder, whole.evaluation_id) == (str(folders[0].parent), INVOCATION)
    assert one.folder == str(folders[1])
    box.put("2" * 16, artifact_roles=frozenset())
    assert list_waiting(box.settings)[-1].folder == ""
