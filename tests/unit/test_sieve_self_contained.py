"""self_contained: questions that speak of a text which their reader does not see."""

from __future__ import annotations

import pytest

from evaltrail.generation.sieve.self_contained import self_contained


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "Who is the author of Hamlet?",
        "How long does it take to fly from Oslo to Rome?",
        "Is it true that Norway joined NATO in 1949?",
        "What is it called when water turns to ice?",
        "Which table of the periodic system lists noble gases?",
        "What did Marie Curie discover when she worked in Paris?",
        "According to Newton's second law, what is force?",
        "According to the report of the IPCC, how much will the sea rise?",
        "In which year was the passage of the Reform Act?",
        "What is the limit of a text message in GSM?",
        "How many people live in Norway this year?",
        "Does the document retention policy apply to emails?",
        "What was the author Astrid Lindgren known for?",
        'Fill in the blank: "In ____ the observatory received a reflector."',
        "法国的首都是哪里？",  # noqa: RUF001  as it is written
    ],
)
def test_a_question_that_stands_alone_passes(question):
    """Names and things that are told in the question itself are no pointers, whatever words they are told in."""
    assert self_contained(question).passed


@pytest.mark.parametrize(
    "question",
    [
        "According to the passage, what is the capital?",
        "What does the text say about bees?",
        "In this document, who is responsible?",
        "Based on the given context,\nwhen was it opened?",
        "What does the author argue?",
        "What did he discover?",
        "Why is it important?",
        "How does this work?",
        "What is its height?",
        "He was born in which year?",
        "What is shown in the table?",
        "Which of these is true?",
        "What is mentioned above?",
        "What does chunk 3 describe?",
        "Laut dem Text, wann wurde das Observatorium eröffnet?",
        "Selon le texte, qui a construit la tour ?",
        "Según el texto, ¿quién fundó la ciudad?",
    ],
)
def test_a_question_about_a_text_it_does_not_show_is_stopped(question):
    """The phrase by which it points at its text is told."""
    gated = self_contained(question)
    assert (gated.score, gated.passed) == (0.0, False)
    assert gated.detail.startswith("speaks of its text: ")


@pytest.mark.parametrize("question", ["", "  ", "Why?", "?"])
def test_a_word_is_no_question(question):
    """A single word asks about something that was said before."""
    assert not self_contained(question).passed
