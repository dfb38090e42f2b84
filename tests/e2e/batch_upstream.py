"""A provider that runs batches itself, in OpenAI's way or one of its relatives', Mistral's, Anthropic's, Gemini's, Vertex
AI's or Bedrock's, the latter two with their object storage, and can hang up while it is given one."""

import http.server
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qs, unquote, urlsplit


REFUSAL = "the last line is not to be answered"
VERTEX = "/v1/projects/p/locations/us-central1/batchPredictionJobs"
BEDROCK = "/model-invocation-job"


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        path = path.replace("/openai/v1/", "/v1/")
        if path.endswith(("/cancel", ":cancel", "/stop")):
            name = path.removesuffix("/cancel").removesuffix(":cancel").removesuffix("/stop").rsplit("/", 1)[-1]
            self.server.batch(name)["cancelled"] = True
            return self.answer({}) if not path.endswith("/stop") else self.send(200, b"")
        if path == "/upload/storage/v1/b/bucket/o":
            [name] = parse_qs(urlsplit(self.path).query)["name"]
            self.server.objects[name] = raw
            return self.answer({"name": name})
        if path == VERTEX:
            body = json.loads(raw)
            [lines] = body["inputConfig"]["gcsSource"]["uris"]
            lines = self.server.lines(lines.removeprefix("gs://bucket/"))
            out = body["outputConfig"]["gcsDestination"]["outputUriPrefix"] + "/prediction-m"
            return self.made(lines, {"displayName": body["displayName"], "out": out})
        if path == BEDROCK:
            body = json.loads(raw)
            lines = body["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].removeprefix("s3://bucket/")
            # Without regard for its token: the job is to be looked for.
            out = body["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]
            return self.made(self.server.lines(lines), {"jobName": body["jobName"], "out": out})
        if path in ("/v1/files", "/v1/files/upload", "/upload/v1beta/files"):
            head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
            *_, file = BytesParser(policy=HTTP).parsebytes(head + raw).iter_parts()
            name = self.server.new_id("file")
            self.server.files[name] = [json.loads(line) for line in file.get_payload(decode=True).splitlines()]
            if path != "/upload/v1beta/files":
                purpose = b"batch-api" if path == "/v1/files/upload" else b"batch"
                if b"\r\n\r\n" + purpose + b"\r\n" not in raw:
                    return self.answer({"error": {"message": "another purpose"}}, 400)
                return self.answer({"id": name})
            if self.headers["x-goog-upload-protocol"] != "multipart":
                return self.answer({"error": {"message": "another way to upload"}}, 400)
            return self.answer({"file": {"name": f"files/{name}"}})
        if path == "/v1beta/models/m:batchGenerateContent":
            batch = json.loads(raw)["batch"]
            file = batch["inputConfig"]["fileName"].removeprefix("files/")
            return self.made(self.server.files[file], {"displayName": batch["displayName"]})
        if path in ("/v1/batches", "/v1/batch/jobs"):
            body = json.loads(raw)
            file = body["input_file_id"] if path == "/v1/batches" else body["input_files"][0]
            return self.made(self.server.files[file], body.get("metadata", {}), file)
        if path == "/v1/messages/batches":
            return self.made(json.loads(raw)["requests"], None)
        return self.answer({"error": {"message": "no such route"}}, 404)

    def do_PUT(self):
        """An object for the S3 bucket."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.objects[urlsplit(self.path).path.removeprefix("/bucket/")] = body
        self.send(200, b"")

    def arn(self, batch):
        return f"arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/{batch['id']}"

    def made(self, lines, metadata, file=None):
        if self.server.refuse:
            self.server.refuse = False
            return self.hang_up()
        if self.server.refuse_last_line:
            lines[-1]["refused"] = True
        batch = {"id": self.server.new_id("made"), "lines": lines, "metadata": metadata, "file": file,
                 "at": datetime.now(UTC).isoformat(), "cancelled": False}
        self.server.batches.append(batch)
        if self.server.lose_answer:
            self.server.lose_answer = False
            return self.hang_up()
        shown = self.shown(batch)
        return self.answer({"job": shown} if self.server.kind == "together" else shown)

    def hang_up(self):
        """Whoever asks is to see nothing but the end of the connection, and that when it may."""
        self.server.lost.set()
        self.server.go_on.wait(60)
        self.close_connection = True

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == f"{BEDROCK}s" or url.path == VERTEX:
            return self.listed_by_name(parse_qs(url.query))
        if url.path.startswith((BEDROCK, VERTEX)):
            return self.answer(self.shown_as_job(self.server.batch(url.path.rsplit("/", 1)[-1])))
        if url.path.startswith(("/bucket/", "/storage/v1/b/bucket/o")):
            return self.object(url)
        parts = url.path.replace("/openai/v1/", "/v1/").removeprefix("/download").removeprefix("/v1beta/").removeprefix("/v1/")
        parts = parts.removeprefix("messages/").replace("batch/jobs", "batches").split("/")
        if parts == ["batches"]:
            return self.listed(parse_qs(url.query))
        if parts[0] == "files" and parts[1] in self.server.files:
            return self.send(200, "\n".join(map(json.dumps, self.server.files[parts[1]])).encode())
        if parts[0] == "files":
            written = self.gemini_line if url.query == "alt=media" else self.openai_line
            batch = self.server.batch(parts[1].removeprefix("out-").removesuffix(":download"))
            return self.answer_lines(batch, written)
        batch = self.server.batch(parts[1])
        if parts[2:] == ["results"]:
            return self.answer_lines(batch, self.anthropic_line)
        return self.answer(self.shown(batch))

    def listed_by_name(self, query):
        """Of Bedrock and Vertex AI: those of that name, and one at a time."""
        wanted = query["nameContains"][0] if "nameContains" in query else json.loads(query["filter"][0].split("=", 1)[1])
        found = [batch for batch in self.server.batches if wanted in self.name_of(batch)]
        [start] = map(int, query.get("nextToken", query.get("pageToken", ["0"])))
        shown = [self.shown_as_job(batch) for batch in found[start:start + 1]]
        token = {"nextToken": str(start + 1), "nextPageToken": str(start + 1)} if start + 1 < len(found) else {}
        self.answer({"invocationJobSummaries": shown, "batchPredictionJobs": shown, **token})

    def name_of(self, batch):
        return batch["metadata"].get("jobName", batch["metadata"].get("displayName"))

    def shown_as_job(self, batch):
        done = self.server.done.is_set() or batch["cancelled"]
        out = batch["metadata"]["out"]
        if self.server.kind.startswith("vertexai"):
            state = "CANCELLED" if batch["cancelled"] else "SUCCEEDED" if done else "RUNNING"
            info = {"outputInfo": {"gcsOutputDirectory": out}} if done else {}
            return {"name": f"{VERTEX.removeprefix('/v1/')}/{batch['id']}", "state": f"JOB_STATE_{state}",
                    "displayName": self.name_of(batch), "createTime": batch["at"], **info}
        status = "Stopped" if batch["cancelled"] else "Completed" if done else "InProgress"
        return {"jobArn": self.arn(batch), "status": status, "jobName": self.name_of(batch), "submitTime": batch["at"],
                "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": out}}}

    def object(self, url):
        """The answers of a batch, where it leaves them."""
        def folder(batch):
            return batch["metadata"]["out"].split("://bucket/", 1)[1]

        query = parse_qs(url.query)
        if "prefix" in query:
            [batch] = [batch for batch in self.server.batches if folder(batch) + "/" == query["prefix"][0]]
            return self.answer({"items": [{"name": f"{folder(batch)}/predictions.jsonl"}]})
        if self.server.kind.startswith("vertexai"):
            name = unquote(url.path.removeprefix("/storage/v1/b/bucket/o/"))
            [batch] = [batch for batch in self.server.batches if f"{folder(batch)}/predictions.jsonl" == name]
            return self.answer_lines(batch, self.vertex_line)
        name = url.path.removeprefix("/bucket/")
        [batch] = [batch for batch in self.server.batches if f"{folder(batch)}{batch['id']}/lines.jsonl.out" == name]
        return self.answer_lines(batch, self.bedrock_line)

    def listed(self, query):
        """Newest first, two at a time: whoever looks for one has to turn pages."""
        batches = self.server.batches[::-1]
        if self.server.kind == "together":
            self.server.seen.set()
            return self.answer([self.shown(batch) for batch in batches])
        after = (query.get("after") or query.get("after_id") or [None])[0]
        ids = [batch["id"] for batch in batches]
        token = (query.get("pageToken") or [None])[0]
        start = 2 * int(query["page"][0]) if "page" in query else ids.index(after) + 1 if after else 0
        start = int(token.removeprefix("a+/&=")) if token else start
        page, has_more = [self.shown(batch) for batch in batches[start:start + 2]], start + 2 < len(batches)
        if "pageSize" in query:
            self.answer({"operations": page, **({"nextPageToken": f"a+/&={start + 2}"} if has_more else {})})
        else:
            self.answer({"data": page, "has_more": has_more})
        if not has_more:
            self.server.seen.set()

    def shown(self, batch):
        done = self.server.done.is_set() or batch["cancelled"]
        if "/v1beta/" in self.path:
            return self.shown_as_operation(batch, done)
        if self.server.kind in ("vertexai", "vertexaianthropic", "bedrock"):
            return self.shown_as_job(batch)
        shown = {"id": batch["id"], "metadata": batch["metadata"]}
        if self.server.kind == "together":
            status = "CANCELLED" if batch["cancelled"] else "COMPLETED" if done else "IN_PROGRESS"
            shown = {"id": batch["id"], "input_file_id": batch["file"], "created_at": batch["at"], "status": status}
            return {**shown, "output_file_id": f"out-{batch['id']}"} if done else shown
        if batch["metadata"] is None:
            count = len(batch["lines"])
            return {"id": batch["id"], "processing_status": "ended" if done else "in_progress",
                    "created_at": batch["at"], "request_counts": {
                        "processing": 0 if done else count, "succeeded": count if done else 0, "errored": 0,
                        "canceled": 0, "expired": 0}}
        output = f"out-{batch['id']}"
        if "/batch/jobs" in self.path:
            status = "CANCELLED" if batch["cancelled"] else "SUCCESS"
            return {**shown, "status": status, "output_file": output} if done else {**shown, "status": "RUNNING"}
        status = "cancelled" if batch["cancelled"] else "completed"
        return {**shown, "status": status, "output_file_id": output} if done else {**shown, "status": "in_progress"}

    def shown_as_operation(self, batch, done):
        state = "CANCELLED" if batch["cancelled"] else "SUCCEEDED" if done else "RUNNING"
        about = {**batch["metadata"], "createTime": batch["at"], "state": f"BATCH_STATE_{state}"}
        shown = {"name": f"batches/{batch['id']}", "metadata": about}
        if done:
            about["output"] = {"responsesFile": f"files/out-{batch['id']}"}
            shown["done"] = True
            shown |= {"error": {"code": 1}} if batch["cancelled"] else {"response": about["output"]}
        return shown

    def openai_line(self, line):
        if "refused" in line:
            error = {"error": {"message": REFUSAL, "type": "invalid_request_error"}}
            return {"custom_id": line["custom_id"], "response": {"status_code": 400, "body": error}, "error": None}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}}
        return {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}

    def gemini_line(self, line):
        if "refused" in line:
            return {"key": line["key"], "error": {"code": 3, "message": REFUSAL, "status": "INVALID_ARGUMENT"}}
        answer = {"candidates": [{"content": {"role": "model", "parts": [{"text": "done"}]}, "finishReason": "STOP"}],
                  "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3, "totalTokenCount": 5}}
        return {"key": line["key"], "response": answer}

    def vertex_line(self, line):
        if self.server.kind == "vertexaianthropic":
            result = self.anthropic_line(line)["result"]
            status = json.dumps({"error": {"code": 400, **result["error"]["error"]}}) if "refused" in line else ""
            return {**line, "status": status, "response": result.get("message")}
        answer = self.gemini_line({"key": "", **line})
        status = json.dumps({"error": answer["error"] | {"code": 400}}) if "refused" in line else ""
        return {"status": status, "request": line["request"], "response": answer.get("response", {})}

    def bedrock_line(self, line):
        if "refused" in line:
            return {"recordId": line["recordId"], "modelInput": {}, "error": {"errorCode": 400, "errorMessage": REFUSAL}}
        message = {"role": "assistant", "content": [{"text": "done"}]}
        usage = {"inputTokens": 2, "outputTokens": 3, "totalTokens": 5}
        output = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
        return {"recordId": line["recordId"], "modelInput": {}, "modelOutput": output}

    def anthropic_line(self, line):
        if "refused" in line:
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": REFUSAL}}
            return {"custom_id": line["custom_id"], "result": {"type": "errored", "error": error}}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                   "content": [{"type": "text", "text": "done"}], "usage": {"input_tokens": 2, "output_tokens": 3}}
        return {"custom_id": line["custom_id"], "result": {"type": "succeeded", "message": message}}

    def answer_lines(self, batch, written):
        """A batch that was cancelled got as far as its first line."""
        lines = batch["lines"][:1] if batch["cancelled"] else batch["lines"]
        self.send(200, "\n".join(json.dumps(written(line)) for line in lines).encode())

    def answer(self, body, status=200):
        self.send(status, json.dumps(body).encode())

    def send(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Provider)
        self.files, self.batches, self.names = {}, [], 0
        self.objects = {}
        # Which provider it is, where the address does not tell.
        self.kind = None
        self.lock = threading.Lock()
        # What the next batch meets: it is made and nobody hears of it, or it is not made.
        self.lose_answer = self.refuse = False
        self.refuse_last_line = False
        self.lost, self.go_on, self.done = threading.Event(), threading.Event(), threading.Event()
        # The list was read to its end.
        self.seen = threading.Event()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def new_id(self, kind):
        with self.lock:
            self.names += 1
            # The last part of an ARN is letters and digits.
            return f"{kind}_{self.names}" if self.kind != "bedrock" else f"{kind}{self.names:08}"

    def batch(self, name):
        return next(batch for batch in self.batches if batch["id"] == name)

    def lines(self, name):
        return [json.loads(line) for line in self.objects[name].splitlines()]

    def made_by_others(self, count, lines, provider):
        """Batches that somebody else has there, of the same size."""
        theirs = {"displayName": "theirs", "out": "gs://bucket/theirs"}
        metadata = {"anthropic": None, "gemini": {"displayName": "theirs"}, "vertexai": theirs, "vertexaianthropic": theirs,
                    "bedrock": {"jobName": "theirs", "out": "s3://bucket/theirs/"}}.get(provider, {})
        for number in range(count):
            others = [{"custom_id": f"theirs-{number}-{line}"} for line in range(lines)]
            file = self.new_id("file")
            self.files[file] = others
            self.batches.append({"id": self.new_id("other"), "lines": others, "file": file,
                                 "metadata": metadata, "at": datetime.now(UTC).isoformat(), "cancelled": False})


@contextmanager
def serving():
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        server.server_close()
