"""The task of a data set: what is found wrong before anything is asked, what identifies it, what it tells."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evaltrail.core.document import Chunk
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.core.sample import Sample
from evaltrail.generation.sheets.files import write_questions
from evaltrail.providers.catalog import is_task_file, names_dataset, open_task
from evaltrail.providers.questions.lineage import LINEAGE
from evaltrail.providers.questions.passages import passage_lines
from evaltrail.providers.questions.retrieval import ChunksFound
from evaltrail.providers.questions.source import QuestionSource, passages_of, read_questions
from evaltrail.providers.slices import MOST_SLICES
from evaltrail.scoring.abstention import abstains
from evaltrail.service.evaluation.lineage import lineage_tags
from question_sets import CHUNKS, QUESTIONS, keep_questions, question

RUN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def opened(tmp_path):
    """A function that opens the task of a data set, which it stores where no name is given."""

    def go(name="", *, questions=QUESTIONS, model="m-1", tasks=(), limit=None, seed=None, facts=None, **params):
        name = name or f"dataset:{keep_questions(tmp_path / 'datasets', questions, **(facts or {})).dataset_id}"
        request = EvaluationRequest(
            tasks=tasks or (name,),
            target=ModelTarget(id=model, url="http://h/v1"),
            params=params,
            limit=limit,
            seed=seed,
        )
        return open_task(name, request, datasets_dir=None, environ={"EVALTRAIL_HOME": str(tmp_path)})

    return go


def test_a_data_set_is_named_by_its_id_or_the_beginning_of_one(opened, tmp_path):
    """As everywhere; without a version the newest is meant, and each version can be named."""
    first = keep_questions(tmp_path / "datasets", QUESTIONS[:3])
    keep_questions(tmp_path / "datasets", QUESTIONS, dataset_id=first.dataset_id)
    start = first.dataset_id[:6]
    assert opened(f"dataset:{start}").total == opened(f"dataset:{start}@2").total == 5
    assert opened(f"dataset:{start}@1").total == opened(f"dataset/{start}@1").total == 3


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("dataset:ffffffffffffffff", "unknown_id"),
        ("dataset:ID@7", "unknown_version"),
        ("dataset:ID@0", "bad_version"),
        ("dataset:ID@", "bad_version"),
        ("dataset:ID@two", "bad_version"),
        ("dataset:", "unknown_task"),
        ("dataset:../../etc", "unknown_id"),
    ],
)
def test_what_no_data_set_is_called_is_refused(opened, tmp_path, name, code):
    """A name that means nothing is an error that says so, and never a path."""
    known = keep_questions(tmp_path / "datasets")
    with pytest.raises(InputError) as caught:
        opened(name.replace("ID", known.dataset_id))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("params", "code", "told"),
    [
        ({"mode": "oracle"}, "unknown_mode", "oracle_context"),
        ({"mode": "closedbook"}, "unknown_mode", "closed_book"),
        ({"mode": "x"}, "unknown_mode", "rag_endpoint"),
        ({"mod": "closed_book"}, "bad_param", "mode"),
        ({"distractors": "0", "mode": "noisy_context"}, "bad_param", "1"),
        ({"distractors": "many", "mode": "noisy_context"}, "bad_param", "1"),
    ],
)
def test_a_mode_that_is_unknown_is_refused_with_the_nearest(opened, params, code, told):
    """A typo asks nothing."""
    with pytest.raises(InputError) as caught:
        opened(**params)
    assert caught.value.code == code
    assert told in caught.value.hint


def test_a_set_of_one_passage_cannot_be_noisy(opened):
    """Where nothing could distract, the mode would be another one under its name."""
    with pytest.raises(InputError) as caught:
        opened(questions=QUESTIONS[:1], mode="noisy_context")
    assert caught.value.code == "no_distractors"


def test_a_baseline_that_quotes_is_refused_where_it_is_shown_nothing(opened):
    """It would leave every sample unanswered."""
    with pytest.raises(InputError) as caught:
        opened(model="baseline:extractive", mode="closed_book")
    assert "oracle_context" in caught.value.hint


def test_identity_is_of_version_mode_and_choice(opened, tmp_path):
    """What changes any prompt or score is another evaluation; the same again is the same."""
    name = f"dataset:{keep_questions(tmp_path / 'datasets').dataset_id}"
    tasks = [
        opened(name),
        opened(name, mode="closed_book"),
        opened(name, mode="noisy_context"),
        opened(name, mode="noisy_context", distractors="1"),
        opened(name, mode="noisy_context", seed=7),
        opened(name, limit=2),
        opened(name, judge="http://h/v1#j"),
    ]
    assert len({task.identity for task in tasks}) == len(tasks)
    assert opened(name).identity == tasks[0].identity == opened(name, mode="oracle_context").identity


def test_lineage_tells_the_version_wherever_it_is_shown(opened):
    """Data set, version, upload and generation are tags; the digest is the version's own, however few are asked."""
    facts = {"upload_ids": ("u" * 32,), "run_id": RUN, "digest": "d" * 32}
    task = opened(limit=2, facts=facts)
    assert (task.dataset.digest, task.dataset.size) == ("d" * 32, 2)
    assert task.dataset.source == f"dataset:{task.tags['evaltrail.dataset']}@1"
    assert task.tags["evaltrail.generation_run_id"] == RUN
    assert task.tags["evaltrail.upload"] == "u" * 32
    assert lineage_tags([task, opened()])["evaltrail.dataset_version"] == "1"
    assert {"mode", "dataset.id", "dataset.version"} <= set(task.config())


