#!/usr/bin/env python3
"""``make_data.py N > items.jsonl``: N short exact-match items that the mock server knows how to answer."""

import json
import sys


def item(i):
    a, b = 100 + i * 7919 % 900, 100 + i * 104729 % 900
    question = f"Item {i}: What is {a} + {b}? Reply with the number only."
    return {"id": f"q{i:06d}", "question": question, "answer": str(a + b)}


if __name__ == "__main__":
    for i in range(int(sys.argv[1])):
        print(json.dumps(item(i)))
