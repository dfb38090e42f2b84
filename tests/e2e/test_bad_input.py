"""What no well-behaved client sends, over a bare socket. Every refusal says why, in OpenAI's shape."""

import json
import socket

import pytest

from gateway import Gateway, running

MAX_BODY = 64 * 1024
HEAD_LINE = 10 * 1024 * 1024
BODY = b'{"model":"echo:chat","messages":[{"role":"user","content":"hi"}]}'


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    node = Gateway(folder, f"sqlite:///{folder}/otari.db", max_body_bytes=MAX_BODY)
    with running(node):
        node.key = node.new_key("ada")
        yield node
        # Whatever was sent, it goes on serving.
        with node.http(node.key) as http:
            assert http.post("/v1/chat/completions", content=BODY).status_code == 200


def exchange(node, *pieces):
    """Sends the pieces; answers status, headers and body. A peer that stops reading early is no failure."""
    host, port = node.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_answer(connection)


def read_answer(connection):
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        assert piece, f"the connection ended without an answer: {received!r}"
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers["content-length"]):
        piece = connection.recv(65536)
        assert piece, "the body ended early"
        body += piece
    return int(status.split()[1]), headers, body


def chat(node, body, headers=b"", length=None):
    length = len(body) if length is None else length
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: otari\r\ncontent-type: application/json\r\n"
        + f"authorization: Bearer {node.key}\r\ncontent-length: {length}\r\n".encode()
        + headers + b"\r\n" + body
    )


def assert_refused(answer, *statuses):
    status, headers, body = answer
    assert status in statuses, (status, body)
    assert headers["content-type"].startswith("application/json")
    read = json.loads(body)
    assert read["error"]["message"]
    assert read["error"]["type"] == "invalid_request_error"
    assert {"param", "code"} <= read["error"].keys()
    assert read["detail"]
    return read


def test_the_same_request_without_the_flaw_is_served(node):
    status, _, body = exchange(node, chat(node, BODY))
    assert status == 200, body


def test_a_header_line_of_ten_megabytes(node):
    head = b"GET /v1/models HTTP/1.1\r\nhost: otari\r\nx-long: "
    assert_refused(exchange(node, head, b"a" * HEAD_LINE, b"\r\n\r\n"), 431)


def test_a_path_of_ten_megabytes(node):
    assert_refused(exchange(node, b"GET /", b"a" * HEAD_LINE, b" HTTP/1.1\r\nhost: otari\r\n\r\n"), 414, 431)


def test_a_thousand_headers(node):
    lines = b"".join(b"x-%d: y\r\n" % n for n in range(1000))
    assert_refused(exchange(node, b"GET /v1/models HTTP/1.1\r\nhost: otari\r\n" + lines + b"\r\n"), 431)


def test_what_is_not_http(node):
    assert_refused(exchange(node, b"\x00\x01\x02 hello\r\n\r\n"), 400)


def test_a_body_longer_than_allowed_by_its_own_word(node):
    """Refused at the head: nothing of the body has to be sent."""
    assert_refused(exchange(node, chat(node, b"", length=10 * 1024**3)), 413)


def test_a_body_longer_than_allowed_without_saying_so(node):
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: otari\r\ntransfer-encoding: chunked\r\n"
        + f"authorization: Bearer {node.key}\r\n\r\n".encode()
    )
    chunk = b"%x\r\n%s\r\n" % (16384, b" " * 16384)
    assert_refused(exchange(node, head, *[chunk] * (MAX_BODY // 16384 + 1)), 413)


def test_a_body_of_just_the_length_allowed(node):
    body = BODY[:-1] + b" " * (MAX_BODY - len(BODY)) + b"}"
    status, _, answer = exchange(node, chat(node, body))
    assert status == 200, answer


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(BODY[:-1], id="cut off late"),
        pytest.param(BODY + b"}", id="more after the end"),
        pytest.param(b"[]", id="not an object"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"model":"echo:chat","messages":[{"role":"user","content":"\xff\xfe"}]}', id="not UTF-8"),
        pytest.param(b'{"model":"echo:chat","messages":[{"role":"user","content":"a\nb"}]}', id="bare control"),
        pytest.param(b'{"model":"echo:chat","messages":' + b"[" * 20000 + b"]" * 20000 + b"}", id="deep"),
        pytest.param(b'{"model":7,"messages":[{"role":"user","content":"hi"}]}', id="model a number"),
        pytest.param(b'{"model":"echo:chat"}', id="no messages"),
        pytest.param(b'{"messages":[{"role":"user","content":"hi"}]}', id="no model"),
        pytest.param(b'{"model":"echo:chat","messages":"hi"}', id="messages a text"),
        pytest.param(BODY[:-1] + b',"max_tokens":-1}', id="negative maximum"),
        pytest.param(BODY[:-1] + b',"max_tokens":1e400}', id="infinite maximum"),
        pytest.param(BODY[:-1] + b',"stream":"yes"}', id="stream a text"),
        pytest.param(b"\xef\xbb\xbf" + BODY[:-1], id="byte order mark, cut off"),
    ],
)
def test_a_body_that_is_no_chat_request(node, body):
    assert_refused(exchange(node, chat(node, body)), 400, 422)


def test_two_models_are_not_silently_one(node):
    """What is admitted, priced and sent must be one model."""
    body = b'{"model":"echo:chat","model":"echo:chat+tokens=9","messages":[{"role":"user","content":"hi"}]}'
    read = assert_refused(exchange(node, chat(node, body)), 400, 422)
    assert "model" in read["error"]["message"]


def test_a_request_that_could_be_read_two_ways(node):
    """Both a length and chunks: the start of request smuggling."""
    flaw = b"transfer-encoding: chunked\r\n"
    status, _, _ = exchange(node, chat(node, b"0\r\n\r\n", headers=flaw))
    assert 400 <= status < 500


def test_a_credential_that_is_not_text(node):
    head = b"GET /v1/models HTTP/1.1\r\nhost: otari\r\nauthorization: Bearer \xff\xfe\r\n\r\n"
    status, _, body = exchange(node, head)
    assert status == 401
    assert json.loads(body)["error"]["type"] == "authentication_error"


def test_unknown_routes_and_methods(node):
    for line, expected in [(b"GET /v1/nothing", 404), (b"DELETE /v1/chat/completions", 405)]:
        status, _, body = exchange(node, line + b" HTTP/1.1\r\nhost: otari\r\n\r\n")
        assert status == expected
        assert json.loads(body)["detail"]
