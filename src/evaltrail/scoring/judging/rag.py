"""Retrieval judges by the definitions of ragas: faithfulness, answer_relevancy, context_precision, context_recall.

Source: Es et al. 2023, "RAGAS: Automated Evaluation of Retrieval Augmented Generation"; formulas as in ragas 0.3.
The prompts are our own, so that single verdicts may differ from ragas's where a model wavers.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.core.values import Json
from evaltrail.scoring.grader import NO_OUTPUT, NO_REFERENCE
from evaltrail.scoring.judging.columns import input_of, listed
from evaltrail.scoring.judging.fence import fenced
from evaltrail.scoring.judging.judge_model import JudgeModel, Messages
from evaltrail.scoring.judging.prompt_files import template
from evaltrail.scoring.judging.rag_forms import GuessedQuestion, QuestionForm, StatementsForm, Verdicts, VerdictsForm
from evaltrail.scoring.judging.verdict import Verdict, total_usage

_METHOD = 1
_RATIONALE_CHARACTERS = 2000
_MOST_QUESTIONS = 20

Parameters = dict[str, str | int | float | bool | None]
Step = Verdict[tuple[str, ...]] | Verdict[Verdicts] | Verdict[GuessedQuestion]


class RagJudge(ABC):
    """What the four share: their settings, their identity, and how a failed step ends them.

    Args:
        model: which model judges; empty = the run's own judge.
        parameters: request settings; temperature is 0 unless they say otherwise.
        seed: of every question.
    """

    name: str
    better: Better = "higher"
    unit: str = "1"
    is_grade: bool = True
    prompts: tuple[str, ...]
    """Names of the prompt files that it asks with."""
    needs: tuple[str, ...] = ()
    """Columns that a sample has to have."""
    questions: int = 2
    """Requests a sample takes at least."""

    def __init__(self, *, model: str = "", parameters: Parameters | None = None, seed: int = 0) -> None:
        self.target: str = model
        self.headers: Mapping[str, str] = {}
        self.fields: tuple[str, ...] = ()
        self._settings: Mapping[str, Json] = parameters or {}
        self._seed = seed
        self._systems = {name: {"role": "system", "content": self._instructions(name)} for name in self.prompts}
        told: list[Json] = [system["content"] for system in self._systems.values()]
        identity = digest([_METHOD, told, dict(self._settings), seed, *self._more_identity()])
        self.source: str = f"{self.name}/1@{identity[:12]}"

    @abstractmethod
    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The score of a sample.

        Raises:
            EndpointError: every further question would fail too.
        """

    def _more_identity(self) -> tuple[Json, ...]:
        return ()

    def _instructions(self, name: str) -> str:
        return f"{template(name)}\n\n{template('rag_material')}"

    def _messages(self, prompt: str, parts: Sequence[tuple[str, str]]) -> Messages:
        return (self._systems[prompt], {"role": "user", "content": f"{fenced(parts)}\n\n{template('rag_ask')}"})

    def _scored(self, value: float, model: JudgeModel, costs: list[Usage], rationale: str = "") -> Score:
        return Score(
            value=value,
            rationale=rationale[:_RATIONALE_CHARACTERS],
            source=f"{self.source} {model.id}",
            usage=total_usage(costs),
        )

    def _unscored(self, reason: str, model: JudgeModel, costs: list[Usage], raw: str = "") -> Score:
        return Score(reason=reason, raw=raw, source=f"{self.source} {model.id}", usage=total_usage(costs))

    async def _verdicts(
        self, prompt: str, parts: Sequence[tuple[str, str]], count: int, model: JudgeModel, costs: list[Usage]
    ) -> Verdict[Verdicts]:
        verdict = await model.ask(
            self._messages(prompt, parts), VerdictsForm(count), seed=self._seed, settings=self._settings
        )
        costs.append(verdict.usage)
        return verdict

    async def _statements(
        self, parts: Sequence[tuple[str, str]], model: JudgeModel, costs: list[Usage]
    ) -> Verdict[tuple[str, ...]]:
        messages = self._messages("rag_statements", parts)
        verdict = await model.ask(messages, StatementsForm(), seed=self._seed, settings=self._settings)
        costs.append(verdict.usage)
        return verdict

    async def _share(
        self,
        split: Sequence[tuple[str, str]],
        prompt: str,
        context: str,
        model: JudgeModel,
    ) -> Score:
        """The share of a text's statements that get the verdict 1."""
        costs: list[Usage] = []
        statements = await self._statements(split, model, costs)
        if statements.value is None:
            return self._unscored(statements.reason, model, costs, statements.raw)
        if not statements.value:
            return self._unscored("no_statements", model, costs)
        parts = (("context", context), ("statements", _numbered(statements.value)))
        verdicts = await self._verdicts(prompt, parts, len(statements.value), model, costs)
        if verdicts.value is None:
            return self._unscored(verdicts.reason, model, costs, verdicts.raw)
        values = verdicts.value.values
        return self._scored(sum(values) / len(values), model, costs, _told(statements.value, verdicts.value))


