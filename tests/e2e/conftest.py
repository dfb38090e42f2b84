import pytest

from database import fresh
from gateway import Gateway, running


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """One of each engine."""
    with fresh(request.param, tmp_path) as database:
        yield database


@pytest.fixture
def postgres(tmp_path):
    with fresh("postgres", tmp_path) as database:
        yield database


@pytest.fixture
def sqlite(tmp_path):
    with fresh("sqlite", tmp_path) as database:
        yield database


@pytest.fixture
def gateway(sqlite, tmp_path):
    """A running gateway with SQLite and no settings that matter."""
    with running(Gateway(tmp_path / "node", sqlite.url)) as gateway:
        yield gateway
