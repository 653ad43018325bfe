"""The tables and files that the DAGs of ``dags_examples`` read, with their rows, and those that they fill."""

from __future__ import annotations

import uuid
from pathlib import Path

import pandas as pd
from cassandra.cluster import Session

CUSTOMERS = [uuid.UUID(int=number) for number in range(1, 201)]
TABLES = (
    "CREATE TABLE restored_events (device text, day date, event_id timeuuid, kind text, amount decimal,"
    " PRIMARY KEY ((device, day), event_id))",
    "CREATE TABLE customers (id uuid PRIMARY KEY, name text)",
    "CREATE TABLE readings (device text, at timestamp, degrees double, PRIMARY KEY (device, at))",
    "CREATE TABLE orders (customer text, placed timestamp, order_id int, status text, total decimal, note text,"
    " PRIMARY KEY ((customer), placed, order_id))",
    "CREATE TABLE members (country text, status text, id int, PRIMARY KEY ((country, status), id))",
    "CREATE TABLE embeddings (id int PRIMARY KEY, content text, embedding vector<float, 3>)",
    "CREATE TABLE measurements (country text, station text, at timestamp, degrees double,"
    " PRIMARY KEY ((country, station), at))",
    "CREATE TABLE user_events (user_id uuid, event_time timestamp, event_type text, properties map<text, text>,"
    " vector list<float>, PRIMARY KEY (user_id, event_time)) WITH CLUSTERING ORDER BY (event_time DESC)",
)
# In the keyspaces of both clusters of the migration.
ACCOUNTS = "CREATE TABLE accounts (id int PRIMARY KEY, name text, email text, tags set<text>)"


def create_accounts(session: Session, keyspace: str, new_keyspace: str) -> None:
    for name in (keyspace, new_keyspace):
        session.execute(ACCOUNTS.replace("TABLE ", f"TABLE {name}.", 1))
    for number in range(300):
        session.execute(
            f"INSERT INTO {keyspace}.accounts (id, name, email, tags) VALUES (%s, %s, %s, %s)"
            f" USING TTL {86_400 if number % 3 else 0}",
            (number, f"name {number}", None if number % 5 else "", {"a", str(number)} if number % 2 else None),
        )


def write_with_pandas(directory: Path) -> None:
    """Days in Germany and France; every fourth is of no good quality, and one row lacks its station."""
    frame = pd.DataFrame(
        {
            "Station ID": [None if number == 10 else f"station {number % 3}" for number in range(400)],
            "measured_at": pd.date_range("2024-01-01", periods=400, freq="D", tz="UTC"),
            "deg_C": [number / 4 for number in range(400)],
            "quality": [["good", "fair", "good", "doubtful"][number % 4] for number in range(400)],
            "country": ["de" if number < 300 else "fr" for number in range(400)],
        }
    )
    frame.to_parquet(directory, partition_cols=["country"])


def create_example_tables(session: Session, keyspace: str) -> None:
    for statement in TABLES:
        session.execute(statement.replace("TABLE ", f"TABLE {keyspace}.", 1))
    for customer in CUSTOMERS:
        session.execute(f"INSERT INTO {keyspace}.customers (id, name) VALUES (%s, 'somebody')", (customer,))
    for minute in range(60):
        moment = f"2024-01-04T10:{minute:02}:00Z"
        session.execute(f"INSERT INTO {keyspace}.readings (device, at, degrees) VALUES ('d', %s, 1.5)", (moment,))
    for number, (status, total, placed) in enumerate(
        [
            ("closed", 20, "2023-01-01T00:00:00.000Z"),
            ("closed", 30, "2023-12-31T23:59:59.999Z"),
            ("closed", 10, "2023-06-01T00:00:00.000Z"),
            ("open", 40, "2023-06-01T00:00:00.000Z"),
            ("closed", 50, "2022-12-31T23:59:59.999Z"),
            ("closed", 60, "2024-01-01T00:00:00.000Z"),
        ]
    ):
        session.execute(
            f"INSERT INTO {keyspace}.orders (customer, placed, order_id, status, total) VALUES ('c', %s, %s, %s, %s)",
            (placed, number, status, total),
        )
    for number in range(24):
        country, status = ("US", "UK", "CA", "DE")[number % 4], ("active", "away")[number // 4 % 2]
        session.execute(
            f"INSERT INTO {keyspace}.members (country, status, id) VALUES ('{country}', '{status}', {number})"
        )
    for _ in range(20):
        session.execute(
            f"INSERT INTO {keyspace}.user_events (user_id, event_time, event_type, properties, vector) VALUES"
            " (uuid(), toTimestamp(now()), 'click', {'page': 'home', 'button': 'signup'}, [0.1, 0.2, 0.3, 0.4, 0.5])"
        )
    for number in range(5):
        session.execute(
            f"INSERT INTO {keyspace}.embeddings (id, content, embedding) VALUES ({number}, '', [{number}, 0.5, -1.0])"
        )
