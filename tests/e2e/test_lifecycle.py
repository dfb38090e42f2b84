"""First start, TLS, stopping, and what must never be in the log."""

import socket
import ssl
import threading
from contextlib import closing

import httpx
import pytest
import trustme

from gateway import MASTER_KEY, Gateway, eventually, running
from load import chat

SLOW = chat("echo:chat+gap=50ms+tokens=40", stream=True)


def test_the_first_start_shows_keys_that_work_and_the_second_shows_none(sqlite, tmp_path):
    gateway = Gateway(tmp_path / "node", sqlite.url, master_key=None, bootstrap_api_key=True)
    with running(gateway):
        lines = [line for line in gateway.printed.splitlines() if line and " " not in line and line[0] != "-"]
        master, key = lines
        with gateway.http(master) as http:
            assert http.get("/v1/keys").status_code == 200
        with gateway.http(key) as http:
            assert http.post("/v1/chat/completions", json=chat()).status_code == 200
            assert http.get("/v1/keys").status_code == 401
        assert gateway.stop() == 0
        gateway.start()
        assert master not in gateway.printed
        assert key not in gateway.printed
        with gateway.http(key) as http:
            assert http.post("/v1/chat/completions", json=chat()).status_code == 200


def test_a_stop_signal_lets_a_stream_finish_and_loses_nothing(sqlite, tmp_path):
    gateway = Gateway(tmp_path / "node", sqlite.url)
    with running(gateway):
        key = gateway.new_key("ada")
        with gateway.http(key) as http:
            with http.stream("POST", "/v1/chat/completions", json=SLOW) as answer:
                lines = answer.iter_lines()
                next(lines)
                gateway.terminate()
                rest = list(lines)
        assert "data: [DONE]" in rest
        assert not any('"error"' in line for line in rest)
        assert gateway.wait() == 0
    assert sqlite.query("SELECT status, completion_tokens FROM usage_logs") == [("success", 40)]


def test_readiness_says_that_it_is_stopping_while_it_drains(sqlite, tmp_path):
    """A balancer must hear 503 before it meets a closed port."""
    gateway = Gateway(tmp_path / "node", sqlite.url)
    with running(gateway):
        key = gateway.new_key("ada")
        with gateway.http(key) as http:
            assert http.get("/health/readiness").status_code == 200
            with http.stream("POST", "/v1/chat/completions", json=SLOW) as answer:
                lines = answer.iter_lines()
                next(lines)
                gateway.terminate()
                eventually(lambda: "stopping" in gateway.log.read_text())
                with gateway.http() as fresh:
                    told = fresh.get("/health/readiness")
                assert told.status_code == 503
                assert told.json()["detail"]["status"] == "unhealthy"
                list(lines)
        assert gateway.wait() == 0


def test_a_second_signal_stops_at_once(sqlite, tmp_path):
    gateway = Gateway(tmp_path / "node", sqlite.url, shutdown_timeout_seconds=600)
    with running(gateway):
        key = gateway.new_key("ada")
        with gateway.http(key) as http:
            with http.stream("POST", "/v1/chat/completions", json=chat("echo:chat+hang=2", stream=True)) as answer:
                lines = answer.iter_lines()
                next(lines)
                gateway.terminate()
                eventually(lambda: "stopping" in gateway.log.read_text())
                gateway.terminate()
                with pytest.raises(httpx.HTTPError):
                    list(lines)
        assert gateway.wait() == 0
    # What the upstream had produced is charged, though its stream never ended.
    assert sqlite.query("SELECT COUNT(*) FROM usage_logs") == [(1,)]


def test_https_with_a_certificate_of_our_own(sqlite, tmp_path):
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certificate, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(private)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    gateway = Gateway(tmp_path / "node", sqlite.url, tls_cert=str(certificate), tls_key=str(private))
    with running(gateway):
        assert gateway.url.startswith("https://")
        with gateway.http(verify=trust) as http:
            assert http.get("/health").json() == {"status": "healthy"}
        with pytest.raises(httpx.ConnectError), gateway.http() as untrusting:
            untrusting.get("/health")
        # Plain HTTP on the same port: no answer in clear text, and it goes on serving.
        with pytest.raises(httpx.HTTPError):
            httpx.get(gateway.url.replace("https", "http") + "/health")
        with gateway.http(verify=trust) as http:
            assert http.get("/health").status_code == 200


def test_secrets_are_in_no_log(database, tmp_path):
    """Canaries in every place a secret can be: none comes out, not even at the most talkative level."""
    provider_key, header = "sk-canary-5b0c7d1e", "header-canary-91ac"
    body, proxy_password = "prompt-canary-c4e2", "password-canary-33f1"
    with closing(socket.create_server(("127.0.0.1", 0))) as broken:
        # An upstream that hangs up, so that its failure is logged.
        def hang_up():
            while True:
                try:
                    connection, _ = broken.accept()
                except OSError:
                    return
                connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        port = broken.getsockname()[1]
        lab = {
            "provider_type": "openai-compatible",
            "api_base": f"http://user:{proxy_password}@127.0.0.1:{port}/v1",
            "api_key": provider_key,
            "client_args": {"custom_headers": {"X-Team": header}},
            "models": ["m"],
        }
        gateway = Gateway(
            tmp_path / "node", database.url, log_level="trace", providers={"lab": lab}, require_pricing=False
        )
        with running(gateway):
            key = gateway.new_key("ada")
            printed = gateway.printed
            with gateway.http(key) as http:
                assert http.post("/v1/chat/completions", json=chat(text=body)).status_code == 200
                assert http.post("/v1/chat/completions", json=chat("lab:m", body)).status_code == 502
                assert http.post("/v1/chat/completions", content=f'{{"{body}').status_code == 422
            wrong = "gw-canary-wrong-77aa"
            with gateway.http(wrong) as http:
                assert http.get("/v1/keys").status_code == 401
                assert http.post("/v1/chat/completions", json=chat()).status_code == 401
            assert gateway.stop() == 0
    log = gateway.log.read_text() + printed
    assert "serving" in log
    secrets = {MASTER_KEY, key, provider_key, header, body, proxy_password, wrong}
    assert [secret for secret in secrets if secret in log] == []


def test_keys_are_stored_as_hashes_only(database, tmp_path):
    with running(Gateway(tmp_path / "node", database.url)) as gateway:
        key = gateway.new_key("ada")
        columns = database.query("SELECT * FROM api_keys")
    assert not any(key in str(value) for row in columns for value in row)
