#!/usr/bin/env python3
"""Fast mock of an OpenAI-compatible server, for measuring and testing evaluation clients.

    python mock_server.py --port 7500 --latency-ms 20 [--p429 .05 --retry-after 1 --p500 .02 ...]

Serves   POST /v1/chat/completions   (also stream=true)
         POST /v1/completions        (prompt str | list[str] | token ids; echo, logprobs)
         POST /v1/embeddings, GET /v1/models, GET /health
Admin    GET  /admin/stats   counters (JSON)
         POST /admin/reset   clear counters
         POST /admin/config  {"p429":0.05,...}  change any knob while running

Answers are deterministic. A prompt holding "Item <n>: What is <a> + <b>?" gets "<a+b>", except that every 10th
item (n % 10 == 7) gets a wrong answer, so a correct client must score exactly 0.9 on a data set of 10*k items.
Faults are a pure function of (prompt key, attempt number), so that every client meets the same faults.
Port 0 takes a free port; the first line printed names the URL. Needs httptools; uses uvloop where installed.
"""

import argparse
import asyncio
import contextlib
import functools
import importlib
import json
import math
import ssl
import time
import zlib
from email.utils import formatdate

import httptools

from mock_answers import answer, chat, completions, embeddings, js, respond, stream

RANDOM = ("p429", "p500", "p503", "pempty", "pnull", "pgarbage", "preset", "pslow", "phang", "p400")
KNOBS = {
    "latency_ms": 20.0,
    "jitter": 0.0,
    **dict.fromkeys(RANDOM, 0.0),
    "retry_after": "1",  # seconds; empty = no header
    "retry_date": 0,  # 1 = Retry-After as an HTTP date
    "reset_requests": "",  # x-ratelimit-reset-requests of a 429, such as 1s or 20ms
    "slow_s": 10.0,
    "fault_attempts": 0,  # random faults only on this many first attempts of a prompt; 0 = on all
    "limit_rps": 0.0,
    "max_inflight": 0,
    "force_status": 0,  # every answer has this status
    "error_code": "",  # "code" of the error body
    "error_message": "injected",
    "require_key": "",  # any other bearer token gets 401
    "chunked": 0,  # bodies in chunks of this many bytes
    "compress": "",  # gzip | deflate
    "huge_mb": 0,  # this many MB of text in each answer
    "reasoning": "",  # reasoning_content
    "think": "",  # <think>...</think> before the text
    "finish": "stop",
    "tool_calls": 0,  # null content with a tool call
    "raw_content": "",  # this JSON instead of the content
    "close_after": 0,  # connection closed without a word after this many answers
    "no_logprobs": 0,
}


