"""A small harness for NeMo Evaluator that bears the name of a large one: 200 questions of our own, and bad tasks."""
