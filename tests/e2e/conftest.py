import pytest

from database import fresh
from gateway import Gateway, priced, running
from scripted import DIALECTS, MODELS, serving


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


@pytest.fixture(scope="session")
def translator(tmp_path_factory):
    """A gateway before an upstream of four dialects, for tests that leave nothing behind but usage."""
    folder = tmp_path_factory.mktemp("translator")
    models = [f"{dialect}:{model}" for dialect, model in MODELS.items()]
    with serving() as upstream:
        node = Gateway(
            folder, f"sqlite:///{folder}/otari.db", providers=upstream.providers(), model_discovery=False,
            pricing=priced(*models), routing={"policies": {"resilient": {
                "select": [{"default": models[0]}], "on_failure": models[1:],
            }}},
        )
        with running(node):
            node.upstream = upstream
            node.key = node.new_key("ada")
            yield node


@pytest.fixture
def upstream(translator):
    """Its upstream. A test fails when the gateway sent what no provider of that dialect would have taken."""
    upstream = translator.upstream
    upstream.forget()
    yield upstream
    assert not upstream.malformed, "\n".join(upstream.malformed)


@pytest.fixture(params=DIALECTS)
def dialect(request):
    return request.param


@pytest.fixture
def model(dialect, upstream):
    return f"{dialect}:{MODELS[dialect]}"
