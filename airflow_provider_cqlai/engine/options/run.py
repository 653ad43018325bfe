"""What every verb takes about its run: `RunOptions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import check_at_least, check_text


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a verb behaves while it runs."""

    progress_interval_seconds: float = 30.0
    """Seconds between two progress lines in the log."""

    storage_timeout_seconds: float = 60.0
    """Seconds until a request to an object store, or each 8 MiB of one, counts as failed, which ends the try; ten times
    as many for a listing, a move and the completion of an upload. The client library's own tries are within them."""

    aws_profile: str | None = None
    """A profile of the worker's AWS configuration, with whose credentials S3 paths are opened that name no Airflow
    connection; None is that of the environment (``AWS_PROFILE``)."""

    def __post_init__(self) -> None:
        if self.aws_profile is not None:
            check_text("aws_profile", self.aws_profile)
            path: Any = getattr(self, "path", ())
            paths = [path] if isinstance(path, str) else list(path)
            if not any(str(each).lower().startswith(("s3://", "s3a://")) for each in paths):
                raise OptionError(
                    f"aws_profile={self.aws_profile!r} is about S3, and path={path!r} is not there",
                    option="aws_profile",
                )
        check_at_least("progress_interval_seconds", self.progress_interval_seconds, 0.01)
        check_at_least("storage_timeout_seconds", self.storage_timeout_seconds, 0.1)