class State:
    """Knobs and counters of one server."""

    def __init__(self, knobs):
        self.k = {**KNOBS, **knobs}
        self.reset()

    def reset(self):
        """Clear the counters."""
        self.total = self.ok = self.inflight = self.peak = self.conns = 0
        self.first = self.last = self.last_answer = self.busy_s = 0.0
        self.seen, self.status, self.kind = {}, {}, {}
        self.limited_at, self.waits, self.allowed_at, self.late = {}, [], {}, []
        self.okseen = {}
        self.bucket_t, self.bucket = time.monotonic(), 0.0
        self.bytes_in, self.last_request = 0, {}

    def stats(self):
        """All counters as JSON."""
        return {
            "total": self.total,
            "ok": self.ok,
            "unique": len(self.seen),
            "repeats": self.total - len(self.seen),
            "unique_ok": len(self.okseen),
            "repeats_after_ok": sum(self.okseen.values()) - len(self.okseen),
            "max_attempts": max(self.seen.values(), default=0),
            "peak_inflight": self.peak,
            "connections": self.conns,
            "first": self.first,
            "last": self.last,
            "last_answer": self.last_answer,
            "mean_inflight": self.mean_inflight(),
            "status": self.status,
            "kind": self.kind,
            "bytes_in": self.bytes_in,
            "wait_after_429": spread(self.waits),
            "late_after_429": spread(self.late),
            "last_request": self.last_request,
        }

    def mean_inflight(self):
        """Requests in flight from the first request to the last answer, each moment weighing the same."""
        end = time.time() if self.inflight else self.last_answer
        span = end - self.first
        return (self.busy_s + self.inflight * span) / span if self.first and span > 0 else 0.0

    def admit(self):
        """Whether the rate limit lets one more request in."""
        rate, now = self.k["limit_rps"], time.monotonic()
        self.bucket = min(rate, self.bucket + (now - self.bucket_t) * rate)
        self.bucket_t = now
        if self.bucket >= 1:
            self.bucket -= 1
            return True
        return False

    def fault(self, n, r):
        """The fault of attempt ``n`` of a prompt whose draw is ``r``; empty = none."""
        k = self.k
        if k["force_status"]:
            return str(k["force_status"])
        if k["limit_rps"] and not self.admit():
            return "429"
        if k["max_inflight"] and self.inflight > k["max_inflight"]:
            return "429"
        if not k["fault_attempts"] or n <= k["fault_attempts"]:
            for name in RANDOM:
                if r < k[name]:
                    return name[1:]
                r -= k[name]
        return ""

    def limited(self, key, delay):
        """The headers of a 429, and a note of when the client may come back."""
        k, sent = self.k, time.time() + delay
        self.limited_at[key] = sent
        if k["reset_requests"]:
            return b"x-ratelimit-reset-requests: %s\r\n" % k["reset_requests"].encode()
        if not k["retry_after"]:
            return b""
        self.allowed_at[key] = sent + float(k["retry_after"])
        if k["retry_date"]:
            self.allowed_at[key] = math.ceil(self.allowed_at[key])
            return b"Retry-After: %s\r\n" % formatdate(self.allowed_at[key], usegmt=True).encode()
        return b"Retry-After: %s\r\n" % str(k["retry_after"]).encode()


