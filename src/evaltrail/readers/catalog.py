"""The readers that can be named: ours, and whatever other packages offer under ``evaltrail.readers``."""

from __future__ import annotations

from evaltrail.core.plugins import Registry

READERS = Registry(
    "evaltrail.readers",
    {
        "bundle": "evaltrail.readers.own_bundle:OwnBundleReader",
        "nemo_service": "evaltrail.readers.nemo_service:NemoServiceReader",
        "nemo_launcher": "evaltrail.readers.nemo_launcher:NemoLauncherReader",
        "nemo_bundle": "evaltrail.readers.nemo_bundle:NemoBundleReader",
        "lm_eval": "evaltrail.readers.lm_eval:LmEvalReader",
        "inspect": "evaltrail.readers.inspect_log:InspectReader",
    },
)
"""A reader's plugin is a class that is made without arguments and meets ``core.ports.Reader``."""
