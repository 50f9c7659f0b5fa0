"""evaltrail: LLM evaluations that land in MLflow complete, once and comparable."""
