"""Fixtures that every kind of test may ask for."""

from mlflow_server import mlflow_url

__all__ = ["mlflow_url"]