def test_questions_are_told_apart_by_what_they_say_of_themselves(opened):
    """Type, difficulty and source have slices; samples keep them, page and window."""
    task = opened()
    assert {name: set(values) for name, values in task.slices.items()} == {
        "type": {"simple", "numeric", "unanswerable"},
        "difficulty": {"easy", "medium"},
        "source": {"guide.md", "garden/plan.pdf"},
    }
    first = next(task.items())
    kept = {"type": "numeric", "difficulty": "easy", "source": "guide.md", "page": 1, "window": 1}
    assert task.attributes(first.record) == {"query": QUESTIONS[0].query, **kept}


def test_a_thousand_sources_leave_a_bounded_number_of_slices(opened):
    """The commonest are told apart, and what is left out is said."""
    many = [question(number, f"q{number}?", "a", chunk=1, source=f"s{number}.md") for number in range(1, 81)]
    task = opened(questions=[*many, question(99, "once more?", "b", chunk=2, source="s80.md")])
    assert len(task.slices["source"]) == MOST_SLICES
    assert task.slices["source"][0] == "s80.md"
    (left_out,) = task.skipped
    assert "51 of 81" in left_out.why


def test_several_data_sets_of_one_evaluation_have_names_of_their_own(opened, tmp_path):
    """Two sets that are called alike would overwrite each other's metrics."""
    made = [keep_questions(tmp_path / "datasets") for _ in range(2)]
    names = tuple(f"dataset:{each.dataset_id}" for each in made)
    tasks = [opened(name, tasks=names) for name in names]
    assert len({task.name for task in tasks}) == 2
    assert opened(names[0]).name == "orlen"


def test_a_line_that_cannot_be_read_is_named(opened, tmp_path):
    """A file that was touched by hand is an error with its place, never a traceback."""
    version = keep_questions(tmp_path / "datasets")
    file = tmp_path / "datasets" / version.dataset_id / "1" / "questions.jsonl"
    file.write_bytes(file.read_bytes() + b'{"id": 1}\n')
    with pytest.raises(InputError) as caught:
        opened(f"dataset:{version.dataset_id}")
    assert caught.value.where.endswith("questions.jsonl:6")


def test_passages_stand_once_in_their_order(tmp_path):
    """Chunks that several questions share are one distractor; those that no question is made of may be told, too."""
    version = keep_questions(tmp_path)
    folder = tmp_path / version.dataset_id / "1"
    assert passages_of(folder) == CHUNKS
    assert [each for _, each in read_questions(folder / "questions.jsonl")] == list(QUESTIONS)
    told = folder / "passages.jsonl"
    rows = [Chunk(number=number, text=text, source="g.md", start=9) for number, text in enumerate(("two", "one"), 1)]
    told.write_bytes(b'"one"\n' + b"".join(passage_lines(rows)))  # a text alone is how they were kept before
    assert passages_of(folder, told_in=told) == ("one", "two", *CHUNKS)


def test_an_edited_version_is_distracted_by_the_documents_of_its_parent(opened, tmp_path):
    """Edits change questions, not what they were made of."""
    first = keep_questions(tmp_path / "datasets", QUESTIONS[:1])
    (tmp_path / "datasets" / first.dataset_id / "1" / "passages.jsonl").write_text('"Of the old mill."\n')
    keep_questions(tmp_path / "datasets", QUESTIONS[:1], dataset_id=first.dataset_id)
    task = opened(f"dataset:{first.dataset_id}@2", mode="noisy_context")
    assert {*task.prompt(next(task.items())).contexts} == {CHUNKS[0], "Of the old mill."}


