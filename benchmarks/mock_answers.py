"""The bytes the mock server answers with: deterministic texts in every form an OpenAI-compatible endpoint knows."""

import gzip
import json
import re
import zlib

ITEM = re.compile(rb"Item (\d+): What is (\d+) \+ (\d+)")
TOKEN = re.compile(r"\s?\S+|\s+")


def head(status, reason, length, extra=b"", ctype=b"application/json"):
    size = b"Content-Length: %d\r\n" % length if length >= 0 else b"Transfer-Encoding: chunked\r\n"
    return b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%s%sConnection: keep-alive\r\n\r\n" % (
        status,
        reason,
        ctype,
        size,
        extra,
    )


def respond(k, body, *, status=200, reason=b"OK", extra=b"", ctype=b"application/json"):
    if k["compress"]:
        extra += b"Content-Encoding: %s\r\n" % k["compress"].encode()
        body = gzip.compress(body) if k["compress"] == "gzip" else zlib.compress(body)
    if not k["chunked"]:
        return head(status, reason, len(body), extra, ctype) + body
    pieces = [body[i : i + k["chunked"]] for i in range(0, len(body), k["chunked"])]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head(status, reason, -1, extra, ctype) + chunks + b"0\r\n\r\n"


def js(obj, status=200, reason=b"OK", extra=b""):
    b = json.dumps(obj).encode()
    return head(status, reason, len(b), extra) + b


def answer(body):
    """(key of the prompt, text of its answer)."""
    m = None
    for m in ITEM.finditer(body):  # noqa: B007 - the last item in the prompt is the one asked
        pass
    if m is None:
        return b"k%d" % zlib.crc32(body), b"42"
    n, a, b = int(m[1]), int(m[2]), int(m[3])
    return b"i%d" % n, b"%d" % (a + b + (1 if n % 10 == 7 else 0))


USAGE = b'"usage":{"prompt_tokens":24,"completion_tokens":3,"total_tokens":27}}'


def message(k, text):
    if k["raw_content"]:
        content = k["raw_content"].encode()
    elif text is None or k["tool_calls"]:
        content = b"null"
    else:
        think = f"<think>{k['think']}</think>" if k["think"] else ""
        content = json.dumps(think + text.decode() + "x" * (k["huge_mb"] << 20)).encode()
    extra = b',"reasoning_content":' + json.dumps(k["reasoning"]).encode() if k["reasoning"] else b""
    extra += b',"tool_calls":[{"id":"c1","type":"function"}]' if k["tool_calls"] else b""
    return b'"content":' + content + extra


def chat(k, text):
    return respond(
        k,
        b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,'
        b'"message":{"role":"assistant",' + message(k, text) + b'},"finish_reason":"' + k["finish"].encode() + b'",'
        b'"logprobs":null}],' + USAGE,
    )


def stream(k, text):
    base = b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"mock","choices":['
    events = (
        base + b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
        base + b'{"index":0,"delta":{' + message(k, text) + b'},"finish_reason":null}]}',
        base + b'{"index":0,"delta":{},"finish_reason":"' + k["finish"].encode() + b'"}],' + USAGE,
        b"[DONE]",
    )
    return respond(k, b"".join(b"data: %s\n\n" % e for e in events), ctype=b"text/event-stream")


def embeddings(k, body):
    texts = json.loads(body).get("input", "")
    texts = texts if isinstance(texts, list) else [texts]
    data = [
        {
            "object": "embedding",
            "index": i,
            "embedding": [(zlib.crc32(f"{t}{j}".encode()) % 1000) / 1000 for j in range(8)],
        }
        for i, t in enumerate(texts)
    ]
    usage = {"prompt_tokens": 24 * len(texts), "total_tokens": 24 * len(texts)}
    return respond(k, json.dumps({"object": "list", "model": "mock", "data": data, "usage": usage}).encode())


def completions(k, body, fault):
    req = json.loads(body)
    p = req.get("prompt", "")
    prompts = [p] if isinstance(p, str) or (p and isinstance(p[0], int)) else p
    wanted = req.get("logprobs") is not None and not k["no_logprobs"]
    choices = []
    for i, q in enumerate(prompts):
        qs = q if isinstance(q, str) else " ".join(map(str, q))
        t = {"empty": "", "null": None}.get(fault, answer(qs.encode())[1].decode())
        tokens = TOKEN.findall(qs) if req.get("echo") else []
        tokens += [t] if req.get("max_tokens", 16) and t is not None else []
        c = {"index": i, "text": None if t is None else "".join(tokens), "finish_reason": k["finish"], "logprobs": None}
        if wanted:
            c["logprobs"] = logprobs(tokens, first_known=not req.get("echo"))
        choices.append(c)
    n = len(choices)
    usage = {"prompt_tokens": 24 * n, "completion_tokens": 3 * n, "total_tokens": 27 * n}
    return respond(
        k,
        json.dumps(
            {"id": "cmpl-1", "object": "text_completion", "model": "mock", "choices": choices, "usage": usage}
        ).encode(),
    )


def logprobs(tokens, *, first_known):
    values = [-0.1 - (zlib.crc32(x.strip().encode()) % 100) / 100 for x in tokens]
    if values and not first_known:
        values[0] = None
    offsets = [sum(map(len, tokens[:j])) for j in range(len(tokens))]
    top = [None if v is None else {x: v} for x, v in zip(tokens, values, strict=True)]
    return {"tokens": tokens, "token_logprobs": values, "text_offset": offsets, "top_logprobs": top}
