"""A database of one test's own, read as an auditor would: beside the gateway, with SQL."""

import os
import sqlite3
import uuid
from contextlib import closing, contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

SERVER = os.environ.get("TEST_DATABASE_URL")


class Sqlite:
    def __init__(self, path):
        self.path = path
        self.url = f"sqlite:///{path}"

    def query(self, sql):
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()


class Postgres:
    def __init__(self, url):
        self.url = url

    def query(self, sql):
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql).fetchall()

    @property
    def address(self):
        parts = urlsplit(self.url)
        return parts.hostname, parts.port or 5432

    def url_through(self, host, port):
        """The same database by way of a proxy."""
        parts = urlsplit(self.url)
        user, _, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}@{host}:{port}"))


@contextmanager
def fresh(engine, folder):
    if engine == "sqlite":
        yield Sqlite(folder / "otari.db")
        return
    if not SERVER:
        pytest.skip("TEST_DATABASE_URL is not set: no PostgreSQL to test with")
    name = f"otari_e2e_{uuid.uuid4().hex}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    try:
        yield Postgres(urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}")))
    finally:
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def listened_to(database):
    """Whether a node hears of changes by now: what it knew before, it has forgotten."""
    return database.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )


def nothing_waits(gateway):
    """Asks for usage, which waits until all that was settled is in the database."""
    gateway.manage("GET", "/v1/usage", limit=1)


def rows(database, status="success"):
    """Request id to number of usage rows, of that status."""
    found = database.query(
        f"SELECT request_id, COUNT(*) FROM usage_logs WHERE status = '{status}' GROUP BY request_id"
    )
    return dict(found)


def assert_counters_equal_rows(database):
    """What each account was charged is the sum of its user's rows."""
    counters = database.query(
        "SELECT account_id, settled_cost, settled_tokens, settled_requests FROM accounts ORDER BY 1"
    )
    sums = database.query(
        "SELECT 'user:' || user_id, SUM(COALESCE(cost, 0)), SUM(COALESCE(total_tokens, 0)), COUNT(*) "
        "FROM usage_logs WHERE status = 'success' AND counts_toward_budget = "
        + ("1" if isinstance(database, Sqlite) else "TRUE")
        + " GROUP BY user_id"
    )
    expected = {account: tuple(int(n) for n in amounts) for account, *amounts in sums}
    settled = {account: tuple(int(n) for n in amounts) for account, *amounts in counters if any(amounts)}
    assert settled == expected
