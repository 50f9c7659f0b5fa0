"""From a request to a submission: every name looked up in the catalog, and every mistake found at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TypeVar

from evaltrail.config.secrets import same_host
from evaltrail.config.service_settings import ServiceSettings
from evaltrail.core.errors import InputError, PartialError
from evaltrail.core.ids import nearest
from evaltrail.core.submission import (
    Benchmark,
    BenchmarkChoice,
    ModelChoice,
    Submission,
    SubmissionRequest,
    SubmittedModel,
)
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.labels import check_tag_names
from evaltrail.destinations.mlflow.naming import checked_experiment, legal_tags
from evaltrail.models.baseline import check_kind
from evaltrail.models.outside import check_outside_url
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.catalog.entries import BenchmarkEntry, CollectionEntry, ServerEntry
from evaltrail.service.catalog.reading import NATIVE
from evaltrail.service.catalog.rules import check_member, check_threshold
from evaltrail.service.submitting.benchmark_settings import DATASET_PATH, check_settings
from evaltrail.service.submitting.dataset_choice import DATASET, check_mode, find_dataset, names_dataset
from evaltrail.store.dataset_store import DatasetStore

_Value = TypeVar("_Value")
_check_url = lru_cache(maxsize=1024)(check_outside_url)
"""The same model is evaluated again and again, and taking its URL apart was a third of all that is done here."""
_USUAL_CONCURRENCY = 32
_MOST_BENCHMARKS = 200
_LONGEST_MINUTES = 7 * 24 * 60
_MOST_RETRIES = 20
_MOST_WEIGHT = 1_000_000
_LONGEST_NAME = 500


def resolve(
    request: SubmissionRequest, catalog: Catalog, settings: ServiceSettings, datasets: DatasetStore | None = None
) -> Submission:
    """The submission that a request means.

    Args:
        request: as it was sent, its fields of the right types.
        catalog: of the service.
        settings: of the service.
        datasets: of questions, which are benchmarks by their ids; None = there are none.

    Raises:
        InputError: something of it cannot be.
        PartialError: several things cannot be; each with the path of its field in ``where``.
    """
    return _Resolving(request, catalog, settings, datasets).submission()


def resolve_model(choice: ModelChoice, catalog: Catalog, settings: ServiceSettings) -> SubmittedModel:
    """The model that a request means by itself, as that of a generation.

    Raises:
        InputError: something of it cannot be.
        PartialError: several things cannot be.
    """
    return _Resolving(SubmissionRequest(model=choice), catalog, settings, None).model()


class _Resolving:
    """One request on its way to a submission, with what is wrong with it."""

    def __init__(
        self,
        request: SubmissionRequest,
        catalog: Catalog,
        settings: ServiceSettings,
        datasets: DatasetStore | None,
    ) -> None:
        self._request = request
        self._catalog = catalog
        self._settings = settings
        self._datasets = datasets
        self._errors: list[InputError] = []

    def submission(self) -> Submission:
        """The submission.

        Raises:
            InputError, PartialError: see ``resolve``.
        """
        request = self._request
        self._check_numbers()
        model = self._model(request.model)
        tags, warnings = self._tags()
        collection = self._collection()
        benchmarks = self._benchmarks(collection)
        judge_key = self._judge(benchmarks)
        experiment = self._experiment()
        if request.callback_url:
            self._try("callback_url", lambda: check_outside_url(request.callback_url, self._settings.allowed_places))
        self._refuse()
        return Submission(
            model=model,
            benchmarks=tuple(benchmarks),
            name=request.name,
            description=request.description,
            collection=collection.id if collection else "",
            threshold=request.threshold if request.threshold is not None or not collection else collection.threshold,
            experiment=experiment,
            tags=tags,
            labels=request.labels,
            tenant=request.tenant,
            layout=request.layout,
            timeout_s=request.timeout_minutes * 60,
            retry_attempts=request.retry_attempts,
            callback_url=request.callback_url,
            judge_api_key_env=judge_key,
            data_root=str(self._settings.data_root),
            warnings=tuple(warnings),
        )

    def model(self) -> SubmittedModel:
        """The model alone.

        Raises:
            InputError, PartialError: see ``resolve``.
        """
        found = self._model(self._request.model)
        self._refuse()
        return found

    def _check_numbers(self) -> None:
        request = self._request
        if not 0 < request.timeout_minutes <= _LONGEST_MINUTES:
            hint = f"more than 0, {_LONGEST_MINUTES:,} (a week) at most"
            self._wrong("timeout_minutes", f"a time-out of {request.timeout_minutes:g} minutes", hint)
        if not 0 <= request.retry_attempts <= _MOST_RETRIES:
            self._wrong("retry_attempts", f"{request.retry_attempts} attempts", f"0 to {_MOST_RETRIES} are allowed")
        if request.threshold is not None and not math.isfinite(request.threshold):
            self._wrong("pass_criteria.threshold", f"a threshold of {request.threshold}", "give a number")
        if len(request.benchmarks) > _MOST_BENCHMARKS:
            hint = f"{_MOST_BENCHMARKS} are allowed; send several requests"
            self._wrong("benchmarks", f"{len(request.benchmarks):,} benchmarks", hint)

    def _model(self, choice: ModelChoice) -> SubmittedModel:
        if choice.server and choice.url:
            self._wrong("model.url", "both a server and a URL are given", "keep one of them")
        found = SubmittedModel(name=choice.name, configuration=choice.configuration)
        if not 0 < len(choice.name) <= _LONGEST_NAME:
            said = f"the model's name has {len(choice.name):,} characters"
            self._wrong("model.name", said, f"give 1 to {_LONGEST_NAME}")
            return found
        self._check("", choice.configuration, "model.configuration")
        if choice.url:
            self._try("model.url", lambda: _check_url(choice.url, self._settings.allowed_places))
        server = self._try("model.server", lambda: self._catalog.server(choice.server)) if choice.server else None
        if choice.name.startswith("baseline:"):  # computed here, asked nowhere: an address or a key is none of its own
            self._try("model.name", lambda: check_kind(choice.name.removeprefix("baseline:")))
            return found
        if choice.url:
            return replace(found, url=choice.url, api_key_env=self._key_of(choice), is_outside=True)
        if not choice.server:
            hint = f"name a server ({', '.join(server.name for server in self._catalog.servers())}), or give its url"
            self._wrong("model.server", "the model has neither a server nor a url", hint)
            return found
        return found if server is None else _on_server(found, server)

    def _key_of(self, choice: ModelChoice) -> str:
        """The variable of the key that goes with a URL: of the server's entry that is named, if it is its host."""
        if not choice.secret_ref:
            return ""
        server = self._try("model.auth.secret_ref", lambda: self._catalog.server(choice.secret_ref))
        if server is None:
            return ""
        if not self._try("model.url", lambda: same_host(choice.url, server.url)):
            hint = "a key is sent to its own server alone: name that server instead of a url"
            self._wrong("model.auth.secret_ref", f"the url is none of the server {server.name}", hint)
        return server.api_key_env

    def _tags(self) -> tuple[Mapping[str, str], Sequence[str]]:
        self._try("experiment.tags", lambda: check_tag_names(self._request.tags))
        found = self._try("experiment.tags", lambda: legal_tags(self._request.tags))
        return ({}, ()) if found is None else found

    def _experiment(self) -> str:
        """The experiment's whole name; made of model and time where the request gives none."""
        prefix = f"{self._settings.experiment_prefix}_" if self._settings.experiment_prefix else ""
        own = self._request.experiment or f"{self._request.model.name}_{datetime.now(UTC):%Y%m%d_%H%M%S}"
        return self._try("experiment.name", lambda: checked_experiment(prefix + own)) or ""

    def _collection(self) -> CollectionEntry | None:
        """The collection that is meant: named, else found by the experiment's tags where no benchmark is named."""
        request = self._request
        if request.collection:
            return self._try("collection", lambda: self._catalog.collection(request.collection))
        if request.benchmarks:
            return None
        before = len(self._errors)
        found = self._try("experiment.tags", lambda: self._catalog.collection_for(request.tags))
        if found is None and len(self._errors) == before:
            found = self._try("collection", self._catalog.default_collection)
        if found is None and len(self._errors) == before:
            known = ", ".join(
                f"{each.id} ({', '.join(f'{key}: {value}' for key, value in each.tags.items()) or 'by its id alone'})"
                for each in self._catalog.collections()
            )
            hint = f"give benchmarks, a collection's id, or an experiment tag that a collection bears: {known}"
            self._wrong("benchmarks", "nothing says which benchmarks are to be run", hint)
        return found

    def _benchmarks(self, collection: CollectionEntry | None) -> list[Benchmark]:
        request = self._request
        if collection is None:
            made = [self._benchmark(number, choice) for number, choice in enumerate(request.benchmarks)]
        elif request.benchmarks:
            members = [self._member(number, each, collection) for number, each in enumerate(request.benchmarks)]
            made = list(members)
        else:
            made = list(collection.benchmarks)
        if collection is not None and collection.is_users:  # a request wrote it, and may set no more there than here
            for each in collection.benchmarks:
                self._check(each.provider_id, each.config, f"collection.{each.id}.config")
        found = [each for each in made if each is not None]
        for number, each in enumerate(found):
            if any(each.id == other.id for other in found[:number]):
                hint = "results are told apart by it: ask for the second one in a request of its own"
                self._wrong(f"benchmarks.{number}.id", f"the benchmark {each.id!r} stands twice", hint)
        return [replace(each, is_confined=True) if self._is_confined(each, collection) else each for each in found]

    def _is_confined(self, benchmark: Benchmark, collection: CollectionEntry | None) -> bool:
        """Whether a request, this one or an earlier one, named the benchmark's files."""
        request = self._request
        said = [each.config for each in request.benchmarks if each.id == benchmark.id]
        if any(DATASET_PATH in each for each in (*said, request.model.configuration)):
            return True
        if collection is not None and collection.is_users:
            return True
        is_own = benchmark.provider_id == NATIVE
        return is_own and self._catalog.benchmark(NATIVE, benchmark.id).is_users

    def _benchmark(self, number: int, choice: BenchmarkChoice) -> Benchmark | None:
        where = f"benchmarks.{number}"
        if names_dataset(choice):
            return self._dataset(where, choice)
        if choice.provider_id and not self._is_offered(f"{where}.provider_id", choice.provider_id):
            return None
        entry = self._try(f"{where}.id", lambda: self._catalog.benchmark(choice.provider_id, choice.id))
        if entry is None or not (choice.provider_id or self._is_offered(f"{where}.id", entry.provider_id)):
            return None
        self._check(entry.provider_id, choice.config, f"{where}.config")
        made = Benchmark(
            id=choice.id,
            provider_id=entry.provider_id,
            config=choice.config,
            weight=1.0 if choice.weight is None else choice.weight,
            primary_score=choice.primary_score or entry.primary_score,
            threshold=choice.threshold,
            task=entry.task,
        )
        self._check_scoring(where, made, entry)
        return made

    def _dataset(self, where: str, choice: BenchmarkChoice) -> Benchmark | None:
        """A data set of questions, in the version that it has now where none is named."""
        found = self._try(f"{where}.id", lambda: find_dataset(choice.id, self._datasets))
        mode = self._try(f"{where}.config.mode", lambda: check_mode(choice.config, self._request.model.name))
        self._check(DATASET, choice.config, f"{where}.config")
        if found is None or mode is None:
            return None
        return Benchmark(
            id=choice.id,
            provider_id=DATASET,
            config={**choice.config, "mode": mode},
            weight=1.0 if choice.weight is None else choice.weight,
            primary_score=choice.primary_score,
            threshold=choice.threshold,
            task=found,
        )

    def _member(self, number: int, choice: BenchmarkChoice, collection: CollectionEntry) -> Benchmark | None:
        """One of a collection's benchmarks, with what the request says over what the collection says."""
        where = f"benchmarks.{number}"
        same = [each for each in collection.benchmarks if each.id == choice.id]
        if not same:
            names = [each.id for each in collection.benchmarks]
            hint = nearest(choice.id, names) or f"it has {', '.join(names)}"
            self._wrong(f"{where}.id", f"the collection {collection.id} has no benchmark {choice.id!r}", hint)
            return None
        self._check(same[0].provider_id, choice.config, f"{where}.config")
        made = replace(
            same[0],
            config={**same[0].config, **choice.config},
            weight=same[0].weight if choice.weight is None else choice.weight,
            primary_score=choice.primary_score or same[0].primary_score,
            threshold=same[0].threshold if choice.threshold is None else choice.threshold,
        )
        self._check_scoring(where, made, self._catalog.benchmark(made.provider_id, made.id))
        return made

    def _check_scoring(self, where: str, made: Benchmark, entry: BenchmarkEntry) -> None:
        primary, threshold = made.primary_score, made.threshold
        if not 0 <= made.weight <= _MOST_WEIGHT:
            self._wrong(f"{where}.weight", f"a weight of {made.weight}", f"a number from 0 to {_MOST_WEIGHT:,}")
        if primary is not None:
            self._try(f"{where}.primary_score.metric", lambda: check_member(primary, entry.metrics, ""))
        if threshold is not None and not math.isfinite(threshold):
            self._wrong(f"{where}.pass_criteria.threshold", f"a threshold of {threshold}", "give a number")
        self._try(f"{where}.pass_criteria.threshold", lambda: check_threshold(threshold, primary, entry, ""))

    def _judge(self, benchmarks: list[Benchmark]) -> str:
        """The variable of the judges' key; each judge becomes the address of its server and a model there."""
        variables: set[str] = set()
        for number, benchmark in enumerate(benchmarks):
            own = benchmark.config.get("judge")
            judge = self._request.model.configuration.get("judge") if own is None else own
            if not isinstance(judge, str) or not judge:
                continue
            name, sign, model = judge.partition("#")
            if not sign:
                name, _, model = judge.partition(":/")
            where = "model.configuration.judge" if own is None else f"benchmarks.{number}.config.judge"
            server = self._try(where, partial(self._catalog.server, name))
            if server is not None and server.is_users:
                hint = f"EVALTRAIL_SERVER_{server.name.upper()}_URL of the service and its workers makes it one"
                self._wrong(where, f"the server {server.name} is none of the operator's, as a judge's has to be", hint)
            elif server is not None:
                named = f"{server.url}#{model.lstrip('/')}"
                benchmarks[number] = replace(benchmark, config={**benchmark.config, "judge": named})
                variables.add(server.api_key_env)
        if len(variables) > 1:
            hint = "send the benchmarks in several requests"
            self._wrong("benchmarks", "the judges are on servers with different keys", hint)
        return next(iter(variables), "")

    def _is_offered(self, where: str, provider: str) -> bool:
        return self._try(where, lambda: self._catalog.require_offered(provider)) is not None

    def _check(self, provider: str, config: Mapping[str, Json], where: str) -> None:
        self._errors += check_settings(provider, config, where, self._settings.data_root)

    def _try(self, where: str, work: Callable[[], _Value]) -> _Value | None:
        """What the work comes to; None where it finds a mistake, which is told with all others."""
        try:
            return work()
        except InputError as error:
            error.where = where
            self._errors.append(error)
            return None

    def _wrong(self, where: str, message: str, hint: str) -> None:
        self._errors.append(InputError(message, code="bad_request", where=where, hint=hint))

    def _refuse(self) -> None:
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise PartialError(self._errors, exit_code=InputError.exit_code)


def _on_server(model: SubmittedModel, server: ServerEntry) -> SubmittedModel:
    most = server.max_concurrency or _USUAL_CONCURRENCY
    return replace(
        model,
        server=server.name,
        url=server.url,
        api_key_env=server.api_key_env,
        concurrency=min(_USUAL_CONCURRENCY, most),
        is_outside=server.is_users,
    )
