"""The files of a delivery before it is sent: as they are, without secrets, or kept from what will be gone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError, StorageError
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.staging import passing_folder, stage, staging_folder, sweep, unstage
from mlflow_bundles import some_bundle, some_task

SECRET = "nvapi-1234567890abcdef"


def planned(folder, *artifacts, samples=None):
    """A bundle with these files beside its own, and the plan of its run."""
    task = replace(some_task(metric="acc"), samples=samples)
    bundle = some_bundle(folder / "bundle", tasks=(task,))
    bundle = replace(bundle, artifacts=(*bundle.artifacts, *artifacts), secrets=frozenset({SECRET}))
    (plan,) = plan_bundle(bundle, DeliveryOptions(experiment="e"), version="0")
    return bundle, plan


def staged(folder, bundle, plan):
    """Path to file as staged, and the plan that names them."""
    whole = stage(plan, bundle, DeliveryOptions(experiment="e"), folder / "outbox")
    return {item.path: item.file for item in whole.artifacts}, whole


def test_files_stay_where_they_are_unless_they_hold_secrets_or_pass(tmp_path):
    """A copy without secrets, a link of what an archive held, the rest by its own absolute path."""
    clean, dirty = tmp_path / "clean.yaml", tmp_path / "dirty.yaml"
    clean.write_text("model: m\n")
    dirty.write_text(f"model: m\nkey: {SECRET}\n")
    passing = passing_folder(tmp_path / "outbox") / "x" / ("n" * 255)
    passing.parent.mkdir(parents=True)
    passing.write_text("[]")
    files = [Artifact(path=name, file=file, may_hold_secrets=True) for name, file in (("c", clean), ("d", dirty))]
    bundle, plan = planned(tmp_path, *files, Artifact(path="p", file=passing))
    found, whole = staged(tmp_path, bundle, plan)
    assert found["c"] == str(clean)
    assert found["request.json"] == str(tmp_path / "bundle" / "request.json")
    folder = Path(found["d"]).parent
    assert folder.parent == staging_folder(tmp_path / "outbox") / plan.key
    assert Path(found["p"]).parent == folder
    passing.unlink()
    assert [Path(found[name]).read_text() for name in ("d", "p")] == ["model: m\nkey: ***\n", "[]"]
    assert sorted(file.name for file in folder.iterdir()) == sorted(Path(found[name]).name for name in ("d", "p"))
    unstage(whole, tmp_path / "outbox")
    assert not folder.parent.exists()


def test_two_attempts_at_one_delivery_do_not_touch_each_others_files(tmp_path):
    """Their files may differ though the delivery is the same; the first to end takes only its own away."""
    dirty = tmp_path / "dirty.yaml"
    dirty.write_text(f"key: {SECRET}\n")
    bundle, plan = planned(tmp_path, Artifact(path="d", file=dirty, may_hold_secrets=True))
    (first, one), (second, two) = (staged(tmp_path, bundle, plan) for _ in range(2))
    assert first["d"] != second["d"]
    unstage(one, tmp_path / "outbox")
    assert Path(second["d"]).read_text() == "key: ***\n"
    unstage(two, tmp_path / "outbox")
    assert not Path(second["d"]).exists()


def test_what_killed_attempts_left_behind_is_swept(tmp_path):
    """Old folders of keys that do not wait go; young ones and those that are needed stay."""
    root = staging_folder(tmp_path / "outbox")
    for key in ("old", "needed", "young"):
        (root / key / "x").mkdir(parents=True)
        if key != "young":
            os.utime(root / key, (1, 1))
    sweep(tmp_path / "outbox", {"needed"})
    assert sorted(folder.name for folder in root.iterdir()) == ["needed", "young"]


def test_samples_that_break_off_leave_nothing_behind(tmp_path):
    """The error is the stream's own; what an earlier attempt left is not touched."""

    class Broken:
        def __iter__(self):
            raise InputError("line 3 is broken")
            yield

    bundle, plan = planned(tmp_path, samples=Broken())
    folder = staging_folder(tmp_path / "outbox") / plan.key
    with pytest.raises(InputError, match="line 3"):
        staged(tmp_path, bundle, plan)
    assert not folder.exists()
    (folder / "earlier").mkdir(parents=True)
    with pytest.raises(InputError, match="line 3"):
        staged(tmp_path, bundle, plan)
    assert [inner.name for inner in folder.iterdir()] == ["earlier"]


def test_a_disk_that_refuses_is_a_storage_error(tmp_path):
    """Whatever cannot be written below the outbox is told in our words."""
    dirty = tmp_path / "dirty.yaml"
    dirty.write_text(f"key: {SECRET}\n")
    bundle, plan = planned(tmp_path, Artifact(path="d", file=dirty, may_hold_secrets=True))
    folder = staging_folder(tmp_path / "outbox") / plan.key
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where a folder is to be")
    with pytest.raises(StorageError) as refused:
        staged(tmp_path, bundle, plan)
    assert str(folder) in refused.value.where


def test_a_file_that_is_gone_is_left_to_the_receipt(tmp_path):
    """Nothing is staged for it; the delivery tells that it is missing."""
    bundle, plan = planned(tmp_path, Artifact(path="d", file=tmp_path / "gone", may_hold_secrets=True))
    assert staged(tmp_path, bundle, plan)[0]["d"] == os.fspath(tmp_path / "gone")