class Faithfulness(RagJudge):
    """Share of the output's statements that the contexts bear out; ``no_statements`` where it makes none."""

    name = "ragas.faithfulness"
    prompts = ("rag_statements", "rag_supported")
    needs = ("contexts",)

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The share for one sample: 2 questions.

        Raises:
            EndpointError: every further question would fail too.
        """
        text, context = sample.graded, listed(sample.contexts)
        if text is None:
            return NO_OUTPUT
        if context is None:
            return Score(reason="no_contexts", source=self.source)
        return await self._share((("question", input_of(sample)), ("text", text)), "rag_supported", context, model)


class ContextRecall(RagJudge):
    """Share of the reference's statements that can be attributed to the contexts."""

    name = "ragas.context_recall"
    prompts = ("rag_statements", "rag_attributed")
    needs = ("reference", "contexts")

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The share for one sample: 2 questions.

        Raises:
            EndpointError: every further question would fail too.
        """
        text, context = listed(sample.reference), listed(sample.contexts)
        if text is None:
            return NO_REFERENCE
        if context is None:
            return Score(reason="no_contexts", source=self.source)
        return await self._share((("question", input_of(sample)), ("text", text)), "rag_attributed", context, model)


class ContextPrecision(RagJudge):
    """Mean of precision@k over the places k of the contexts that are useful for the reference; 0 where none is.

    Source: ragas's "context precision with reference"; average precision of Manning et al. 2008, section 8.4.
    """

    name = "ragas.context_precision"
    prompts = ("rag_useful",)
    questions = 1
    needs = ("reference", "contexts")

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The figure for one sample: one question a context.

        Raises:
            EndpointError: every further question would fail too.
        """
        reference = listed(sample.reference)
        if reference is None:
            return NO_REFERENCE
        if not sample.contexts:
            return Score(reason="no_contexts", source=self.source)
        costs: list[Usage] = []
        given = (("question", input_of(sample)), ("answer", reference))
        asked = [
            self._verdicts("rag_useful", (*given, ("context", context)), 1, model, costs) for context in sample.contexts
        ]
        verdicts = await asyncio.gather(*asked)
        for verdict in verdicts:
            if verdict.value is None:
                return self._unscored(verdict.reason, model, costs, verdict.raw)
        useful = [verdict.value.values[0] for verdict in verdicts if verdict.value is not None]
        return self._scored(average_precision(useful), model, costs, f"useful: {[int(each) for each in useful]}")


