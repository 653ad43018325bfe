"""Every error code of the native protocol, as a server sends it, becomes the error that docs/operations.md names."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path

import pytest
from cassandra import protocol

from airflow_provider_cqlai.engine import errors
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error

OPERATIONS = Path(__file__).parents[5] / "docs" / "operations.md"
WORDS = "words of the server"


def text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()


# What follows the words, by code; level ONE, of two replicas one.
ONE_OF_TWO = struct.pack(">hii", 1, 1, 2)
FAILURES = struct.pack(">i", 1) + b"\x04" + bytes([127, 0, 0, 1]) + struct.pack(">H", 1)
DETAILS = {
    0x1000: ONE_OF_TWO,
    0x1100: ONE_OF_TWO + text("SIMPLE"),
    0x1200: ONE_OF_TWO + b"\x01",
    0x1300: ONE_OF_TWO + FAILURES + b"\x00",
    0x1400: text("ks") + text("f") + struct.pack(">H", 0),
    0x1500: ONE_OF_TWO + FAILURES + text("SIMPLE"),
    0x1700: ONE_OF_TWO,
    0x2400: text("ks") + text("t"),
    0x2500: struct.pack(">H", 2) + b"id",
}
# As the protocol's description lists them, and the driver, which lacks 0x1700 and has one of its own.
CODES = sorted({*protocol.error_classes, 0x1700} - {0x8000})


def documented() -> dict[int, tuple[str, str]]:
    """The error's name and whether it is tried again, by code."""
    rows = re.findall(r"^\| `0x([0-9A-F]{4})` \|[^|]*\|[^|]*\| `(\w+)` \| (yes|no)\b", OPERATIONS.read_text(), re.M)
    return {int(code, 16): (name, is_retried) for code, name, is_retried in rows}


def receive(code: int) -> Exception:
    """What the driver raises for the answer of a server."""
    body = struct.pack(">i", code) + text(WORDS) + DETAILS.get(code, b"")
    message = protocol.ErrorMessage.recv_body(io.BytesIO(body), 5)
    exception: Exception = message.to_exception() if hasattr(message, "to_exception") else message
    return exception


@pytest.mark.parametrize("code", CODES, ids=hex)
def test_code_becomes_the_error_that_is_documented(code: int) -> None:
    exception = receive(code)
    assert isinstance(exception, DRIVER_EXCEPTIONS)
    error = translate_driver_error(exception, "reading ks.events")
    name, is_retried = documented()[code]
    assert type(error) is getattr(errors, name)
    assert error.is_retryable is (is_retried == "yes")
    assert "reading ks.events" in str(error)


def test_documented_codes_are_those_that_there_are() -> None:
    assert sorted(documented()) == CODES
