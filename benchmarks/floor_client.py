#!/usr/bin/env python3
"""The least work an evaluation of a JSONL data set can be: one chat completion an item, exact match, one JSONL row out.

    python floor_client.py --data items.jsonl --base-url http://127.0.0.1:7500/v1 --concurrency 64

--client raw      own HTTP/1.1 client on asyncio.Protocol + httptools, one connection a worker: the floor
         aiohttp  a general client for comparison (must be installed)
Prints one JSON line: client, loop, n, wall, rps, cpu, rss, accuracy.
"""

import argparse
import asyncio
import importlib
import json
import resource
import time
from pathlib import Path
from urllib.parse import urlsplit

import httptools


def codec(name):
    if name == "json":
        return (lambda o: json.dumps(o).encode()), json.loads
    if name == "msgspec":
        module = importlib.import_module("msgspec.json")
        return module.Encoder().encode, module.Decoder().decode
    module = importlib.import_module("orjson")
    return module.dumps, module.loads


class RawConn(asyncio.Protocol):
    """One keep-alive connection, one request in flight."""

    def __init__(self):
        self.t = self.fut = None

    def connection_made(self, t):
        """Keep the transport."""
        self.t = t

    def connection_lost(self, exc):
        """Fail the call under way."""
        self.t = None
        if self.fut and not self.fut.done():
            self.fut.set_exception(exc or ConnectionResetError("closed"))

    def data_received(self, d):
        """Feed the parser."""
        self.p.feed_data(d)

    def on_body(self, b):
        """Collect the body."""
        self.body.append(b)

    def on_message_complete(self):
        """End the call."""
        if not self.fut.done():
            self.fut.set_result(self.p.get_status_code())

    async def call(self, data):
        """(status, body) of one request."""
        self.p, self.body = httptools.HttpResponseParser(self), []
        self.fut = asyncio.get_running_loop().create_future()
        self.t.write(data)
        status = await self.fut
        return status, b"".join(self.body)


def raw_client(url, dumps):
    u = urlsplit(url)
    conns = {}
    pre = (
        f"POST {u.path} HTTP/1.1\r\nHost: {u.netloc}\r\nAuthorization: Bearer x\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()

    async def post(payload, slot):
        c = conns.get(slot)
        if c is None or c.t is None:
            _, c = await asyncio.get_running_loop().create_connection(RawConn, u.hostname, u.port)
            conns[slot] = c
        b = dumps(payload)
        return await c.call(b"%b%d\r\n\r\n%b" % (pre, len(b), b))

    async def close():
        for c in conns.values():
            if c.t:
                c.t.close()

    return post, close


def aiohttp_client(url, dumps, concurrency):
    aiohttp = importlib.import_module("aiohttp")
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency),
        auto_decompress=False,
        headers={"Authorization": "Bearer x", "Content-Type": "application/json"},
    )

    async def post(payload, _slot):
        async with session.post(url, data=dumps(payload)) as r:
            return r.status, await r.read()

    return post, session.close


async def main(a, items, out):
    dumps, loads = codec(a.codec)
    items = items[: a.limit] if a.limit else items
    url = a.base_url + "/chat/completions"
    post, close = raw_client(url, dumps) if a.client == "raw" else aiohttp_client(url, dumps, a.concurrency)
    it, hits, errs = iter(items), 0, 0
    t0 = time.perf_counter()

    async def worker(slot):
        nonlocal hits, errs
        for x in it:
            messages = [{"role": "user", "content": x["question"]}]
            payload = {"model": "mock", "messages": messages, "temperature": 0, "max_tokens": 16}
            s = time.perf_counter()
            st, body = await post(payload, slot)
            r = loads(body)
            text, tok = r["choices"][0]["message"]["content"], r["usage"]["total_tokens"]
            ok = text.strip() == x["answer"]
            hits += ok
            errs += st != 200
            row = {"id": x["id"], "input": x["question"], "target": x["answer"], "output": text, "score": ok}
            out.write(dumps({**row, "tokens": tok, "latency": time.perf_counter() - s}) + b"\n")

    await asyncio.gather(*(worker(i) for i in range(a.concurrency)))
    wall = time.perf_counter() - t0
    await close()
    ru = resource.getrusage(resource.RUSAGE_SELF)
    cpu, n = ru.ru_utime + ru.ru_stime, len(items)
    row = {"client": a.client, "loop": a.loop, "codec": a.codec, "conc": a.concurrency, "n": n, "wall": round(wall, 3)}
    row |= {"rps": round(n / wall, 1), "cpu": round(cpu, 3), "cpu_per_1k": round(cpu / n * 1000, 4)}
    print(json.dumps({**row, "rss_mb": ru.ru_maxrss // 1024, "acc": hits / n, "errs": errs}))


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--base-url", default="http://127.0.0.1:7500/v1")
    p.add_argument("--concurrency", type=int, default=64)
    p.add_argument("--client", choices=["raw", "aiohttp"], default="raw")
    p.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    p.add_argument("--codec", choices=["msgspec", "orjson", "json"], default="msgspec")
    p.add_argument("--limit", type=int, default=0)
    p.add_argument("--out", default="/dev/null")
    args = p.parse_args()
    run = importlib.import_module("uvloop").run if args.loop == "uvloop" else asyncio.run
    rows = [codec(args.codec)[1](x) for x in Path(args.data).read_bytes().splitlines() if x.strip()]
    with Path(args.out).open("wb", buffering=1 << 16) as sink:
        run(main(args, rows, sink))
