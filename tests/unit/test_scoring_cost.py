"""cost: USD from tokens."""

from __future__ import annotations

import math

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample, Usage
from evaltrail.scoring.aggregate import Aggregator
from evaltrail.scoring.apply import score_into
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.speed import Cost

PRICES = {"input_per_million": 0.15, "output_per_million": 0.6}


def sample(index, *tokens):
    return Sample(
        id=str(index), index=index, output="x", usage=Usage(prompt_tokens=tokens[0], completion_tokens=tokens[1])
    )


def figures(samples):
    metric = Cost(**PRICES)
    aggregator = Aggregator([metric])
    for each in samples:
        score_into(each, [metric], each.scores)
        aggregator.add(each)
    return {value.name: value for value in aggregator.metrics()}, aggregator.counts()


def test_a_sample_costs_what_its_tokens_cost():
    """Prompt and answer have a price each, in USD for a million tokens."""
    (metric,) = make_metrics([{"cost": PRICES}])
    assert metric.score(sample(0, 1_000_000, 0)).value == 0.15
    assert metric.score(sample(0, 0, 1_000_000)).value == 0.6
    assert metric.score(sample(0, 1000, 500)).value == pytest.approx(0.00045, rel=1e-12)
    assert Cost(input_per_million=0, output_per_million=0).score(sample(0, 5, 5)).value == 0.0
    assert (metric.unit, metric.better, metric.is_grade) == ("USD", "lower", False)


def test_the_total_stands_beside_the_mean():
    """cost_total adds up what is known, and says how many samples are missing in it."""
    made, counts = figures([sample(0, 1000, 500), sample(1, 3000, 500), sample(2, 10, None)])
    assert made["cost"].value == pytest.approx(0.0006)
    total = made["cost_total"]
    assert (total.value, total.n, total.unit) == (pytest.approx(0.0012), 2, "USD")
    assert total.unscored == made["cost"].unscored == {"no_usage": 1}
    assert counts.scored == 3
    assert figures([sample(0, None, 1)])[0]["cost_total"].value is None


@pytest.mark.parametrize(
    "prices",
    [{}, {"input_per_million": 1.0}, {**PRICES, "output_per_million": -1.0}, {**PRICES, "input_per_million": math.inf}],
)
def test_a_price_that_is_none_is_bad_input(prices):
    """Both prices are asked for before anything is run."""
    with pytest.raises(InputError, match="per_million"):
        make_metrics([{"cost": prices}])
