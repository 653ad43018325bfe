"""How the rows of a page are chosen from the bytes that were seen."""

from airflow_provider_cqlai.engine.cassandra.read.page_sizer import FIRST_PAGE_ROWS, PageSizer


def test_small_rows_reach_the_full_page_size_after_a_few_pages() -> None:
    sizer = PageSizer(page_rows=5_000, page_bytes=4_000_000)
    sizes = []
    for _ in range(7):
        sizes.append(sizer.next_rows())
        sizer.record(sizes[-1], sizes[-1] * 100)
    assert sizes == [1, 8, 64, 512, 4_096, 5_000, 5_000]


def test_rows_of_100_kilobytes_never_make_a_page_above_its_bound() -> None:
    sizer = PageSizer(page_rows=5_000, page_bytes=4_000_000)
    for _ in range(20):
        rows = sizer.next_rows()
        assert rows * 100_000 <= 4_000_000
        sizer.record(rows, rows * 100_000)
    assert sizer.next_rows() == 40


def test_large_rows_shrink_the_page_at_once_and_small_rows_win_it_back_slowly() -> None:
    sizer = PageSizer(page_rows=5_000, page_bytes=4_000_000)
    for _ in range(6):
        sizer.record(sizer.next_rows(), sizer.next_rows() * 100)
    assert sizer.next_rows() == 5_000
    sizer.record(10, 10 * 100_000)
    assert sizer.next_rows() == 40
    sizer.record(40, 40 * 100)
    assert 40 < sizer.next_rows() < 100


def test_a_row_larger_than_the_bound_is_still_read() -> None:
    sizer = PageSizer(page_rows=5_000, page_bytes=1_000)
    sizer.record(1, 50_000)
    assert sizer.next_rows() == 1


def test_an_empty_page_teaches_nothing() -> None:
    sizer = PageSizer(page_rows=5_000, page_bytes=1_000_000)
    sizer.record(0, 0)
    assert sizer.next_rows() == FIRST_PAGE_ROWS


def test_the_page_size_asked_for_is_an_upper_bound_from_the_first_page_on() -> None:
    sizer = PageSizer(page_rows=10, page_bytes=1_000_000)
    for _ in range(5):
        assert sizer.next_rows() <= 10
        sizer.record(sizer.next_rows(), sizer.next_rows() * 10)
    assert sizer.next_rows() == 10


def test_a_page_that_was_too_heavy_is_remembered_and_its_size_grows_back_slowly() -> None:
    sizer = PageSizer(page_rows=4_000, page_bytes=1_000_000_000)
    for _ in range(6):
        sizer.record(sizer.next_rows(), 100)
    assert sizer.next_rows() == 4_000
    sizer.shrink(4_000)
    sizer.shrink(4_000)
    assert sizer.next_rows() == 2_000
    sizer.shrink(2_000)
    sizes = []
    for _ in range(60):
        sizes.append(sizer.next_rows())
        sizer.record(sizes[-1], 100)
    assert sizes[0] == 1_000
    assert sizes[1] < 1_100
    assert sizes[-1] == 4_000


def test_what_guardrails_refuse_stays_refused() -> None:
    sizer = PageSizer(page_rows=4_000, page_bytes=1_000_000_000)
    sizer.limit(500)
    for _ in range(100):
        assert sizer.next_rows() <= 500
        sizer.record(sizer.next_rows(), 100)
    assert sizer.next_rows() == 500


def test_the_pages_of_an_aggregate_keep_their_size() -> None:
    sizer = PageSizer(page_rows=4_000, page_bytes=1, is_fixed=True)
    assert sizer.next_rows() == 4_000
    sizer.record(1, 1_000_000)
    sizer.shrink(4_000)
    assert sizer.next_rows() == 4_000
    assert PageSizer(page_rows=0, page_bytes=1).next_rows() == 0
