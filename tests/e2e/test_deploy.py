"""What `deploy/` holds, against the binary it deploys."""

import json
import os
import re
import shutil
import subprocess

import helm_python as helm
import pytest
import yaml

from gateway import ROOT, Gateway, binary, eventually, priced, running

DEPLOY = ROOT / "deploy"
CHART = str(DEPLOY / "helm" / "otari")
EVERYTHING = {
    "replicaCount": 3, "secret": {"values": {"DATABASE_URL": "postgresql://db/otari", "OTARI_MASTER_KEY": "m" * 20}},
    "config": {"enable_metrics": True, "providers": {"openai": {"api_key": "k"}}},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"}, "env": [{"name": "A", "value": "b"}],
    "serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}, "podDisruptionBudget": {"enabled": True},
    "imagePullSecrets": [{"name": "pull"}], "nodeSelector": {"a": "b"}, "podAnnotations": {"a": "b"},
    "persistence": {"enabled": True, "storageClass": "fast"},
}
NAME = re.compile(r"\b((?:gateway|process)_[a-z_]+)")


def rendered(values):
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="demo", namespace="prod")
    documents = [doc for name, text in files.items() if name.endswith(".yaml") for doc in yaml.safe_load_all(text)]
    return {(doc["kind"], doc["metadata"]["name"]): doc for doc in documents if doc}


def test_the_chart_is_sound():
    found = helm.lint(CHART)
    assert not found["errors"] and found["total_charts_linted"] == 1
    # 1 is advice, as that a chart should have an icon.
    assert all(message["severity"] <= 1 for message in found["messages"]), found


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_the_chart_starts_the_gateway_as_it_is(values, tmp_path):
    documents = rendered(values)
    config = tmp_path / "config.yml"
    config.write_text(documents["ConfigMap", "demo-otari"]["data"]["config.yml"])
    pod = documents["StatefulSet", "demo-otari"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    # Its arguments are those of the command line, and the file is a configuration.
    assert container["args"][:2] == ["serve", "--config"]
    checked = subprocess.run([binary(), "check-config", "--config", config], capture_output=True, text=True, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    help_text = subprocess.run([binary(), "serve", "--help"], capture_output=True, text=True).stdout
    assert all(flag in help_text for flag in container["args"] if flag.startswith("--"))
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    claims = documents["StatefulSet", "demo-otari"]["spec"].get("volumeClaimTemplates", [])
    assert mounts == {v["name"] for v in pod["volumes"]} | {claim["metadata"]["name"] for claim in claims}
    assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]


def test_every_part_of_the_chart_can_be_had():
    kinds = {kind for kind, _ in rendered(EVERYTHING)}
    assert kinds == {
        "ConfigMap", "Secret", "StatefulSet", "Service", "Ingress", "PodDisruptionBudget", "ServiceMonitor",
        "PrometheusRule",
    }


def test_several_nodes_need_postgresql():
    with pytest.raises(helm.HelmError, match="needs PostgreSQL"):
        rendered({"replicaCount": 2})


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deploy")
    models = ["echo:chat", "echo:chat+fail=500"]
    node = Gateway(
        folder, f"sqlite:///{folder}/otari.db", enable_metrics=True, rate_limit_rpm=8, pricing=priced(*models),
        routing={"policies": {"two": {"select": [{"default": models[1]}], "on_failure": [models[0]]}}},
    )
    with running(node):
        yield node


def exposition(node):
    """Names of samples, each with the names of its labels; after a call of each kind that counts something."""
    key = node.new_key("ada")
    chat = {"messages": [{"role": "user", "content": "hi"}]}
    with node.http(key) as http:
        for body in [
            {"model": "echo:chat"}, {"model": "two"}, {"model": "echo:chat", "guardrails": [{"profile": "otari:pii"}]},
        ]:
            answer = http.post("/v1/chat/completions", json=chat | body)
            assert answer.status_code == 200, answer.text
        lines = [{"custom_id": "a", "body": chat}]
        made = http.post("/v1/batches", json={"model": "echo:chat", "requests": lines})
        assert made.status_code == 200, made.text
        while http.post("/v1/chat/completions", json=chat | {"model": "echo:chat"}).status_code != 429:
            pass
    poor = node.new_key("bo", {"max_budget": 0})
    with node.http(poor) as http:
        assert http.post("/v1/chat/completions", json=chat | {"model": "echo:chat"}).status_code == 403
    with node.http("gw-wrong") as http:
        assert http.post("/v1/chat/completions", json=chat | {"model": "echo:chat"}).status_code == 401
    batch = made.json()["id"]
    with node.http(key) as http:
        eventually(lambda: http.get(f"/v1/batches/{batch}").json()["status"] == "completed")
    with node.http() as http:
        text = http.get("/metrics").text
    found = {}
    for line in text.splitlines():
        if match := re.match(r"([a-z_]+)(?:\{(.*)\})? ", line):
            found.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2] or ""))
    return found


