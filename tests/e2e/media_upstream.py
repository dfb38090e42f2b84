"""An OpenAI-compatible provider of everything that is not text: pictures, sound, moderation, ranking."""

import base64
import http.server
import json
import threading
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP

PICTURE = b"\x89PNG\r\n\x1a\npicture"
SOUND = b"ID3sound" * 20_000
SAID = "the kettle is on"


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["content-length"]))
        body = self.form(raw) if "multipart" in self.headers["content-type"] else json.loads(raw)
        route = getattr(self, self.path.removeprefix("/v1/").replace("/", "_"), None)
        if route is None:
            return self.send(404, "application/json", b'{"error": {"message": "no such route"}}')
        answer = route(body)
        if isinstance(answer, dict):
            return self.send(200, "application/json", json.dumps(answer).encode())
        return self.send(200, *answer)

    def form(self, raw):
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = BytesParser(policy=HTTP).parsebytes(head + raw).iter_parts()
        return {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}

    def send(self, status, content_type, body):
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def images_generations(self, body):
        one = {"b64_json": base64.b64encode(PICTURE).decode(), "revised_prompt": body["prompt"].upper()}
        return {"created": 1_700_000_000, "data": [one] * body.get("n", 1)}

    def images_edits(self, body):
        assert body["image"] == PICTURE and body["prompt"] == b"a cat"
        return {"created": 1_700_000_000, "data": [{"b64_json": base64.b64encode(PICTURE).decode()}]}

    def audio_speech(self, body):
        assert body["input"] and body["voice"]
        return ("audio/mpeg", SOUND)

    def audio_transcriptions(self, body):
        assert body["file"] == SOUND
        form = body.get("response_format", b"json").decode()
        if form == "text":
            return ("text/plain; charset=utf-8", SAID.encode())
        more = {"language": "english", "duration": 2.5, "segments": []} if form == "verbose_json" else {}
        return {"text": SAID, **more}

    audio_translations = audio_transcriptions

    def moderations(self, body):
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        results = [
            {"flagged": "attack" in text, "categories": {"violence": "attack" in text},
             "category_scores": {"violence": 0.9 if "attack" in text else 0.1}}
            for text in texts
        ]
        return {"id": "modr-1", "model": body["model"], "results": results}

    def rerank(self, body):
        scored = [
            {"index": at, "relevance_score": 0.9 if body["query"] in text else 0.1}
            for at, text in enumerate(body["documents"])
        ]
        return {"id": "rr-1", "results": scored[: body.get("top_n", len(scored))], "usage": {"total_tokens": 12}}

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    """Answers the `providers` block of an instance `media`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield {"media": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base}}
    finally:
        server.shutdown()
        server.server_close()
