"""A folder of configuration files that a test writes, composes and reads."""

from pathlib import Path

from evaltrail.config.composition.compose import Composed, compose
from evaltrail.config.composition.configuration import read_run_config
from evaltrail.core.errors import InputError, PartialError
from evaltrail.core.run_config import RunConfig

ENDPOINT = """\
target:
  api_endpoint:
    url: http://127.0.0.1:8000/v1/chat/completions
    model_id: m
"""
LEAST = ENDPOINT + "evaluation:\n  tasks: [simple_evals.mmlu]\n"
"""As little as a run configuration may say."""


class ConfigurationFiles:
    """The folder; ``config.yaml`` is where composing begins.

    Args:
        folder: an empty one.
        texts: path below the folder to what the file says.
    """

    def __init__(self, folder: Path, texts: dict[str, str]) -> None:
        self.folder = folder
        for name, text in texts.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")

    def compose(self, *overrides: str, environ: dict[str, str] | None = None, name: str = "config") -> Composed:
        return compose([self.folder], name, overrides, environ or {})

    def read(self, *overrides: str, tasks: tuple[str, ...] = (), environ: dict[str, str] | None = None) -> RunConfig:
        return read_run_config(self.compose(*overrides, environ=environ), tasks=tasks, cwd=self.folder)

    def problems(
        self, *overrides: str, tasks: tuple[str, ...] = (), environ: dict[str, str] | None = None
    ) -> list[str]:
        """What is wrong, one line each, with places as ``config.yaml:3``."""
        try:
            self.read(*overrides, tasks=tasks, environ=environ)
        except PartialError as error:
            return [self._line(one) for one in error.errors]
        except InputError as error:
            return [self._line(error)]
        return []

    def _line(self, error: Exception) -> str:
        return str(error).replace(f"{self.folder}/", "")


def one_file(folder: Path, text: str) -> ConfigurationFiles:
    """A folder with nothing but ``config.yaml``."""
    return ConfigurationFiles(folder, {"config.yaml": text})
