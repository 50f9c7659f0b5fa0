"""The broker: hints lie there, each of which says no more than "look into the table". One of two doors to Celery.

Written beside Celery 5.7 and kombu 5.7; RabbitMQ 3.10 and Redis 7.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from amqp.exceptions import AccessRefused, MessageNacked, NotAllowed, PreconditionFailed
from celery import Celery
from kombu import Connection, Exchange, Producer, Queue
from kombu.exceptions import KombuError
from kombu.utils.uuid import uuid
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError

from evaltrail.config.redaction import redact_text
from evaltrail.config.secrets import public_url
from evaltrail.core.errors import EvaltrailError, InputError, StorageError

TASK = "evaltrail.work"
_PREFIX = "evaltrail"
_CONNECT_S = 3.0
_ANSWER_S = 5.0
_HEARTBEAT_S = 30
_ALIVE_S = 60.0
"""What a busy machine may take to fork a process of the pool before it counts as stillborn."""
_REFUSALS = (
    AccessRefused,
    NotAllowed,
    PreconditionFailed,
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
)


class Broker:
    """Hints at a broker, for one thread.

    Args:
        url: EVALTRAIL_QUEUE_URL.
    """

    def __init__(self, url: str) -> None:
        self.name = public_url(url)
        """For people: without a password."""
        self._url = url
        self._app = make_app(url)
        asked = Connection(f"{urlsplit(url).scheme}://")  # what it can raise, whatever the rest of the address says
        self._errors = (*asked.connection_errors, *asked.channel_errors, KombuError, MessageNacked, OSError)
        self._connection: Connection | None = None

    def check(self) -> None:
        """Return when the broker can be reached.

        Raises:
            InputError: it refuses us.
            StorageError: it is away.
        """
        try:
            self._connected()
        except self._errors as error:
            self._drop()
            raise broker_error(error, self._url) from error

    def top_up(self, queue: str, count: int) -> int:
        """How many hints lay unread in a queue of the broker, which holds ``count`` of them now at least.

        Raises:
            InputError: the broker refuses us.
            StorageError: it is away, or takes no more.
        """
        is_old = self._connection is not None
        try:
            return self._topped_up(queue, count)
        except self._errors as error:
            self._drop()
            if is_old:  # the broker may have been restarted since
                return self.top_up(queue, count)
            raise broker_error(error, self._url) from error

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            with suppress(*self._errors):
                self._connection.close()
            self._connection = None

    def _drop(self) -> None:
        """Forget a connection that may be broken in any way, without a word to the broker."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.collect(socket_timeout=_CONNECT_S)

    def _topped_up(self, queue: str, count: int) -> int:
        with self._connected().channel() as channel:
            unread: int = _declared(queue)(channel).queue_declare().message_count
            producer = Producer(channel, serializer="json")
            for _ in range(count - unread):
                task_id = uuid()
                hint = self._app.amqp.create_task_message(task_id, TASK, ignore_result=True)
                producer.publish(
                    hint.body,
                    headers=hint.headers,
                    exchange="",
                    routing_key=queue,
                    retry=False,
                    timeout=_ANSWER_S,
                    confirm_timeout=_ANSWER_S,
                    **hint.properties,
                )
            return unread

    def _connected(self) -> Connection:
        if self._connection is None:
            try:
                self._connection = _connect(self._url)
            except self._errors:
                raise
            except (TypeError, ValueError) as error:
                hint = "correct EVALTRAIL_QUEUE_URL: amqp://user@host//, amqps://..., redis://host/0 or rediss://..."
                said = "the broker's address has a part that is not understood"
                raise InputError(said, code="bad_setting", hint=hint, where=self.name) from error
        return self._connection


def make_app(url: str, queues: tuple[str, ...] = (_PREFIX,)) -> Celery:
    """Celery as we use it: early acknowledgement, no results, no events, nothing but JSON.

    Args:
        url: EVALTRAIL_QUEUE_URL.
        queues: of the broker, that are read.
    """
    app = Celery(_PREFIX, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_channel_error_retry=True,  # RabbitMQ closes a channel whose hints wait for long behind a long unit
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=_CONNECT_S,
        broker_heartbeat=_HEARTBEAT_S,
        broker_transport_options=_options(url, is_reading=True),
        broker_url=url,
        broker_use_ssl=_secured(url).get("ssl", False),
        task_acks_late=False,
        task_create_missing_queues=False,
        task_default_queue=queues[0],
        task_ignore_result=True,
        task_queues=[_declared(queue) for queue in queues],
        task_serializer="json",
        worker_detect_quorum_queues=True,
        worker_disable_prefetch=_is_redis(url),
        worker_enable_prefetch_count_reduction=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_pool_start_method="fork",
        worker_prefetch_multiplier=1,
        worker_proc_alive_timeout=_ALIVE_S,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )
    return app


def broker_error(error: Exception, url: str) -> EvaltrailError:
    """The error of a library in our words.

    Args:
        error: as it was raised.
        url: EVALTRAIL_QUEUE_URL.
    """
    name = public_url(url)
    password = unquote(urlsplit(url).password or "")
    said = redact_text(str(error) or type(error).__name__, [password] if password else []).partition("\n")[0]
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        hint = "have its certificate trusted: SSL_CERT_FILE names those of your authorities"
        return InputError(f"the broker cannot be trusted: {said}", code="broker_untrusted", hint=hint, where=name)
    if any(isinstance(cause, _REFUSALS) for cause in _causes(error)):
        hint = "correct EVALTRAIL_QUEUE_URL"
        return InputError(f"the broker refuses us: {said}", code="broker_refused", hint=hint, where=name)
    if isinstance(error, MessageNacked):
        hint = "look at the limits that its policies set to queues"
        return StorageError("the broker takes no more hints", code="broker_full", hint=hint, where=name)
    return StorageError(f"the broker is away: {said}", code="broker_away", hint="start it", where=name)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _declared(name: str) -> Queue:
    """A queue that survives its broker, by the default exchange: nothing is bound, so no binding can be lost."""
    return Queue(name, Exchange(""), routing_key=name, durable=True, queue_arguments={"x-queue-type": "quorum"})


def _options(url: str, *, is_reading: bool = False) -> dict[str, object]:
    if not _is_redis(url):
        options: dict[str, object] = {"confirm_publish": True}
        return options if is_reading else {**options, "read_timeout": _ANSWER_S, "write_timeout": _ANSWER_S}
    options = {
        # of our own, so that another application may use the same database
        "unacked_key": f"{_PREFIX}.unacked",
        "unacked_index_key": f"{_PREFIX}.unacked_index",
        "unacked_mutex_key": f"{_PREFIX}.unacked_mutex",
        "health_check_interval": 5,
        "socket_connect_timeout": _CONNECT_S,
        "socket_keepalive": True,
    }
    return options if is_reading else {**options, "socket_timeout": _ANSWER_S}


def _connect(url: str) -> Connection:
    connection = Connection(url, connect_timeout=_CONNECT_S, **_secured(url), transport_options=_options(url))
    return connection.ensure_connection(_give_up)


def _secured(url: str) -> dict[str, object]:
    """What makes a connection check the broker's certificate, which kombu by itself does not for Redis."""
    parts = urlsplit(url)
    if parts.scheme == "amqps":
        return {"ssl": {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": parts.hostname}}
    if parts.scheme == "rediss":
        return {"ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}}
    return {}


def _is_redis(url: str) -> bool:
    return urlsplit(url).scheme in {"redis", "rediss"}


def _give_up(error: Exception, _pause_s: float) -> None:
    """Try once and no more."""
    raise error
