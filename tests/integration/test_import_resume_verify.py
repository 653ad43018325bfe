"""A second try of an import that reads back what it wrote: what the first try wrote is read back, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import VerificationError
from tests.integration.test_import_resume import FILE_ROWS, FILES, GROUP_ROWS, Import, budget


@pytest.fixture
def files(session: Session, keyspace: str, tmp_path: Path) -> Import:
    return Import(session, f"{keyspace}.t", tmp_path)


@pytest.mark.parametrize("verify", ["sample", "all"])
def test_what_an_earlier_try_wrote_is_read_back_as_well(files: Import, verify: str) -> None:
    files.write_file(0, bad_rows=[5])
    files.fail(**budget(files, 1))
    result = files.run(**budget(files, 2), verify=verify)
    assert (result.rejected_rows, result.resumed_rows) == (2, 8 * GROUP_ROWS - 1)
    assert result.verification is not None
    assert result.verification.rows_checked == FILES * FILE_ROWS - 2


def test_a_row_of_an_earlier_try_that_was_lost_since_is_told_by_verify(files: Import) -> None:
    files.fail(**budget(files, 0))
    files.session.execute(f"DELETE FROM {files.table} WHERE k = {GROUP_ROWS + 1}")
    with pytest.raises(VerificationError, match=str(GROUP_ROWS + 1)):
        files.run(**budget(files, 1), verify="all")