class AnswerRelevancy(RagJudge):
    """Mean cosine of the question with questions that the output seems to answer; 0 where it evades each time.

    The cosine may be below 0, so the unit is not a share. Unscored ``no_embeddings`` where the judging endpoint makes
    no embeddings, ``no_question`` where none could be guessed.

    Args:
        model: which model judges; empty = the run's own judge.
        strictness: questions to guess.
        embeddings: name of the model that makes embeddings at the same endpoint; empty = the judging model's.
        parameters: request settings.
        seed: of the first question; each further one counts up.
    """

    name = "ragas.answer_relevancy"
    unit = ""
    prompts = ("rag_question",)

    def __init__(
        self,
        *,
        model: str = "",
        strictness: int = 3,
        embeddings: str = "",
        parameters: Parameters | None = None,
        seed: int = 0,
    ) -> None:
        if not 1 <= strictness <= _MOST_QUESTIONS:
            message = f"judge {self.name!r} cannot guess {strictness} questions"
            raise InputError(message, code="bad_option", hint=f"give strictness: 1 to {_MOST_QUESTIONS}")
        self._strictness = strictness
        self.questions = strictness + 1
        self._embeddings = embeddings
        super().__init__(model=model, parameters=parameters, seed=seed)

    def _more_identity(self) -> tuple[Json, ...]:
        return (self._strictness, self._embeddings)

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The figure for one sample: ``strictness`` questions and one for embeddings.

        Raises:
            EndpointError: every further question would fail too.
        """
        text, question = sample.graded, input_of(sample)
        if text is None:
            return NO_OUTPUT
        if not question.strip():
            return Score(reason="no_input", source=self.source)
        messages = self._messages("rag_question", (("text", text),))
        asked = [
            model.ask(messages, QuestionForm(), seed=self._seed + number, settings=self._settings)
            for number in range(self._strictness)
        ]
        verdicts = await asyncio.gather(*asked)
        costs = [verdict.usage for verdict in verdicts]
        for verdict in verdicts:
            if verdict.value is None:
                return self._unscored(verdict.reason, model, costs, verdict.raw)
        return await self._compared(question, [each.value for each in verdicts if each.value], model, costs)

    async def _compared(
        self, question: str, guesses: Sequence[GuessedQuestion], model: JudgeModel, costs: list[Usage]
    ) -> Score:
        guessed = [guess.question for guess in guesses if guess.question]
        told = "\n".join(guessed)
        if all(guess.is_noncommittal for guess in guesses):
            return self._scored(0.0, model, costs, f"it evades the question\n{told}")
        if not guessed:
            return self._unscored("no_question", model, costs)
        embedded = await model.embed([question, *guessed], model=self._embeddings)
        costs.append(embedded.usage)
        if embedded.value is None:
            return self._unscored(embedded.reason, model, costs, embedded.raw)
        own, *others = embedded.value
        cosines = [cosine(own, other) for other in others]
        if not all(math.isfinite(each) for each in cosines):
            return self._unscored("bad_embeddings", model, costs)
        return self._scored(math.fsum(cosines) / len(cosines), model, costs, told)


def average_precision(useful: Sequence[bool]) -> float:
    """The mean of precision@k over the places k that hold something useful, in [0, 1]; 0 where none does.

    Args:
        useful: by place, the best-ranked first.
    """
    hits = 0
    total = 0.0
    for place, is_useful in enumerate(useful, 1):
        if is_useful:
            hits += 1
            total += hits / place
    return total / hits if hits else 0.0


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two vectors, in [-1, 1]; NaN where one has no direction or they differ in length."""
    ours, theirs = math.hypot(*one), math.hypot(*other)
    if len(one) != len(other) or not ours or not theirs:
        return math.nan
    return max(-1.0, min(1.0, math.fsum((x / ours) * (y / theirs) for x, y in zip(one, other, strict=True))))


def _numbered(statements: Sequence[str]) -> str:
    return "\n".join(f"{number}. {text}" for number, text in enumerate(statements, 1))


def _told(statements: Sequence[str], verdicts: Verdicts) -> str:
    return "\n".join(f"{int(value)}: {statement}" for statement, value in zip(statements, verdicts.values, strict=True))
