"""Option values as Airflow renders them -> values of the types that the engine's fields have."""

from __future__ import annotations

from typing import Any

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.options.texts import read_option_text


def read_rendered(option: str, value: Any, options_type: type = CopyToOptions) -> Any:
    """``value`` for the field ``option`` of ``options_type``; anything but a text is left as it is."""
    return read_option_text(option, value, options_type) if isinstance(value, str) else value


def read_flag(option: str, value: Any) -> bool:
    """``value`` of an argument that is no option of the engine: True, False, or their text.

    Raises:
        OptionError: anything else.
    """
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise OptionError(f"{option}={value!r}: expected True or False", option=option)
    return text == "true"
