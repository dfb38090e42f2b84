"""Hybrid mode with a spool: `kill -9` takes no usage report along."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import httpx
import pytest

from gateway import LONG, eventually, running
from load import chat
from peer import USER_TOKEN, node, platform

KILLS = 30 if LONG else 6
WORKERS = 8
MODELS = ["echo:chat", "echo:chat+gap=1ms+tokens=20", "echo:chat+latency=20ms"]
SOON = {"PLATFORM_USAGE_INLINE_TIMEOUT_MS": "50"}
# The same moments in every run; what they hit differs.
MOMENTS = random.Random(20261121)


def spooling(folder, peer, environment=None, **config):
    environment = {"PLATFORM_USAGE_SPOOL_DIR": str(folder / "spool"), **SOON, **(environment or {})}
    return node(folder / "node", peer, environment, **config)


def ask(http, n=0, stream=False):
    """One call that is answered to its end; its id at the platform."""
    answer = http.post("/v1/chat/completions", json=chat(text=f"call {n}", stream=stream))
    assert answer.status_code == 200, answer.text
    assert not stream or answer.text.endswith("data: [DONE]\n\n")
    return answer.headers["x-correlation-id"]


def test_reports_outlive_a_kill_and_arrive_once_and_in_order(tmp_path):
    with platform(tmp_path / "peer") as peer, running(spooling(tmp_path, peer)) as gateway:
        peer.fail({"on": "usage", "status": 503})
        with gateway.http(USER_TOKEN) as http:
            asked = [ask(http, n, stream=n % 2 == 0) for n in range(12)]
        gateway.kill()
        assert peer.lines == []
        # Killed again before anything was taken: they wait for the next start.
        gateway.start()
        with gateway.http(USER_TOKEN) as http:
            asked.append(ask(http))
        gateway.kill()
        peer.fail()
        gateway.start()
        reports = peer.reports(len(asked))
        assert [report["correlation_id"] for report in reports] == asked
        # Taken is taken.
        assert gateway.stop() == 0
        gateway.start()
        with gateway.http(USER_TOKEN) as http:
            asked.append(ask(http))
        assert gateway.stop() == 0
        assert [report["correlation_id"] for report in peer.reports(len(asked))] == asked
        assert [line["correlation_id"] for line in peer.lines] == asked


def test_a_clean_stop_keeps_what_the_platform_does_not_take(tmp_path):
    with platform(tmp_path / "peer") as peer, running(spooling(tmp_path, peer)) as gateway:
        peer.fail({"on": "usage", "status": 503})
        with gateway.http(USER_TOKEN) as http:
            asked = [ask(http) for _ in range(3)]
        assert gateway.stop() == 0
        logged = gateway.log.read_text()
        assert "stay in the spool" in logged
        assert "was not delivered" not in logged
        peer.fail()
        gateway.start()
        assert [report["correlation_id"] for report in peer.reports(3)] == asked


async def until_killed(gateway, seen, kill_after):
    """Calls until the gateway was killed in the middle of them; ids of those that were answered to their end."""
    goal = len(seen) + kill_after
    dead = asyncio.Event()

    async def worker(number, session):
        n = number
        while not dead.is_set():
            n += WORKERS
            body = chat(MODELS[n % len(MODELS)], f"call {n}", stream=n % 2 == 0)
            try:
                async with session.post(f"{gateway.url}/v1/chat/completions", json=body) as answer:
                    content = await answer.read()
            except (aiohttp.ClientError, ConnectionError):
                return
            assert answer.status == 200, content
            if not body["stream"] or b"data: [DONE]" in content:
                seen.append(answer.headers["x-correlation-id"])
            if len(seen) >= goal and not dead.is_set():
                dead.set()
                await asyncio.get_running_loop().run_in_executor(None, gateway.kill)

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {USER_TOKEN}"}) as session:
        await asyncio.wait_for(asyncio.gather(*(worker(n, session) for n in range(WORKERS))), 120)


def test_every_call_seen_to_its_end_is_reported_once_after_kills(tmp_path):
    seen = []
    with platform(tmp_path / "peer") as peer, running(spooling(tmp_path, peer)) as gateway:
        for kill in range(KILLS):
            # Some are taken at once, some late, some not before the kill.
            peer.fail(*([], [{"on": "usage", "status": 500, "times": 20}], [{"on": "usage", "status": 503}])[kill % 3])
            asyncio.run(until_killed(gateway, seen, MOMENTS.randint(1, 80)))
            gateway.start()
        peer.fail()

        def told():
            with peer.http() as http:
                reports = http.get("/peer/reports").json()["reports"]
            told = [report["correlation_id"] for report in reports if report["status"] == "success"]
            return told if set(seen) <= set(told) else None

        reports = eventually(told, 60)
        assert len(reports) == len(set(reports))
        assert len(seen) >= KILLS
        assert gateway.stop() == 0


def test_what_cannot_be_read_is_told_of_and_kept_aside(tmp_path):
    gateway_folder = tmp_path / "spool" / "node-0"
    with platform(tmp_path / "peer") as peer, running(spooling(tmp_path, peer)) as gateway:
        peer.fail({"on": "usage", "status": 503})
        with gateway.http(USER_TOKEN) as http:
            asked = [ask(http) for _ in range(3)]
        gateway.kill()
        [file] = [path for path in gateway_folder.glob("reports-*.journal") if path.stat().st_size > 1]
        text = file.read_text()
        file.write_text(text.replace(asked[1], "x" * len(asked[1])) + text.splitlines()[-1][:30])
        peer.fail()
        gateway.start()
        reports = peer.reports(2)
        assert [report["correlation_id"] for report in reports] == [asked[0], asked[2]]
        logged = gateway.log.read_text()
        assert "a line of the spool is damaged" in logged
        assert "cut short by a crash" in logged
        assert len((gateway_folder / "rejected.jsonl").read_text().splitlines()) == 2


def test_a_directory_that_cannot_be_used_is_refused_at_the_start(tmp_path):
    (tmp_path / "spool").write_text("a file")
    with platform(tmp_path / "peer") as peer:
        with pytest.raises(AssertionError, match=r"platform\.usage_spool_dir: '.*spool' cannot be used"):
            spooling(tmp_path, peer).start()


def test_a_full_spool_refuses_calls_and_takes_them_again(tmp_path):
    environment = {"PLATFORM_USAGE_SPOOL_MAX_MB": "1", "PLATFORM_USAGE_INLINE_TIMEOUT_MS": "1"}
    with platform(tmp_path / "peer") as peer, running(spooling(tmp_path, peer, environment)) as gateway:
        peer.fail({"on": "usage", "status": 503})
        asked = []
        with gateway.http(USER_TOKEN) as http, ThreadPoolExecutor(WORKERS) as pool:
            body = chat(session_label="a" * 255)
            while len(asked) < 8000:
                answers = list(pool.map(lambda _: http.post("/v1/chat/completions", json=body), range(100)))
                asked += [answer.headers["x-correlation-id"] for answer in answers if answer.status_code == 200]
                refused = [answer for answer in answers if answer.status_code != 200]
                if refused:
                    break
            assert {answer.status_code for answer in refused} == {503}
            assert "cannot record usage" in refused[0].json()["detail"]
            assert len(asked) > 1000
            peer.fail()
            eventually(lambda: http.post("/v1/chat/completions", json=body).status_code == 200, 90)
            eventually(lambda: set(asked) <= {line["correlation_id"] for line in peer.lines}, 90)


def test_waiting_reports_are_counted(tmp_path):
    with platform(tmp_path / "peer") as peer, running(spooling(tmp_path, peer, enable_metrics=True)) as gateway:
        peer.fail({"on": "usage", "status": 503})
        with gateway.http(USER_TOKEN) as http:
            asked = [ask(http) for _ in range(4)]
        gateway.kill()
        gateway.start()
        assert "gateway_usage_reports_waiting 4" in httpx.get(f"{gateway.url}/metrics").text
        peer.fail()
        peer.reports(len(asked))
        eventually(lambda: "gateway_usage_reports_waiting 0" in httpx.get(f"{gateway.url}/metrics").text)
