"""The readers that can be named: ours, and whatever other packages offer under ``evaltrail.readers``."""

from __future__ import annotations

from evaltrail.core.plugins import Registry

READERS = Registry(
    "evaltrail.readers",
    {
        "bundle": "evaltrail.readers.own_bundle:OwnBundleReader",
        "nemo_service": "evaltrail.readers.nemo_service.reader:NemoServiceReader",
        "nemo_launcher": "evaltrail.readers.nemo_launcher.reader:NemoLauncherReader",
        "nemo_bundle": "evaltrail.readers.nemo_bundle.reader:NemoBundleReader",
        "lm_eval": "evaltrail.readers.lm_eval.reader:LmEvalReader",
        "inspect": "evaltrail.readers.inspect.reader:InspectReader",
    },
)
"""A reader's plugin is a class that is made without arguments and meets ``core.ports.Reader``."""
