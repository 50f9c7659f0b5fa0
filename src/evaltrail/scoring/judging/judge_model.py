"""JudgeModel: a model that is asked for answers in a form, and what it is known to refuse or to ignore."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import EndpointError
from evaltrail.core.ports import Model
from evaltrail.core.sample import Usage
from evaltrail.core.values import Json
from evaltrail.scoring.judging.answer_form import AnswerForm
from evaltrail.scoring.judging.prompt_files import template
from evaltrail.scoring.judging.reading import is_whole_json, read_answer
from evaltrail.scoring.judging.verdict import Verdict, total_usage

Found = TypeVar("Found")
Messages = tuple[Mapping[str, str], ...]

RAW_CHARACTERS = 4000
"""Of an unreadable answer that are kept."""
_REPAIR_CHARACTERS = 2000
"""Of an unreadable answer that are shown to the model again."""
_NOT_TAKEN = frozenset({"http_400", "http_404", "http_405", "http_422", "http_501"})
"""Reasons that may mean: this endpoint does not know such a setting."""
_OPTIONAL = ("temperature", "seed")
_DEFAULTS: Mapping[str, Json] = {"temperature": 0}


def _nothing_stored(_digest: str) -> Answer | None:
    return None


class JudgeModel:
    """Asks a model and reads what it answers. Used by many coroutines at a time, by one run.

    An answer is asked for as a JSON schema, else as a tool's arguments, else in words alone. What the endpoint refuses
    (400, 404, 405, 422, 501) or ignores is found out once and not tried again; a default setting that it refuses
    (temperature, seed) is left away from then on.

    Args:
        model: already open.
        id: name of the model, as scores are to tell it.
        stored: request digest to an answer that was paid for earlier, else None.
    """

    def __init__(self, model: Model, *, id: str, stored: Callable[[str], Answer | None] = _nothing_stored) -> None:  # noqa: A002  the word that all of the house uses for a model's name
        self.id = id
        self._model = model
        self._stored = stored
        self._level = 0
        self._proven: set[int] = set()
        self._refused: set[str] = set()
        self._without_vectors: dict[str, str] = {}

    async def ask(
        self, messages: Messages, form: AnswerForm[Found], *, seed: int = 0, settings: Mapping[str, Json] | None = None
    ) -> Verdict[Found]:
        """What the model says in a form, after at most one request to put it right.

        Args:
            messages: chat turns; they have to describe the form in words too.
            form: what the answer has to look like.
            seed: of this question; repeats of it get different seeds.
            settings: go into the request as they are; temperature is 0 unless they say otherwise.

        Raises:
            EndpointError: every further question would fail too.
        """
        costs: list[Usage] = []
        question = _Question(messages, form, seed, settings or {})
        reading = read_answer(await self._exchange(question, costs), form)
        raw = reading.raw
        if reading.value is None and reading.repair:
            said = {"role": "assistant", "content": reading.raw[:_REPAIR_CHARACTERS] or "-"}
            again = {"role": "user", "content": template("repair").format(problem=reading.repair)}
            question = _Question((*messages, said, again), form, seed, settings or {})
            mended = read_answer(await self._exchange(question, costs), form)
            raw = f"{raw}\n\n{mended.raw}" if mended.raw else raw
            reading = mended if mended.value is not None else reading
        usage = costs[0] if len(costs) == 1 else total_usage(costs)
        if reading.value is None:
            return Verdict(reason=reading.reason, raw=_cut(raw), usage=usage)
        return Verdict(value=reading.value, usage=usage)

    async def embed(self, texts: Sequence[str], *, model: str = "") -> Verdict[tuple[tuple[float, ...], ...]]:
        """One vector a text, in order; reason ``no_embeddings`` where the endpoint makes none.

        Args:
            texts: at least one.
            model: name of the model that makes them; empty = this one.

        Raises:
            EndpointError: every further question would fail too.
        """
        if model in self._without_vectors:
            return Verdict(reason="no_embeddings", raw=self._without_vectors[model])
        try:
            vectors = await self._model.embed(texts, model=model)
        except EndpointError as error:
            if error.code == "no_embeddings":
                self._without_vectors[model] = error.message
            elif error.code != "embeddings_failed":
                raise
            return Verdict(reason=error.code, raw=error.message)
        return Verdict(value=vectors, usage=Usage(attempts=1))

    async def _exchange(self, question: _Question[Found], costs: list[Usage]) -> Answer:
        """The answer at the strictest level that the endpoint takes."""
        levels = question.form.settings
        level = self._level
        while True:
            refused = frozenset(self._refused)
            answer = await self._once(question, levels[level])
            costs.append(_usage(answer))
            if answer.error in _NOT_TAKEN and level not in self._proven:
                named = {name for name in _OPTIONAL if name in answer.detail and name not in question.settings}
                if named - refused:
                    self._refused |= named
                    continue
                if level + 1 < len(levels):
                    level += 1
                    continue
            if not answer.error:
                self._learn(level, answer, len(levels) - 1)
            return answer

    async def _once(self, question: _Question[Found], form: Mapping[str, Json]) -> Answer:
        extra = {**_DEFAULTS, **question.settings, **form}
        refused = self._refused
        if refused:
            extra = {name: value for name, value in extra.items() if name not in refused or name in question.settings}
        seed = None if "seed" in refused else question.seed
        prompt = Prompt(messages=question.messages, seed=seed, extra=extra, choices=question.form.choices)
        if self._stored is not _nothing_stored:
            stored = self._stored(self._model.request_digest(prompt))
            if stored is not None:
                return stored
        return await self._model.ask(prompt)

    def _learn(self, level: int, answer: Answer, last: int) -> None:
        """Notes whether the endpoint does what was asked of it at a level."""
        if level in self._proven:
            return
        if level == last or (answer.tool_arguments if level else is_whole_json(answer.text or "")):
            self._proven.add(level)
            self._level = min(self._proven)
        elif not self._proven and answer.finish_reason != "length":
            self._level = max(self._level, level + 1)


class _Question(NamedTuple, Generic[Found]):
    """What is asked, at whatever level."""

    messages: Messages
    form: AnswerForm[Found]
    seed: int
    settings: Mapping[str, Json]


def _usage(answer: Answer) -> Usage:
    return Usage(
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        latency_s=answer.latency_s,
        attempts=answer.attempts,
    )


def _cut(text: str) -> str:
    return text if len(text) <= RAW_CHARACTERS else text[: RAW_CHARACTERS - 3] + "..."
