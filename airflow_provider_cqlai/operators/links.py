"""The button on a task that leads to the dataset that it published or imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from airflow_provider_cqlai.airflow_compat import BaseOperatorLink, XCom
from airflow_provider_cqlai.engine.options.values.file_formats import is_named_as_file

if TYPE_CHECKING:
    from airflow_provider_cqlai.airflow_compat import BaseOperator, TaskInstanceKey


class DatasetLink(BaseOperatorLink):
    """Leads to the dataset in its store's console where it has one, else to its URI.

    Airflow's pages make buttons of http addresses only: of any other 3.x shows none and 2.11 a disabled one.
    """

    name = "Dataset"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address, empty while nothing is published.

        Airflow 3 asks once, in the task's own process after `execute`, where the operator knows; 2.11 asks whenever the
        page is shown, of an operator that it read from its database.
        """
        if hasattr(operator, "dataset_path"):
            path = operator.dataset_path
        else:
            # The key of what `execute` returns; 2.11 and 3.x keep its constant in different places.
            path = _find_path(XCom.get_value(ti_key=ti_key, key="return_value"))
        return dataset_url(path) if path else ""


def _find_path(result: Any) -> str | None:
    """The first path in what an operator returned: its own, a file that it imported, one of a script's statements."""
    if not isinstance(result, dict):
        return None
    parts = [result, *(result.get("files") or ()), *(result.get("statements") or ())]
    return next((part["path"] for part in parts if part.get("path")), None)


def dataset_url(path: str) -> str:
    """Where a browser finds ``path``: ``s3://bucket/key`` in the S3 console, ``/data/events`` as ``file://``."""
    parts: Any = urlsplit(path)
    key = parts.path.strip("/")
    if parts.scheme in ("s3", "s3a", "s3n"):
        page, prefix = ("object", key) if is_named_as_file(parts.path) else ("buckets", f"{key}/")
        return f"https://s3.console.aws.amazon.com/s3/{page}/{quote(parts.netloc)}?{urlencode({'prefix': prefix})}"
    if parts.scheme in ("gs", "gcs"):
        return f"https://console.cloud.google.com/storage/browser/{quote(parts.netloc)}/{quote(key)}"
    return path if parts.scheme else f"file://{quote(path)}"
