"""Getting to an endpoint: nothing there, a server that dies, TLS, proxies."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import threading
from time import monotonic

import pytest

from evaltrail.core.errors import EndpointError
from evaltrail.core.request import RequestLimits
from evaltrail.models.endpoint import Endpoint
from evaltrail.models.target import open_model
from mock_endpoint import MockEndpoint
from model_calls import ask_one, question, right, target

LIMITS = RequestLimits(concurrency=8, max_retries=8, timeout_s=5)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """No proxy and no CA but the test's own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_nothing_there_is_told_within_seconds(host):
    """A few tries, then one error that names the URL."""
    url = f"http://{host}:{free_port()}/v1"
    began = monotonic()
    with pytest.raises(EndpointError) as caught:
        ask_one(url, limits=LIMITS)
    assert (caught.value.code, caught.value.where) == ("unreachable", url)
    assert monotonic() - began < 20


def test_a_server_that_dies_and_comes_back_costs_no_answer():
    """Connections that fail after a success are waited out."""
    with MockEndpoint(latency_ms=20) as mock:

        async def run():
            found, half_way = {}, asyncio.Event()
            todo = iter(range(200))
            async with Endpoint(target(mock.url), generation={}, limits=LIMITS) as model:

                async def work():
                    for number in todo:
                        found[number] = (await model.ask(question(number))).text
                        if len(found) == 50:
                            half_way.set()

                async def crash():
                    await half_way.wait()
                    await asyncio.to_thread(mock.stop)
                    await asyncio.sleep(0.5)
                    await asyncio.to_thread(mock.start)

                async with asyncio.TaskGroup() as group:
                    group.create_task(crash())
                    for _ in range(8):
                        group.create_task(work())
            return found

        assert asyncio.run(run()) == {n: right(n) for n in range(200)}


def test_a_server_that_stays_away_ends_the_run():
    """After the outage time, with a word on how to go on."""
    with MockEndpoint() as mock:

        async def run():
            async with Endpoint(target(mock.url), generation={}, limits=LIMITS, outage_s=0.5) as model:
                assert (await model.ask(question(1))).text == right(1)
                await asyncio.to_thread(mock.stop)
                await model.ask(question(2))

        with pytest.raises(EndpointError) as caught:
            asyncio.run(run())
        assert caught.value.code == "endpoint_gone"
        assert "continues" in caught.value.hint


def test_a_cancelled_question_leaves_nothing_behind():
    """Its slot, the only one, is free again and its connection is not used for the next."""
    with MockEndpoint(phang=1) as mock:

        async def run():
            async with Endpoint(target(mock.url), generation={}, limits=RequestLimits(concurrency=1)) as model:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await model.ask(question(1))
                await asyncio.to_thread(mock.configure, phang=0)
                return await model.ask(question(2))

        assert asyncio.run(run()).text == right(2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return str(cert), str(key)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_custom_ca_is_trusted(certificate, variable, monkeypatch):
    """As both usual variables name it."""
    monkeypatch.setenv(variable, certificate[0])
    with MockEndpoint(cert=certificate[0], cert_key=certificate[1]) as mock:
        assert mock.url.startswith("https://")
        assert ask_one(mock.url, question(2)).text == right(2)


def test_an_unknown_ca_is_refused(certificate):
    """The key never goes to a server that cannot prove who it is."""
    secure = MockEndpoint(cert=certificate[0], cert_key=certificate[1])
    with secure as mock, pytest.raises(EndpointError, match="CERTIFICATE_VERIFY_FAILED"):
        ask_one(mock.url)


class Proxy:
    """An HTTP proxy that joins two sockets and notes the first line of each request."""

    def __enter__(self):
        self.lines = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._join(client)

    def _join(self, client):
        head = client.recv(65536)
        self.lines.append(head.split(b"\r\n")[0].decode())
        method, place = head.split(b" ")[:2]
        host, port = place.removeprefix(b"http://").split(b"/")[0].decode().split(":")
        with client, socket.create_connection((host, int(port))) as server:
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                server.sendall(head)
            pumps = [threading.Thread(target=self._pump, args=ends) for ends in ((client, server), (server, client))]
            for pump in pumps:
                pump.start()
            for pump in pumps:
                pump.join()

    @staticmethod
    def _pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


def test_plain_requests_go_through_a_proxy_in_absolute_form(monkeypatch):
    """HTTP_PROXY is honoured."""
    with MockEndpoint() as mock, Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert ask_one(mock.url, question(3)).text == right(3)
        assert proxy.lines == [f"POST {mock.url}/chat/completions HTTP/1.1"]


def test_tls_goes_through_a_tunnel(certificate, monkeypatch):
    """HTTPS_PROXY is asked to connect; it never sees the request."""
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    with MockEndpoint(cert=certificate[0], cert_key=certificate[1]) as mock, Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert ask_one(mock.url, question(3)).text == right(3)
        assert proxy.lines == [f"CONNECT 127.0.0.1:{mock.port} HTTP/1.1"]


def test_no_proxy_goes_straight(monkeypatch):
    """NO_PROXY is honoured."""
    with MockEndpoint() as mock:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert ask_one(mock.url, question(3)).text == right(3)


def test_the_environment_is_the_callers():
    """Proxies are read from the mapping that is given, not from the process."""
    with MockEndpoint() as mock, Proxy() as proxy:

        async def run():
            environ = {"HTTP_PROXY": proxy.url}
            async with open_model(target(mock.url), generation={}, limits=LIMITS, environ=environ) as model:
                return await model.ask(question(3))

        assert asyncio.run(run()).text == right(3)
        assert proxy.lines == [f"POST {mock.url}/chat/completions HTTP/1.1"]
