"""Drops a window: a publication of nothing, after which the window is as if it had never been published.

It goes through the run key's log as every publication does, so an attempt that runs meanwhile and this one cannot both
succeed, and what a kill leaves is removed by dropping again or by the next publication of the window.
"""

from __future__ import annotations

from airflow_provider_cqlai.engine.errors import CqlaiError, PublishError
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog, EntryKind
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt
from airflow_provider_cqlai.engine.files.publish.leftovers import remove_dropped, remove_leftovers


def drop_run_key(dataset_log: DatasetLog, run_key: RunKey, source: Source) -> None:
    """Take the rows of ``run_key`` out of the dataset and remove their files.

    Raises:
        SupersededError: somebody publishes or drops the same run key, and started later.
        PublishError: it is not published any more.
    """
    log = dataset_log.run_key_log(run_key)

    def check() -> None:
        publication = log.last_publication(source)
        if publication is None or publication.manifest is None:
            raise PublishError(f"{dataset_log.storage.describe(dataset_log.root)}: {run_key} is not published any more")

    attempt = Attempt.start(log, source, check)
    try:
        # First what it replaced is buried: with the commit that ended them gone, smaller windows would come back.
        remove_leftovers(dataset_log, log, attempt, source)
        mark = attempt.drop()
    except CqlaiError:
        attempt.end(next_part_number=attempt.first_part_number)
        raise
    remove_dropped(dataset_log, log, mark)


def remove_what_a_kill_left(dataset_log: DatasetLog, run_key: RunKey, source: Source) -> None:
    """Files of a run key that was dropped by somebody who was killed before they were gone."""
    log = dataset_log.run_key_log(run_key)
    publication = log.last_publication(source)
    if publication is not None and publication.kind is EntryKind.REPLACED and log.numbers() != [publication.number]:
        remove_dropped(dataset_log, log, publication)