@pytest.mark.parametrize(
    ("tags", "told_by"),
    [
        ({"evaltrail.dataset": "", "evaltrail.dataset_version": "2"}, "documents"),
        ({"evaltrail.dataset": "", "evaltrail.dataset_version": "3"}, "questions"),
        ({"evaltrail.dataset": "0123456789abcdef", "evaltrail.dataset_version": "1"}, "questions"),
        ({}, "questions"),
    ],
    ids=["known", "a version that is not here", "a data set that is not here", "nobody knows"],
)
def test_a_copy_is_distracted_by_the_documents_of_what_it_is_a_copy_of(opened, tmp_path, tags, told_by):
    """As far as that is here, else by what the questions themselves stand in; the settings say by which of them."""
    first = keep_questions(tmp_path / "datasets", QUESTIONS[:2])
    (tmp_path / "datasets" / first.dataset_id / "1" / "passages.jsonl").write_text('"Of the old mill."\n')
    keep_questions(tmp_path / "datasets", QUESTIONS[:2], dataset_id=first.dataset_id)
    lineage = {name: value or first.dataset_id for name, value in tags.items()}
    task = opened(questions=QUESTIONS[:2], facts={"settings": {LINEAGE: lineage}}, mode="noisy_context")
    others = {"documents": {"Of the old mill."}, "questions": set()}[told_by]
    assert {*task.prompt(next(task.items())).contexts} == {*CHUNKS[:2]} | others
    assert task.config()["distractors.of"] == told_by


def test_a_data_set_is_no_task_file():
    """Whatever lies in the working folder."""
    assert names_dataset("dataset:abc")
    assert not is_task_file("dataset:abc.yaml")
    assert not names_dataset("datasets.yaml")


@pytest.mark.parametrize(
    ("text", "is_abstention"),
    [
        ("unanswerable", True),
        ("**Unanswerable.** The passages are about clocks.", True),
        ("The passages do not mention a price.", True),
        ("I don\u2019t know.", True),
        ("This cannot be answered from the text", True),
        ("", False),
        ("312", False),
        ("Nine euros. The guide does not say whether children pay.", False),
        (f"{'It is told at length that ' * 20} nobody does not know it", False),
    ],
)
def test_an_abstention_is_told_by_its_first_sentence(text, is_abstention):
    """Whoever answers first and doubts later has answered."""
    assert abstains(text) is is_abstention


@pytest.mark.parametrize(
    ("contexts", "recall", "precision"),
    [
        ((CHUNKS[0],), 0.5, 1.0),
        ((CHUNKS[0].upper(), CHUNKS[1], CHUNKS[2]), 1.0, 2 / 3),
        ((f"{CHUNKS[0]} {CHUNKS[1]}",), 1.0, 1.0),
        ((CHUNKS[0][:33],), 0.5, 1.0),
        (("The museum",), 0.0, 0.0),
        ((CHUNKS[3],), 0.0, 0.0),
    ],
    ids=["one", "in capitals", "joined", "cut", "two words", "another"],
)
def test_a_retrieved_passage_is_a_chunk_by_its_words(contexts, recall, precision):
    """However a system cuts documents, what it found is compared by the words that both hold."""
    sample = Sample(
        id="1", index=0, output="x", contexts=contexts, attributes={"relevant_chunks": json.dumps(CHUNKS[:2])}
    )
    assert ChunksFound("chunk_recall").score(sample).value == recall
    assert ChunksFound("chunk_precision").score(sample).value == precision


@pytest.mark.parametrize(
    ("told", "sought"),
    [
        ({"evidence": "holds 312 clocks"}, CHUNKS[1:2]),
        ({"evidence": "holds 312 clocks", "type": "multi_hop"}, CHUNKS),
        ({"evidence": "of which no passage says a word"}, CHUNKS),
        ({}, CHUNKS),
    ],
    ids=["one chunk", "several chunks", "evidence that is nowhere", "no evidence"],
)
def test_a_retrieval_has_to_find_what_holds_the_evidence(tmp_path, told, sought):
    """Not its neighbours in the window, which are cited beside it: whoever finds the one passage has found all."""
    asked = replace(question(2, "How many clocks?", "312", **told), relevant_chunks=CHUNKS)
    file = tmp_path / "questions.jsonl"
    write_questions(file, [asked])
    (record,) = QuestionSource(name="orlen", source="orlen", files=(file,), mode="rag_endpoint")
    assert record.fields["relevant_chunks"] == list(sought)


def test_questions_are_read_as_they_are_written(tmp_path):
    """What a generation or an upload leaves in a version's folder is what is asked, but for the scores of gates."""
    file = tmp_path / "questions.jsonl"
    write_questions(file, [replace(each, gates={"evidence": 1.0}) for each in QUESTIONS])
    assert [each for _, each in read_questions(file)] == list(QUESTIONS)
