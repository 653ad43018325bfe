"""How long to wait between two tries of a request that the cluster could not serve: the same for reads and writes."""

from __future__ import annotations

from tenacity import wait_exponential, wait_random

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

# The random part keeps requests that failed together from coming back together.
RETRY_PAUSE = wait_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS) + wait_random(
    0, FIRST_PAUSE_SECONDS
)
