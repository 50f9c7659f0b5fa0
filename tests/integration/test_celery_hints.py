"""Hints at real brokers: bounded in number, and never in the way of a submission."""

from __future__ import annotations

import ssl
import threading
from contextlib import closing

import pytest

from evaltrail.core.errors import InputError, StorageError
from evaltrail.jobs.broker import Broker, make_app
from evaltrail.jobs.hints import Hints, hint_queue
from evaltrail.jobs.waking import Waker
from evaltrail.service.submitting.acceptor import Acceptor
from lease_queues import lease_queue, some_job
from private_rabbit import RabbitServer
from private_redis import RedisServer
from private_servers import amqp_url, own_server, redis_url

SECRET = "velvet-curtain"
BROKERS = [pytest.param(redis_url, id="redis"), pytest.param(amqp_url, id="rabbitmq", marks=pytest.mark.slow)]


@pytest.mark.parametrize("url_of", BROKERS)
def test_hints_never_pile_up(url_of):
    """However many units and submissions, 64 hints lie in a queue at most; workers of all queues are told too."""
    with closing(Broker(url_of())) as broker, closing(Hints(url_of())) as hints:
        for count in (3, 100_000, 1):
            assert hints.send("piled", count)
        assert broker.top_up(hint_queue("piled"), 0) == 64
        assert broker.top_up(hint_queue(), 0) == 64


@pytest.mark.parametrize("url_of", BROKERS)
def test_a_queue_of_any_name_can_be_told_of(url_of):
    """Names that a broker would refuse for their length or letters are no trouble."""
    with closing(Broker(url_of())) as broker, closing(Hints(url_of())) as hints:
        for name in ("ü" * 500, "a b/c*#.d", "x" * 500):
            assert hints.send(name, 1)
            assert broker.top_up(hint_queue(name), 0) == 1


def test_a_broker_that_is_away_is_told_once_and_waits_for_nobody():
    """No error: one sentence without the password; it is not asked again for each of several submissions."""
    said = []
    hints = Hints(f"redis://:{SECRET}@127.0.0.1:9/0", notice=said.append)
    assert [hints.send("default", 5) for _ in range(3)] == [False] * 3
    assert len(said) == 1
    assert "redis://127.0.0.1:9/0: the broker is away" in said[0]
    assert SECRET not in said[0]


@pytest.mark.parametrize("rest", ["redis://me:{}@h/abc", "redis://:{}@h/0?foo=1", "amqp://me:{}@h//?heartbeat=often"])
def test_an_address_that_no_broker_has_is_a_mistake_and_no_crash(rest):
    """It is told without the password; a job that was accepted just before stays accepted."""
    said = []
    assert not Hints(rest.format(SECRET), notice=said.append).send("default", 1)
    assert "the broker's address has a part that is not understood" in said[0]
    assert SECRET not in said[0]
    with pytest.raises(InputError) as caught:
        Broker(rest.format(SECRET)).check()
    assert caught.value.code == "bad_setting"


def test_what_a_brokers_library_raises_ends_no_acceptor(tmp_path):
    """It is told by its kind alone; submissions are accepted after it as before."""
    said = []
    hints = Hints(f"amqp://me:{SECRET}@[::1//", notice=said.append)
    with lease_queue(f"sqlite:///{tmp_path / 'jobs.db'}") as queue, Acceptor(queue, hints) as acceptor:
        assert [acceptor.accept_jobs((some_job(),)).result(10).is_new for _ in range(2)] == [True] * 2
        assert queue.counts().units == {"waiting": 2}
    assert [line.partition(";")[0] for line in said] == ["hints failed: builtins.ValueError"]


def test_a_turn_of_the_waker_that_fails_is_told_once_and_not_the_last(tmp_path):
    """Whatever it was: nobody else takes back units of silent workers beside Celery."""
    said, turns, is_over = [], [], threading.Event()

    def idle():
        turns.append(len(turns))
        if len(turns) > 2:
            is_over.set()
            return 0
        raise ZeroDivisionError(SECRET)

    with (
        lease_queue(f"sqlite:///{tmp_path / 'jobs.db'}", lease_s=0.02) as queue,
        closing(Broker("redis://127.0.0.1:9/0")) as broker,
    ):
        waker = Waker(queue, broker, (), idle=idle, notice=said.append)
        waker.start()
        assert is_over.wait(10)
        waker.stop(within_s=10)
    assert said == ["hints failed: builtins.ZeroDivisionError"]


@pytest.mark.slow
def test_a_broker_that_takes_no_more_hints_is_no_outage():
    """A policy of the operator's bounds its queues: that is told as such, and over when the policy is."""
    said = []
    with own_server(RabbitServer) as server, closing(Broker(server.url)) as broker:
        bound = '{"max-length":1,"overflow":"reject-publish"}'
        server.control("set_policy", "bounded", "^evaltrail", bound, "--apply-to", "queues")
        assert broker.top_up("evaltrail", 0) == 0
        with pytest.raises(StorageError, match="the broker takes no more hints") as caught:
            broker.top_up("evaltrail", 20)
        assert caught.value.code == "broker_full"
        with closing(Hints(server.url, notice=said.append)) as hints:
            assert not hints.send("default", 20)
        assert "the broker takes no more hints" in said[0]
        server.control("clear_policy", "bounded")
        broker.top_up("evaltrail", 20)
        assert broker.top_up("evaltrail", 0) == 20


def test_without_a_broker_nobody_needs_to_be_told():
    """Workers look into the table by themselves."""
    assert Hints("").send("default", 5)


def test_a_broker_that_came_back_takes_hints_by_the_same_connection():
    """A restart in between is not noticed; while it is down it is away, and no hint that lay there is lost."""
    with own_server(RedisServer) as server, closing(Broker(server.url)) as broker:
        assert broker.top_up("evaltrail", 5) == 0
        server.restart()
        assert broker.top_up("evaltrail", 5) == 5
        server.stop()
        with pytest.raises(StorageError, match="the broker is away") as caught:
            broker.top_up("evaltrail", 5)
        assert caught.value.code == "broker_away"
        server.start()
        assert broker.top_up("evaltrail", 5) == 5


def test_a_wrong_password_is_a_mistake_and_no_outage():
    """Redis refuses; the error says so, with the next step and without the password."""
    with own_server(RedisServer) as server:
        assert server.tell("CONFIG", "SET", "requirepass", "another") == "+OK"
        with pytest.raises(InputError, match="the broker refuses us") as caught:
            Broker(server.url.replace("//", f"//:{SECRET}@")).check()
        assert (caught.value.code, SECRET in str(caught.value)) == ("broker_refused", False)
        with closing(Broker(server.url.replace("//", "//:another@"))) as broker:
            broker.check()


@pytest.mark.parametrize(("scheme", "prefix"), [("amqps", ""), ("rediss", "ssl_")])
def test_a_broker_has_to_prove_who_it_is(scheme, prefix):
    """Over TLS its certificate and its name are checked, by who sends hints and by who reads them."""
    secured = make_app(f"{scheme}://host/0").conf.broker_use_ssl
    assert secured[f"{prefix}cert_reqs"] == ssl.CERT_REQUIRED
    assert secured.get("server_hostname") == "host" or secured["ssl_check_hostname"]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["guest:velvet-curtain@", "nobody:velvet-curtain@"])
def test_rabbitmq_refuses_strangers(wrong):
    """A login that it does not know is a mistake of ours, told at once."""
    with pytest.raises(InputError, match="ACCESS_REFUSED") as caught:
        Broker(amqp_url().replace("guest:guest@", wrong)).check()
    assert SECRET not in str(caught.value)