def spread(values):
    w = sorted(values)
    return {"n": len(w), "min": w[0], "median": w[len(w) // 2], "max": w[-1]} if w else None


class Conn(asyncio.Protocol):
    """One client connection."""

    def __init__(self, state, loop):
        self.s, self.loop, self.t = state, loop, None
        self.p = httptools.HttpRequestParser(self)
        self.url, self.parts, self.headers, self.answers = b"", [], [], 0

    def connection_made(self, t):
        """Count it."""
        self.t = t
        self.s.conns += 1

    def connection_lost(self, _exc):
        """Forget the transport."""
        self.t = None

    def data_received(self, d):
        """Feed the parser."""
        try:
            self.p.feed_data(d)
        except httptools.HttpParserError:
            if self.t:
                self.t.close()

    def on_message_begin(self):
        """Start a request."""
        self.url, self.parts, self.headers = b"", [], []

    def on_url(self, u):
        """Collect the target."""
        self.url += u

    def on_header(self, k, v):
        """Collect a header."""
        self.headers.append((k, v))
        if k.lower() == b"expect" and self.t:
            self.t.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, b):
        """Collect the body."""
        self.parts.append(b)

    def send(self, data, counted=True, close=False):
        """Answer after the latency; perhaps close."""
        if counted:
            s, now = self.s, time.time()
            s.inflight -= 1
            s.last_answer = now
            s.busy_s += now - s.first
            self.answers += 1
        if self.t is None:
            return
        if data:
            self.t.write(data)
        if close:
            self.t.abort()
        elif self.s.k["close_after"] and self.answers >= self.s.k["close_after"] and counted:
            self.t.close()

    def on_message_complete(self):
        """Decide what this request gets."""
        s, url = self.s, self.url.split(b"?")[0]
        body = b"".join(self.parts) if len(self.parts) != 1 else self.parts[0]
        if not url.endswith((b"/completions", b"/embeddings")):
            self.send(self.other(url, body), counted=False)
            return
        now = time.time()
        s.total += 1
        s.bytes_in += len(body)
        s.first, s.last = s.first or now, now
        s.inflight += 1
        s.busy_s -= now - s.first
        s.peak = max(s.peak, s.inflight)
        s.last_request = self
        key, text = answer(body)
        n = s.seen[key] = s.seen.get(key, 0) + 1
        if key in s.limited_at:
            s.waits.append(now - s.limited_at.pop(key))
        if key in s.allowed_at:
            s.late.append(now - s.allowed_at.pop(key))
        r = (zlib.crc32(b"%s/%d" % (key, n)) % 100003) / 100003
        delay = s.k["latency_ms"] / 1000 * (1 + s.k["jitter"] * (2 * r - 1))
        fault = "401" if s.k["require_key"] and not self.has_key() else s.fault(n, r)
        if fault:
            s.kind[fault] = s.kind.get(fault, 0) + 1
        if fault == "hang":
            s.status["hang"] = s.status.get("hang", 0) + 1
            return
        delay = s.k["slow_s"] if fault == "slow" else delay
        data = self.failure(fault, key, delay)
        if data is None:
            data = self.success(url, body, text, fault)
            s.ok += 1
            s.okseen[key] = s.okseen.get(key, 0) + 1
            fault = "200"
        code = {"reset": "0", "garbage": "200"}.get(fault, fault)
        s.status[code] = s.status.get(code, 0) + 1
        if delay > 0:
            self.loop.call_later(delay, functools.partial(self.send, data, close=fault == "reset"))
        else:
            self.send(data, close=fault == "reset")

    def has_key(self):
        """Whether the bearer token is the wanted one."""
        wanted = b"Bearer " + self.s.k["require_key"].encode()
        return any(k.lower() == b"authorization" and v == wanted for k, v in self.headers)

    def failure(self, fault, key, delay):
        """The bytes of a fault; None where the fault is still an answer with status 200."""
        k = self.s.k
        if fault == "reset":
            return b""
        if fault == "garbage":
            return respond(k, b"<html>502 upstream said hello</html>")
        if not fault.isdigit():
            return None
        error = {"message": k["error_message"], "type": "server_error", "code": k["error_code"] or None}
        extra = b""
        if fault == "429":
            extra = self.s.limited(key, delay)
            if not k["error_code"]:
                error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
        elif fault.startswith("3"):
            extra = b"Location: /elsewhere/completions\r\n"
        return js({"error": error}, int(fault), b"Fault", extra)

    def success(self, url, body, text, fault):
        """The bytes of a real answer."""
        k = self.s.k
        if url.endswith(b"/embeddings"):
            return embeddings(k, body)
        if not url.endswith(b"/chat/completions"):
            return completions(k, body, fault)
        out = {"empty": b"", "null": None}.get(fault, text)
        return stream(k, out) if b'"stream":true' in body or b'"stream": true' in body else chat(k, out)

    def other(self, url, body):
        """Admin and side routes."""
        s = self.s
        if url == b"/admin/stats":
            last = s.last_request
            if last:
                headers = {a.decode().lower(): b.decode("latin-1") for a, b in last.headers}
                body = b"".join(last.parts).decode("utf-8", "replace")
                last = {"url": last.url.decode(), "headers": headers, "body": body}
            return js({**s.stats(), "last_request": last})
        if url == b"/admin/reset":
            s.reset()
            return js({"ok": True})
        if url == b"/admin/config":
            s.k.update(json.loads(body))
            return js(s.k)
        if url.endswith(b"/models"):
            return js({"object": "list", "data": [{"id": "mock", "object": "model", "owned_by": "mock"}]})
        if url.endswith(b"/health"):
            return js({"ok": True})
        return js({"error": {"message": "no such path"}}, 404, b"Not Found")


async def main(a):
    loop = asyncio.get_running_loop()
    st = State({k: getattr(a, k) for k in KNOBS})
    tls = None
    if a.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(a.cert, a.cert_key)
    srv = await loop.create_server(lambda: Conn(st, loop), a.host, a.port, backlog=4096, ssl=tls)
    port = srv.sockets[0].getsockname()[1]
    print(f"mock on {'https' if tls else 'http'}://{a.host}:{port}/v1", flush=True)
    await srv.serve_forever()


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--host", default="127.0.0.1")
    ap.add_argument("--port", type=int, default=7500)
    ap.add_argument("--cert", default="", help="serve TLS with this certificate (PEM)")
    ap.add_argument("--cert-key", default="", help="its private key (PEM)")
    for name, default in KNOBS.items():
        ap.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    args = ap.parse_args()
    try:
        run = importlib.import_module("uvloop").run
    except ImportError:
        run = asyncio.run
    with contextlib.suppress(KeyboardInterrupt):
        run(main(args))
