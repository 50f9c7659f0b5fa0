"""Client: the evaluation service from Python, without curl."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlencode

from evaltrail.client.address import read_address
from evaltrail.client.answers import (
    Evaluation,
    Page,
    ServiceEvent,
    Wire,
    cursor_of,
    evaluation_of,
    items_of,
    page_of,
)
from evaltrail.client.following import await_end, follow_events
from evaltrail.client.line import Answer, Line
from evaltrail.client.order_body import BenchmarkWord, order_body
from evaltrail.client.reading import read_told, told_by
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json

DEFAULT_URL = "http://127.0.0.1:8000"
_API = "/api/v1"
_UNWELL = frozenset({503})


class Client:
    """Speaks with the evaluation service; several threads may use one client.

    A request that fails in passing (the service starts anew, is overrun, or is away for a moment) is sent again a few
    times. A submission bears a key of its own, so that it is one evaluation however often it was sent.

    Args:
        url: of the service.
        api_key: None = EVALTRAIL_API_KEY of the environment, where it is set.
        timeout_s: seconds that one request may take, further attempts included.

    Raises:
        InputError: the URL or the key cannot be used.

    Example:
        >>> import evaltrail
        >>> with evaltrail.Client() as service:  # doctest: +SKIP
        ...     evaluation = service.submit(model="m", server="vllm", benchmarks=["lm_evaluation_harness/arc_easy"])
        ...     print(service.wait(evaluation.id).state)
    """

    def __init__(self, url: str = DEFAULT_URL, *, api_key: str | None = None, timeout_s: float = 30.0) -> None:
        key = os.environ.get("EVALTRAIL_API_KEY", "") if api_key is None else api_key
        self._line = Line(read_address(url), api_key=key, timeout_s=timeout_s)

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._line.address.shown

    def submit(
        self,
        body: Mapping[str, Json] | None = None,
        *,
        model: str = "",
        server: str = "",
        url: str = "",
        configuration: Mapping[str, Json] | None = None,
        benchmarks: Sequence[BenchmarkWord] = (),
        collection: str = "",
        experiment: str = "",
        tags: Mapping[str, str] | None = None,
        further: Mapping[str, Json] | None = None,
        idempotency_key: str = "",
    ) -> Evaluation:
        """The evaluation that was accepted; it is done by the service's workers.

        Args:
            body: the whole body as the REST interface has it, in place of the words below.
            model: as its server calls it.
            server: entry of the server registry.
            url: of an OpenAI-compatible endpoint, instead of a server.
            configuration: generation settings of all benchmarks.
            benchmarks: ``PROVIDER/ID`` each, or objects as the REST interface has them.
            collection: id of the collection that is to be run.
            experiment: MLflow's, without the prefix; empty = a name is made.
            tags: of the experiment and its runs.
            further: other fields of the body, such as ``timeout_minutes``.
            idempotency_key: the same key and body are the same evaluation; empty = a fresh one.

        Raises:
            InputError: the request is refused; it says where and what to write.
            PartialError: it is refused for several reasons; ``errors`` holds them.
            EndpointError: the service cannot be reached, or fails.
        """
        words = (model, server, url, configuration, benchmarks, collection, experiment, tags, further)
        if body is not None and any(words):
            raise InputError("a whole body and words of one are given", code="bad_input", hint="give one of them")
        order = body or order_body(
            model=model,
            server=server,
            url=url,
            configuration=configuration,
            benchmarks=benchmarks,
            collection=collection,
            experiment=experiment,
            tags=tags,
            further=further,
        )
        headers = {"Idempotency-Key": _sendable(idempotency_key) or uuid.uuid4().hex}
        return self._evaluation(self._line.ask("POST", f"{_API}/evaluations", body=_encoded(order), headers=headers))

    def get(self, evaluation_id: str) -> Evaluation:
        """One evaluation as it is now.

        Raises:
            InputError: there is none of that id.
            EndpointError: the service cannot be reached, or fails.
        """
        return self._evaluation(self._line.ask("GET", _one(evaluation_id)))

    def wait(
        self,
        evaluation_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Evaluation], None] = lambda _: None,
    ) -> Evaluation:
        """The evaluation once it is over, however it ended; that the service is away for a minute ends nothing.

        Args:
            evaluation_id: its id.
            timeout_s: seconds to wait at most; None = until it is over.
            on_progress: told how it is, every two seconds at least; what it raises ends the waiting.

        Raises:
            InputError: there is none of that id.
            EndpointError: the service stays away.
            EvaltrailError: (code ``wait_timed_out``) it is not over in time, and goes on.
        """
        return await_end(lambda: self.get(evaluation_id), timeout_s=timeout_s, on_progress=on_progress)

    def events(self, evaluation_id: str, *, after: int = 0) -> Iterator[ServiceEvent]:
        """What happens to an evaluation until it is over; a line that breaks is taken up again where it was.

        Args:
            evaluation_id: its id.
            after: the last event that is known already; 0 = from the beginning.

        Raises:
            InputError: there is none of that id.
            EndpointError: the service cannot be reached any more, or fails.
        """
        path = f"{_one(evaluation_id)}/events"
        return follow_events(self._line, path, after=after, is_over=lambda: self.get(evaluation_id).is_over)

    def results(self, evaluation_id: str) -> Wire:
        """What an evaluation came to: metrics, counts and verdicts; before its end what is known."""
        return self._told("GET", f"{_one(evaluation_id)}/results")

    def summary(self, evaluation_id: str) -> Wire:
        """An evaluation in a few figures."""
        return self._told("GET", f"{_one(evaluation_id)}/summary")

    def samples(
        self, evaluation_id: str, *, benchmark: int | str = 0, only: Literal["", "failed", "unscored"] = ""
    ) -> Iterator[Wire]:
        """The samples of one benchmark, fetched page by page.

        Args:
            evaluation_id: its id.
            benchmark: its index, its id, or ``PROVIDER/ID``.
            only: those that failed, or that have no score.
        """
        cursor = ""
        while True:
            query = {"benchmark": str(benchmark), "filter": only, "limit": "100", "cursor": cursor}
            page = self._told("GET", f"{_one(evaluation_id)}/samples{_query(query)}")
            yield from read_told(items_of, page, self.url)
            cursor = cursor_of(page)
            if not cursor:
                return

    def logs(self, evaluation_id: str, *, benchmark: int | str = "", tail: int = 1000) -> str:
        """The end of an evaluation's log.

        Args:
            evaluation_id: its id.
            benchmark: its index, its id, or ``PROVIDER/ID``; empty = of the whole evaluation.
            tail: lines, 10,000 at most.
        """
        query = _query({"benchmark": str(benchmark), "tail": str(tail)})
        return self._line.ask("GET", f"{_one(evaluation_id)}/logs{query}").body.decode("utf-8", "replace")

    def cancel(self, evaluation_id: str) -> Evaluation:
        """The evaluation, called off; who works at it lets go in a moment.

        Raises:
            InputError: it is over, or there is none of that id.
            EndpointError: the service cannot be reached, or fails.
        """
        return self._evaluation(self._line.ask("DELETE", _one(evaluation_id), is_repeatable=False))

    def list(
        self,
        *,
        status: str = "",
        name: str = "",
        experiment: str = "",
        tags: Mapping[str, str] | None = None,
        limit: int = 50,
        cursor: str = "",
    ) -> Page:
        """Some evaluations, newest first.

        Args:
            status: of them all.
            name: of them all.
            experiment: MLflow's, with or without the prefix.
            tags: that each of them bears.
            limit: on one page, 100 at most.
            cursor: ``next_cursor`` of the page before.
        """
        words = {"status": status, "name": name, "experiment": experiment, "limit": str(limit), "cursor": cursor}
        borne = tuple(f"{key}:{value}" for key, value in (tags or {}).items())
        told = self._told("GET", f"{_API}/evaluations{_query(words, tag=borne)}")
        return read_told(page_of, told, self.url)

    def compare(self, evaluation_ids: Sequence[str]) -> Wire:
        """Two to twenty evaluations side by side: every metric with n and interval, the best marked."""
        body = _encoded({"ids": [*evaluation_ids]})
        return self._told("POST", f"{_API}/evaluations/compare", body=body)

    def providers(self) -> tuple[Wire, ...]:
        """Who runs benchmarks."""
        return self._items(f"{_API}/providers")

    def benchmarks(self) -> tuple[Wire, ...]:
        """What can be run."""
        return self._items(f"{_API}/benchmarks")

    def collections(self) -> tuple[Wire, ...]:
        """Benchmarks that are run together."""
        return self._items(f"{_API}/collections")

    def servers(self) -> tuple[Wire, ...]:
        """The servers that requests can call by name."""
        return self._items(f"{_API}/servers")

    def health(self) -> Wire:
        """How the service and its parts are: ``status`` is healthy, degraded or unhealthy."""
        return self._told("GET", f"{_API}/health", welcome=_UNWELL)

    def close(self) -> None:
        """Close the connection that is kept."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _told(
        self, method: str, path: str, *, body: bytes | None = None, welcome: frozenset[int] = frozenset()
    ) -> Wire:
        return told_by(self._line.ask(method, path, body=body, welcome=welcome), self.url)

    def _items(self, path: str) -> tuple[Wire, ...]:
        return read_told(items_of, self._told("GET", path), self.url)

    def _evaluation(self, answer: Answer) -> Evaluation:
        is_replayed = answer.headers.get("idempotent-replayed") == "true"
        told = told_by(answer, self.url)
        return read_told(lambda each: evaluation_of(each, is_replayed=is_replayed), told, self.url)


def _one(evaluation_id: str) -> str:
    return f"{_API}/evaluations/{quote(evaluation_id, safe='')}"


def _query(words: Mapping[str, str], **repeated: Sequence[str]) -> str:
    pairs = [(name, value) for name, value in words.items() if value]
    pairs += [(name, value) for name, values in repeated.items() for value in values]
    return f"?{urlencode(pairs)}" if pairs else ""


def _encoded(value: Mapping[str, Json]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"that is no JSON: {error}", code="bad_json", hint="send texts, numbers, lists and objects"
        ) from error


def _sendable(key: str) -> str:
    if key.isascii() and key.isprintable() and key == key.strip():
        return key
    raise InputError(
        "the idempotency key cannot be sent", code="bad_input", where="Idempotency-Key", hint="write letters and digits"
    )
