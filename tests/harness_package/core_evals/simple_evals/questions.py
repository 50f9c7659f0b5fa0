"""The 200 questions of this harness, made from a few tables: ``python questions.py > questions.jsonl``.

Every question begins with its number. Three of five ask for a sum, in whatever subject ("Item 8: What is 1789 + 10,
..."), which the tests' endpoint can work out; the others are for real models.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta

STEM, HUMANITIES, SOCIAL, OTHER = "stem", "humanities", "social_sciences", "other"
TURNS = (STEM, HUMANITIES, SOCIAL, OTHER) * 4 + (STEM, HUMANITIES, STEM, STEM)
ROUNDS = 10
CAPITALS = {
    "Kenya": "Nairobi",
    "Portugal": "Lisbon",
    "Peru": "Lima",
    "Norway": "Oslo",
    "Vietnam": "Hanoi",
    "Ghana": "Accra",
    "Austria": "Vienna",
    "Chile": "Santiago",
    "Thailand": "Bangkok",
    "Egypt": "Cairo",
    "Poland": "Warsaw",
    "Cuba": "Havana",
    "Greece": "Athens",
    "Nepal": "Kathmandu",
    "Finland": "Helsinki",
    "Uruguay": "Montevideo",
    "Morocco": "Rabat",
    "Ireland": "Dublin",
    "Mongolia": "Ulaanbaatar",
    "Jordan": "Amman",
}
EVENTS = (
    ("the storming of the Bastille", 1789),
    ("the first landing of people on the Moon", 1969),
    ("the fall of the Berlin Wall", 1989),
    ("the sinking of the Titanic", 1912),
    ("the battle of Hastings", 1066),
    ("the battle of Waterloo", 1815),
    ("the great fire of London", 1666),
    ("the opening of the Suez Canal", 1869),
    ("the peace of Westphalia", 1648),
    ("the first voyage of Columbus", 1492),
)
UNITS = (
    ("minutes", "an hour", 60),
    ("hours", "a day", 24),
    ("days", "a week", 7),
    ("months", "a year", 12),
    ("degrees", "a right angle", 90),
    ("millimetres", "a centimetre", 10),
    ("seconds", "a minute", 60),
    ("items", "a dozen", 12),
    ("sheets", "a ream of paper", 500),
    ("years", "a century", 100),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def sum_of(group: str, place: int, draw: random.Random) -> tuple[int, int, str]:
    """Two numbers, and what their sum is about."""
    if group == STEM:
        return draw.randint(10, 400), draw.randint(10, 400), ""
    if group == HUMANITIES:
        event, year = EVENTS[place % len(EVENTS)]
        return year, 10 * (1 + place // len(EVENTS)), f", the year of an anniversary of {event}"
    if group == SOCIAL:
        first, second = 5 * draw.randint(10, 90), 5 * draw.randint(2, 40)
        return first, second, f", the price of bread in cents that cost {first} and rises by {second}"
    unit, whole, size = UNITS[place % len(UNITS)]
    more = draw.randint(3, 40)
    return size, more, f", the {unit} in {whole} and {more} more"


def other_of(group: str, place: int, draw: random.Random) -> tuple[str, str, list[str]]:
    """A question, its answer, and wrong answers."""
    if group == STEM:
        step, first = draw.randint(2, 9), draw.randint(1, 30)
        row = [first + step * index for index in range(5)]
        shown = ", ".join(map(str, row[:4]))
        return f"Which number comes next: {shown}?", str(row[4]), [str(row[4] + by) for by in (-step, 1, step)]
    if group == HUMANITIES:
        event, year = EVENTS[place % len(EVENTS)]
        if place < len(EVENTS):
            others = [f"{other}" for other in {year - 100, year + 13, year - 31}]
            return f"Which year was that of {event}?", str(year), sorted(others)
        century = year // 100 + 1
        wrong = [f"the {century - by}th" for by in (1, 2, 3)]
        return f"Which century was that of {event}?", f"the {century}th", wrong
    if group == SOCIAL:
        land = list(CAPITALS)[place]
        wrong = draw.sample(sorted(set(CAPITALS.values()) - {CAPITALS[land]}), 3)
        return f"Which city is the capital of {land}?", CAPITALS[land], wrong
    begin, days = date(2024, 1, 1) + timedelta(days=draw.randint(0, 360)), draw.randint(8, 90)
    right = (begin.weekday() + days) % 7
    wrong = [WEEKDAYS[(right + by) % 7] for by in (1, 3, 5)]
    return f"If today is a {WEEKDAYS[begin.weekday()]}, which day is it in {days} days?", WEEKDAYS[right], wrong


def make() -> Iterator[dict[str, object]]:
    """All questions: the groups take turns, so that the first of them are of all groups."""
    draw = random.Random(20251219)
    places = dict.fromkeys(TURNS, 0)
    for number, name in enumerate(TURNS * ROUNDS):
        turn, kind = divmod(places[name], 5)
        places[name] += 1
        if kind < 3:
            first, second, about = sum_of(name, 3 * turn + kind, draw)
            right = first + second
            text = f"What is {first} + {second}{about}?"
            answer, wrong = str(right), [str(right + by) for by in draw.sample((-10, -2, 1, 2, 3, 10, 20), 3)]
        else:
            text, answer, wrong = other_of(name, 2 * turn + kind - 3, draw)
        options = [answer, *wrong]
        draw.shuffle(options)
        yield {
            "id": number,
            "group": name,
            "question": f"Item {number}: {text}",
            "options": options,
            "answer": "ABCD"[options.index(answer)],
        }


if __name__ == "__main__":
    for question in make():
        print(json.dumps(question))
