"""A Hugging Face text-classification model as a function from text to the probability of one label."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from evaltrail.core.errors import InputError

TOXIC_LABELS = ("toxic", "toxicity", "hate", "hateful", "hate-speech", "offensive", "abusive")
"""Labels that mean toxic, in the order they are looked for, whatever their case."""


def open_classifier(model: str, label: str = "") -> Callable[[str], float]:
    """A function that gives the label's probability, in [0, 1].

    The package ``transformers`` finds the model as it does: a folder, its own cache, else the hub, which
    ``HF_HUB_OFFLINE=1`` forbids.

    Args:
        model: id on the hub, or path of a folder.
        label: which label counts; empty = the first of TOXIC_LABELS that the model has.

    Raises:
        InputError: the packages or the model are not here, or the model has no such label.
    """
    for package in ("transformers", "torch"):
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"a classifier needs the package {package!r}",
                code="missing_extra",
                where=model,
                hint="pip install transformers torch, or leave the option out to screen by the word list",
            )
    from transformers import pipeline  # noqa: PLC0415  optional, and seconds

    try:
        classify = pipeline("text-classification", model=model, top_k=None, truncation=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the classifier cannot be loaded: {str(error).splitlines()[0]}",
            code="missing_model",
            where=model,
            hint="give a folder or a model of the hub; with HF_HUB_OFFLINE set it must be in the cache",
        ) from error
    wanted = choose_label(list(classify.model.config.id2label.values()), label, model)
    return lambda text: _probability(classify([text])[0], wanted)


def choose_label(labels: Sequence[str], wanted: str, model: str) -> str:
    """The model's label that counts.

    Raises:
        InputError: it has none such.
    """
    by_name = {name.casefold().replace("_", "-"): name for name in labels}
    for name in (wanted,) if wanted else TOXIC_LABELS:
        if name.casefold().replace("_", "-") in by_name:
            return by_name[name.casefold().replace("_", "-")]
    raise InputError(
        f"the classifier has no label {wanted!r}" if wanted else "none of the classifier's labels is known as toxic",
        code="bad_option",
        where=model,
        hint=f"give 'label' as one of: {', '.join(labels)}",
    )


def _probability(found: Sequence[dict[str, Any]], label: str) -> float:
    return next(float(each["score"]) for each in found if each["label"] == label)
