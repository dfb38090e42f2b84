"""Uploads reach the provider while the client still sends: the official client, `curl`, and clients that leave or stall."""

import http.server
import io
import json
import shutil
import subprocess
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import openai
import pytest

from gateway import Gateway, eventually, running

SOUND = b"RIFF\0\0\0\0WAVEfmt " + bytes(range(256)) * 2000
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\r\n--\r" * 100_000
SAID = "the kettle is on"


pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = SimpleNamespace(headers=self.headers, body=b"", is_whole=False)
        with self.server.told:
            self.server.requests.append(request)
        for piece in self.pieces():
            with self.server.told:
                request.body += piece
                self.server.told.notify_all()
        with self.server.told:
            request.is_whole = True
        answer = {"created": 1, "data": [{"url": "https://x/1"}]} if "images" in self.path else {"text": SAID}
        answer = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def pieces(self):
        if length := self.headers["content-length"]:
            left = int(length)
            while left:
                piece = self.rfile.read1(min(left, 65536))
                if not piece:
                    raise ConnectionError
                left -= len(piece)
                yield piece
        else:
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

    def log_message(self, *_):
        pass


@contextmanager
def provider():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.handle_error = lambda *_: None
    server.told, server.requests = threading.Condition(), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uploads")
    with provider() as server:
        base = f"http://127.0.0.1:{server.server_port}/v1"
        mine = {"provider_type": "openai-compatible", "api_key": "k", "api_base": base}
        price = {"input_price_per_million": 6000, "output_price_per_million": 0}
        node = Gateway(
            folder, f"sqlite:///{folder}/otari.db", providers={"mine": mine}, model_discovery=False,
            require_pricing=False, pricing={"mine:ear": price},
        )
        with running(node):
            node.key = node.new_key("ada")
            node.provider = server
            yield node


@pytest.fixture
def seen(node):
    """The requests that the provider has got since."""
    node.provider.requests.clear()
    return node.provider.requests


@pytest.fixture
def client(node):
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        yield client


class Held(io.RawIOBase):
    """A file whose second half is there when the provider has the first."""

    def __init__(self, content, server):
        self.halves = [content[: len(content) // 2], content[len(content) // 2 :]]
        self.server = server

    def readable(self):
        return True

    def read(self, size=-1):
        if len(self.halves) == 1:
            with self.server.told:
                assert self.server.told.wait_for(lambda: self.server.requests and self.first in self.server.requests[-1].body, 20)
        elif not self.halves:
            return b""
        piece = self.halves.pop(0)
        self.first = piece[-1000:]
        return piece


def test_the_official_client_sends_while_the_provider_reads(node, seen, client):
    heard = client.audio.transcriptions.create(model="mine:ear", file=("a.wav", Held(SOUND, node.provider)), language="en")
    assert heard.text == SAID
    (request,) = seen
    assert SOUND in request.body and b"\r\n\r\near\r\n" in request.body and b"mine:" not in request.body
    row = node.manage("GET", "/v1/usage", limit=1)[0]
    assert (row["status"], row["cost"]) == ("success", pytest.approx(0.006))


def test_the_official_client_tells_the_length_where_it_knows_it(seen, client):
    assert client.audio.translations.create(model="mine:ear", file=("a.wav", SOUND)).text == SAID
    edited = client.images.edit(model="mine:i", image=[("a.png", PICTURE), ("b.png", PICTURE)], prompt="a hat", user="ada")
    assert edited.data[0].url == "https://x/1"
    assert client.images.create_variation(model="mine:i", image=("a.png", PICTURE)).data
    assert len(seen) == 3
    for request in seen:
        assert int(request.headers["content-length"]) == len(request.body)
        assert b'name="user"' not in request.body
    assert [request.body.count(PICTURE) for request in seen] == [0, 2, 1]


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("late", [["model=mine:ear"], ["model=mine:ear", "user=ada", "language=en"]])
def test_fields_behind_the_file(node, seen, tmp_path, late, chunked):
    (tmp_path / "a.wav").write_bytes(SOUND)
    fields = [part for field in ["file=@" + str(tmp_path / "a.wav"), *late] for part in ("-F", field)]
    if chunked:
        fields += ["-H", "Transfer-Encoding: chunked"]
    answer = curl(node, *fields)
    assert json.loads(answer) == {"text": SAID}
    (request,) = seen
    assert SOUND in request.body and b"mine:" not in request.body and b'"user"' not in request.body


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_what_is_wrong_is_said_by_name(node, seen, tmp_path):
    (tmp_path / "a.wav").write_bytes(SOUND)
    (tmp_path / "large.wav").write_bytes(bytes(25 * 1024 * 1024 + 1))
    file, model = "file=@" + str(tmp_path / "a.wav"), "model=mine:ear"
    for fields, says in [
        ([file], "model: Field required"),
        ([model], "file: Field required"),
        ([model, file, model], "model: Field appears twice"),
        ([model, file, "stream=maybe"], "stream: Input should be a valid boolean"),
        ([model, file, "user=eve"], "'user' must be the user that owns the API key"),
        ([model, "file=@" + str(tmp_path / "large.wav")], "larger than 26214400 bytes"),
        (["model=nobody:x", file], "nobody"),
    ]:
        parts = [part for field in fields for part in ("-F", field)]
        error = json.loads(curl(node, *parts))["error"]
        assert says in error["message"], error
    assert not any(request.is_whole for request in seen)


def test_who_leaves_is_charged_nothing(node, seen):
    with node.http(node.key) as http:
        head = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nmine:ear\r\n'
        file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nFIRST'

        def leaves():
            yield head + file
            with node.provider.told:
                assert node.provider.told.wait_for(lambda: seen and b"FIRST" in seen[-1].body, 20)
            raise KeyboardInterrupt

        headers = {"content-type": "multipart/form-data; boundary=b"}
        with pytest.raises(KeyboardInterrupt):
            http.post("/v1/audio/transcriptions", content=leaves(), headers=headers)
    row = lambda: node.manage("GET", "/v1/usage", limit=1)[0]
    assert eventually(lambda: row()["status_code"] == 499)
    assert row()["cost"] in (None, 0)
    assert not seen[-1].is_whole


def curl(node, *arguments):
    url = f"{node.url}/v1/audio/transcriptions"
    command = ["curl", "--silent", "--show-error", "--max-time", "30", url, "-H", f"Authorization: Bearer {node.key}"]
    return subprocess.run([*command, *arguments], check=True, capture_output=True).stdout
