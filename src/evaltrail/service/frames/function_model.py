"""FunctionModel: a user's function asked for every row: all at once, in threads, or in one event loop."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from evaltrail.core.errors import InputError
from evaltrail.service.frames.calling import Columns, OneRowWantedError, Rows, Signature, Style, read_signature
from evaltrail.service.frames.outcome import Outcome, failed, is_stream, outcome_of, rows_of

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionModel:
    """A function of the user's, and how it is to be called."""

    function: Callable[..., object]
    signature: Signature
    key: str = ""
    """The entry of its outputs that holds the text, where they are dicts."""
    concurrency: int = 32
    """Rows in work at a time."""

    def ask(self, rows: Sequence[object], columns: Columns) -> list[Outcome]:
        """One outcome a row; no row is shown to the function twice.

        Args:
            rows: what each row asks.
            columns: the same as columns, for functions that read a DataFrame.

        Raises:
            InputError: it gave what no row can be found in.
        """
        if self.signature.style == "row":
            return self._each(rows)
        is_unknown = self.signature.style == "unknown"
        whole = Rows(rows, columns, on_trial=is_unknown)
        try:
            result = self._settled(whole)
        except Exception as error:  # noqa: BLE001  a user's function: what it raises is its rows' failure
            if is_unknown and (isinstance(error, OneRowWantedError) or not whole.is_opened):
                return self._each(rows)
            return [failed(error)] * len(rows)
        if is_unknown and not whole.is_opened and not _is_long(result, len(rows), self.key):
            return self._each(rows)
        return self._read(result, len(rows))

    def _settled(self, whole: Rows) -> object:
        """What a call for all rows gives, awaited."""
        result = self.function(whole.table() if self.signature.wants_table else whole)
        return in_loop(partial(_awaited, result)) if inspect.isawaitable(result) else result

    def _read(self, result: object, size: int) -> list[Outcome]:
        if is_stream(result):
            raise InputError(
                "the model gave a generator", code="bad_output", where="model", hint="return a list of all outputs"
            )
        values = rows_of(result, size, key=self.key)
        if any(inspect.isawaitable(value) for value in values):
            return in_loop(partial(self._gathered, [partial(_awaited, value) for value in values]))
        return [outcome_of(value, key=self.key) for value in values]

    def _each(self, rows: Sequence[object]) -> list[Outcome]:
        if self.signature.is_async:
            return in_loop(partial(self._gathered, [partial(self._called_async, row) for row in rows]))
        with ThreadPoolExecutor(min(self.concurrency, len(rows)), thread_name_prefix="evaltrail-model") as pool:
            try:
                waiting = [pool.submit(contextvars.copy_context().run, self._row, row) for row in rows]
                return [each.result() for each in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _row(self, row: object) -> Outcome:
        began = time.monotonic()
        try:
            result = self._called(row)
            if inspect.isawaitable(result):
                result = asyncio.run(_awaited(result))
        except Exception as error:  # noqa: BLE001  as in ask
            return failed(error)
        return outcome_of(result, key=self.key, latency_s=time.monotonic() - began)

    def _called(self, row: Any) -> object:
        return self.function(**row) if self.signature.takes_fields else self.function(row)

    async def _called_async(self, row: object) -> object:
        return await _awaited(self._called(row))

    async def _gathered(self, calls: Sequence[Callable[[], Coroutine[object, object, object]]]) -> list[Outcome]:
        """The outcome of each call, so many at a time."""
        free = asyncio.Semaphore(self.concurrency)

        async def one(call: Callable[[], Coroutine[object, object, object]]) -> Outcome:
            async with free:
                began = time.monotonic()
                try:
                    result = await call()
                except Exception as error:  # noqa: BLE001  as in ask
                    return failed(error)
                return outcome_of(result, key=self.key, latency_s=time.monotonic() - began)

        return list(await asyncio.gather(*map(one, calls)))


def function_model(
    model: Any, rows: Sequence[object], *, batch: bool | None = None, key: str = "", concurrency: int = 32
) -> FunctionModel:
    """The model that a function, or an object with ``predict``, is.

    Raises:
        InputError: it cannot be called with a row or with all of them.
    """
    predict = None if inspect.isroutine(model) else getattr(model, "predict", None)
    if callable(predict):
        style: Style = "row" if batch is False else "batch"
        name = type(model).__name__
        signature = Signature(style, is_async=False, takes_fields=False, name=name, wants_table=style == "batch")
        return FunctionModel(function=predict, signature=signature, key=key, concurrency=concurrency)
    signature = read_signature(model, rows, batch=batch)
    return FunctionModel(function=model, signature=signature, key=key, concurrency=concurrency)


def in_loop(work: Callable[[], Coroutine[object, object, Result]]) -> Result:
    """What the work comes to, in an event loop of its own, wherever this is called from."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(1) as aside:  # a notebook has a loop of its own in this thread
        return aside.submit(contextvars.copy_context().run, asyncio.run, work()).result()


async def _awaited(value: object) -> object:
    return await value if inspect.isawaitable(value) else value


def _is_long(result: object, size: int, key: str) -> bool:
    """Whether a result has one output a row."""
    try:
        return len(rows_of(result, size, key=key)) == size
    except InputError:
        return False