def expressions():
    rules = yaml.safe_load((DEPLOY / "prometheus" / "otari-alerts.yml").read_text())
    for group in rules["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    dashboard = json.loads((DEPLOY / "grafana" / "otari.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (variable["query"] for variable in dashboard["templating"]["list"])


def test_dashboard_and_alerts_ask_for_metrics_there_are(node):
    served = exposition(node)
    asked = [name for expression in expressions() for name in NAME.findall(expression)]
    assert len(set(asked)) > 15
    assert not sorted(set(asked) - set(served))
    # Of the scraper, not of the gateway.
    given = {"instance", "job"}
    for expression in expressions():
        for labels, name in re.findall(r"by \(([^)]+)\) \((?:rate\()?([a-z_]+)", expression):
            unknown = {label.strip() for label in labels.split(",")} - served[name] - given
            assert not unknown, expression
        for name, matchers in re.findall(r"([a-z_]+)\{([^}]*)\}", expression):
            if name in served:
                assert set(re.findall(r'(\w+)\s*[=!]', matchers)) <= served[name] | given, expression


def test_the_service_unit_is_sound(tmp_path):
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / "otari.service"
    text = (DEPLOY / "systemd" / "otari.service").read_text()
    unit.write_text(text.replace("/usr/bin/otari", binary()))
    checked = subprocess.run([tool, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert "otari.service" not in checked.stderr, checked.stderr


def test_the_image_holds_the_binary_and_runs_as_nobody_special(tmp_path):
    environment = {**os.environ, "OTARI_BINARY": binary(), "OTARI_STAGE": str(tmp_path / "image"), "OTARI_STAGE_ONLY": "1"}
    subprocess.run([DEPLOY / "image"], env=environment, check=True, capture_output=True)
    root = tmp_path / "image" / "root"
    assert sorted(entry.name for entry in root.iterdir()) == ["data", "etc", "otari", "tmp"]
    dockerfile = (tmp_path / "image" / "Dockerfile").read_text()
    for line in ["FROM scratch", "USER 1000:1000", 'CMD ["/otari", "health"]']:
        assert line in dockerfile
    # Every variable it sets is one the gateway reads.
    page = (ROOT / "docs" / "reference" / "environment.md").read_text()
    assert all(f"`{name}`" in page for name in re.findall(r"(OTARI_\w+)=", dockerfile))


def test_the_health_command_says_how_a_gateway_is(node):
    port = node.url.rpartition(":")[2]
    for flags, code in [(["--port", port], 0), (["--port", port, "--ready"], 0), (["--port", "1"], 1)]:
        asked = subprocess.run([binary(), "health", *flags], capture_output=True, text=True, cwd=node.folder)
        assert asked.returncode == code, asked.stdout


def test_compose_refers_to_what_is_there():
    compose = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
    page = (ROOT / "docs" / "reference" / "environment.md").read_text()
    volumes = set(compose["volumes"])
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            assert not name.startswith("OTARI_") or f"`{name}`" in page, name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in volumes or (DEPLOY / source).exists(), volume
    profiles = {profile for service in compose["services"].values() for profile in service.get("profiles", [])}
    assert profiles == {"postgres", "code-exec", "web-search", "guardrails", "monitoring"}
