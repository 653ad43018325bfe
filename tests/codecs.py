"""Which of the two row codecs a test runs on.

Tests that ask for the fixture ``codec`` run on the codec in use, the native one where it is built. Where the twins can
differ (types, random tables, the codecs' own tests) the mark ``twin_codecs`` has them run on both; ``--both-codecs``,
which ``make test-full`` gives, does so everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--both-codecs``."""
    parser.addoption("--both-codecs", action="store_true", help="run every test of a codec on both of them")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One or both codecs for a test that asks for one."""
    from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name

    is_chosen = any("codec" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "codec" not in metafunc.fixturenames or is_chosen:
        return
    is_twin = metafunc.definition.get_closest_marker("twin_codecs") is not None
    names = ["python", "native"] if is_twin or metafunc.config.getoption("both_codecs") else [codec_name()]
    metafunc.parametrize("codec", names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def codec(request: pytest.FixtureRequest) -> Iterator[str]:
    """The codec that the test runs on; fixtures that read with it must ask for it as well."""
    from airflow_provider_cqlai.engine.cassandra.codec.decoder import CODEC_VARIABLE, has_native_codec

    if request.param == "native" and not has_native_codec():
        pytest.skip("the native codec is not built: no cargo here")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(CODEC_VARIABLE, request.param)
        yield request.param
