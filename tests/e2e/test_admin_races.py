"""Operators who write at the same moment."""

from concurrent.futures import ThreadPoolExecutor

from database import Postgres
from gateway import Gateway, running

SERVERS_MAX = 50
TOGETHER = 24


def test_a_workspace_never_has_more_mcp_servers_than_it_may(database, tmp_path):
    """From two nodes, where the database can have two."""
    names = ["one", "two"] if isinstance(database, Postgres) else ["one"]
    nodes = [Gateway(tmp_path / name, database.url) for name in names]
    with running(*nodes):
        nodes[0].new_key("ada")
        path = f"/v1/workspaces/{nodes[0].manage('GET', '/v1/keys')[0]['workspace_id']}/mcp-servers"

        def store(n):
            with nodes[n % len(nodes)].http() as http:
                return http.post(path, json={"name": f"server-{n}", "url": "http://127.0.0.1:8099/"})

        with ThreadPoolExecutor(TOGETHER) as pool:
            answers = list(pool.map(store, range(2 * SERVERS_MAX)))
        refused = [answer for answer in answers if answer.status_code != 201]
        assert len(answers) - len(refused) == SERVERS_MAX
        for answer in refused:
            assert (answer.status_code, "at most 50" in answer.json()["detail"]) == (400, True), answer.text
        assert nodes[0].manage("GET", path, limit=1)["count"] == SERVERS_MAX
        # One that goes makes room for one.
        first = nodes[0].manage("GET", path, limit=1)["data"][0]
        nodes[0].manage("DELETE", f"{path}/{first['id']}")
        with ThreadPoolExecutor(TOGETHER) as pool:
            codes = [answer.status_code for answer in pool.map(store, range(2 * SERVERS_MAX, 2 * SERVERS_MAX + TOGETHER))]
        assert codes.count(201) == 1
