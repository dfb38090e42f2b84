"""Pictures, sound and ranking in the providers' own formats: Gemini, Bedrock, DashScope, rankers of several shapes; and
transcripts in OpenAI's.

Strict as the providers are: a member they do not know, or a key that is not theirs, is refused.
"""

import asyncio
import base64
import json
import struct
import threading
import zlib
from contextlib import contextmanager

from aiohttp import web

from . import edits, signed
from .model import FAIL, Failure, Malformed, need, need_members, pieces
from .upstream import KEY, listening

RATE = 24_000
SAMPLES = struct.pack("<8h", 0, 1000, 2000, 3000, -3000, -2000, -1000, 0) * 4000
"""What the speech models say, whatever is asked."""
MP3 = b"ID3sound" * 4000
SAID = "Good day to you."
VERTEX = "/vertex/v1/projects/p/locations/l"
"""What the models that hear have heard, whatever is played to them."""
WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\xc0\x5d\0\0\x80\xbb\0\0\x02\0\x10\0data\0\0\0\0"


def png(shade):
    """A picture of one dot."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes([0, shade]))) + chunk(b"IEND", b"")


def text64(data):
    return base64.b64encode(data).decode()


def fail_if_told(words):
    if failure := FAIL.search(words):
        raise Failure(int(failure[1]), failure[2])


class Natives:
    """`sent`: path and body of each request so far. `malformed`: what no provider would have taken. While `may_go_on` is
    not set, streams stop after their first event."""

    def __init__(self):
        self.sent = []
        self.malformed = []
        self.may_go_on = threading.Event()
        self.url = None
        self.changing = edits.Changing(lambda at: text64(png(at)), fail_if_told)

    def forget(self):
        self.sent.clear()
        self.malformed.clear()
        self.may_go_on.set()

    def providers(self):
        def instance(kind, path, **more):
            return {"provider_type": kind, "api_base": f"{self.url}{path}", "api_key": KEY, **more}

        return {
            "gemini": instance("gemini", "/gemini/v1beta"),
            "bedrock": {
                "provider_type": "bedrock", "api_base": self.url, "region": signed.REGION,
                "aws_access_key_id": signed.ACCESS_KEY, "aws_secret_access_key": signed.SECRET_KEY,
            },
            "vertexai": {
                "provider_type": "vertexai", "api_base": f"{self.url}/vertex/v1", "api_key": "ya29.token",
                "project": "p", "location": "l",
            },
            "xai": instance("xai", "/xai/v1"),
            "mistral": instance("mistral", "/mistral/v1"),
            "cohere": instance("cohere", "/cohere"),
            "voyage": instance("voyage", "/voyage/v1"),
            "dashscope": instance("dashscope", "/compatible-mode/v1"),
            "openai": instance("openai", "/openai/v1"),
            "jina": instance("openai-compatible", "/jina/v1"),
        }

    def application(self):
        app = web.Application(client_max_size=64 * 1024 * 1024)
        bearer, google = ("authorization", f"Bearer {KEY}"), ("x-goog-api-key", KEY)
        for path, key, handle in (
            ("/gemini/v1beta/models/{model}:predict", google, imagen),
            (f"{VERTEX}/publishers/google/models/{{model}}:predict", ("authorization", "Bearer ya29.token"), self.imagen_edit),
            ("/gemini/v1beta/models/{model}:generateContent", google, generate),
            ("/gemini/v1beta/models/{model}:streamGenerateContent", google, generate),
            ("/model/{model}/invoke", None, self.invoke),
            ("/rerank", None, bedrock_rerank),
            ("/api/v1/services/aigc/multimodal-generation/generation", bearer, dashscope),
            ("/xai/v1/images/edits", bearer, lambda _, body: edits.xai(body, text64(png(9)))),
            ("/xai/v1/tts", bearer, xai_speech),
            ("/mistral/v1/audio/speech", bearer, mistral_speech),
            ("/openai/v1/audio/transcriptions", bearer, transcribe),
            ("/openai/v1/audio/translations", bearer, transcribe),
            ("/cohere/v2/rerank", bearer, cohere_rerank),
            ("/voyage/v1/rerank", bearer, voyage_rerank),
            ("/jina/v1/rerank", bearer, jina_rerank),
        ):
            app.router.add_post(path, self.at(key, handle))
        for where in ("text2image", "image2image"):
            app.router.add_post(f"/api/v1/services/aigc/{where}/image-synthesis", self.at(bearer, self.begin))
        app.router.add_get("/api/v1/tasks/{model}", self.at(bearer, lambda name, _: self.changing.after(name)))
        app.router.add_post("/api/v1/tasks/{model}/cancel", self.at(bearer, lambda name, _: self.changing.cancel(name)))
        return app

    def imagen_edit(self, _, body):
        return self.changing.imagen(body)

    def invoke(self, model, body):
        return self.changing.invoke(model, body) or invoke(model, body)

    def begin(self, _, body):
        return self.changing.begin(self.request, body)

    def at(self, key, handle):
        async def handler(request):
            is_form = request.content_type == "multipart/form-data"
            raw = b"" if is_form else await request.read()
            try:
                if key is None:
                    signed.check(request, raw)
                else:
                    need(request.headers.get(key[0]) == key[1], f"{key[0]} is not the provider's key")
                body = form(await request.post()) if is_form else json.loads(raw or "{}")
                self.request = request
                self.sent.append((request.path, body))
                answer = handle(request.match_info.get("model"), body)
                if isinstance(answer, str):
                    return web.Response(text=answer)
                if isinstance(answer, bytes):
                    return web.Response(body=answer, content_type="audio/mpeg")
                if events := events_of(request, body, answer):
                    return await self.stream(request, events)
                return web.json_response(answer)
            except Failure as failure:
                headers = {"retry-after": failure.retry_after} if failure.retry_after else {}
                return web.json_response(error(request.path, failure.status, str(failure)), status=failure.status, headers=headers)
            except (Malformed, LookupError, TypeError, ValueError) as problem:
                message = f"{request.path}: {type(problem).__name__}: {problem}"
                self.malformed.append(f"{message}\n{raw[:4000]!r}")
                return web.json_response(error(request.path, 400, message), status=400)

        return handler

    async def stream(self, request, events):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await response.write(f"data: {json.dumps(event)}\r\n\r\n".encode())
            await asyncio.to_thread(self.may_go_on.wait, 30)
        return response


def form(fields):
    return {name: field.file.read() if hasattr(field, "file") else field for name, field in fields.items()}


def events_of(request, body, answer):
    """The data of the answer's events, where a stream was asked for."""
    if request.path.endswith(":streamGenerateContent"):
        need(request.query.get("alt") == "sse", "alt=sse")
        need("responseFormat" not in body["generationConfig"], "what is compressed is made whole")
        [said] = answer["candidates"]
        [part] = said["content"]["parts"]
        ended = {"candidates": [{"content": {}, "finishReason": "STOP"}], "usageMetadata": answer["usageMetadata"]}
        contents = ({"role": "model", "parts": [piece]} for piece in pieces_of(part))
        return [*({"candidates": [{"content": content}]} for content in contents), ended]
    if "voice" in body.get("input", {}):
        need(request.headers.get("x-dashscope-sse") == "enable", "without X-DashScope-SSE there is only a link")
        audio = ({"data": text64(piece)} for piece in slices(SAMPLES))
        ended = {"output": {"audio": {"data": "", "url": "http://oss/1.wav"}, "finish_reason": "stop"}}
        return [*({"output": {"audio": piece, "finish_reason": "null"}} for piece in audio), ended]
    if body.get("stream") == "true" and body["model"] != "whisper-1":
        deltas = ({"type": "transcript.text.delta", "delta": piece} for piece in pieces(SAID))
        return [*deltas, {"type": "transcript.text.done", "text": SAID}]
    return None


def pieces_of(part):
    if "text" in part:
        return [{"text": piece} for piece in pieces(part["text"])]
    data = base64.b64decode(part["inlineData"]["data"])
    return [{"inlineData": {**part["inlineData"], "data": text64(piece)}} for piece in slices(data)]


def slices(data, length=20_000):
    return [data[at:at + length] for at in range(0, len(data), length)]


def error(path, status, message):
    if path.startswith("/gemini"):
        return {"error": {"code": status, "message": message, "status": "X"}}
    return {"message": message} if path.startswith(("/model", "/rerank", "/cohere")) else {"detail": message}


def imagen(model, body):
    need(model.startswith("imagen-"), f"{model} does not predict")
    need_members(body, {"instances", "parameters"})
    parameters = body["parameters"]
    need_members(parameters, {
        "sampleCount", "aspectRatio", "sampleImageSize", "negativePrompt", "outputOptions", "seed", "personGeneration",
    })
    [instance] = body["instances"]
    need_members(instance, {"prompt"})
    need(1 <= parameters["sampleCount"] <= 4, "sampleCount")
    fail_if_told(instance["prompt"])
    if instance["prompt"] == "something forbidden":
        return {}
    made = [{"mimeType": "image/png", "bytesBase64Encoded": text64(png(at))} for at in range(parameters["sampleCount"])]
    return {"predictions": made}


def generate(model, body):
    need_members(body, {"contents", "generationConfig"})
    [content] = body["contents"]
    need(content["role"] == "user", "role")
    words = " ".join(part["text"] for part in content["parts"] if "text" in part)
    fail_if_told(words)
    config = body["generationConfig"]
    if "image" in model:
        need_members(config, {"responseModalities", "imageConfig", "seed"})
        return drawn(content["parts"], config, words)
    if "tts" in model:
        return spoken(model, content["parts"], config)
    if "transcribe" in model:
        return transcribed(content["parts"], config)
    need_members(config, {"temperature", "responseMimeType", "responseSchema"})
    [sound] = [part["inlineData"] for part in content["parts"] if "inlineData" in part]
    need(sound["mimeType"].startswith("audio/") and base64.b64decode(sound["data"]), "no sound")
    if "responseSchema" in config:
        need(config["responseMimeType"] == "application/json" and "MM:SS" in words, "times")
        segments = [{"start": "00:00.000", "end": "00:02.500", "text": SAID}]
        return candidate({"text": json.dumps({"language": "english", "segments": segments})})
    return candidate({"text": SAID})


def transcribed(parts, config):
    """A model that takes sound alone."""
    need_members(config, {"audioTranscriptionConfig", "temperature"})
    how = config["audioTranscriptionConfig"]
    need_members(how, {"languageCodes", "customVocabulary", "wordTimestamp"})
    need(not ("customVocabulary" in how and how.get("wordTimestamp")), "vocabulary and times together")
    [part] = parts
    need(part["inlineData"]["mimeType"].startswith("audio/"), "no sound")
    told = {"text": SAID}
    if how.get("wordTimestamp"):
        told["words"] = [
            {"word": word, "startOffset": f"{at * 0.5:.3f}s", "endOffset": f"{at * 0.5 + 0.4:.3f}s"}
            for at, word in enumerate(SAID.split())
        ]
    return candidate({"audioTranscription": told})


def drawn(parts, config, words):
    need("IMAGE" in config["responseModalities"], "responseModalities")
    shown = [part["inlineData"] for part in parts if "inlineData" in part]
    for picture in shown:
        need(picture["mimeType"] == "image/png" and base64.b64decode(picture["data"]).startswith(b"\x89PNG"), "picture")
    if words == "something forbidden":
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    return candidate({"inlineData": {"mimeType": "image/png", "data": text64(png(100 + len(shown)))}})


def spoken(model, parts, config):
    """Models from 3.8 on say all of the text, and make a file of sound unless it is streamed."""
    need(config["responseModalities"] == ["AUDIO"], "responseModalities")
    [part] = parts
    need(part["text"], "one text")
    voice = config["speechConfig"]["voiceConfig"]
    if not model.startswith("gemini-3.8"):
        need_members(config, {"responseModalities", "speechConfig"})
        need_members(part, {"text"})
        need(voice == {"prebuiltVoiceConfig": {"voiceName": "Kore"}}, "voice")
        return candidate({"inlineData": {"mimeType": f"audio/L16;codec=pcm;rate={RATE}", "data": text64(SAMPLES)}})
    need_members(config, {"responseModalities", "speechConfig", "responseFormat"})
    need_members(part, {"text", "speechMetadata"})
    need(part["text"] == "hello" or "fail" in part["text"], "the style would be read aloud")
    need(voice == {"voice": "Kore"}, "voice")
    kind = config.get("responseFormat", {}).get("audio", {}).get("mimeType")
    if kind == "AUDIO_MP3":
        return candidate({"inlineData": {"mimeType": "audio/mpeg", "data": text64(MP3)}})
    return candidate({"inlineData": {"mimeType": f"audio/l16; rate={RATE}; channels=1", "data": text64(SAMPLES)}})


def candidate(part):
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 9, "totalTokenCount": 16}
    return {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}


def invoke(model, body):
    if model == "amazon.nova-canvas-v1:0":
        if body["taskType"] == "IMAGE_VARIATION":
            need_members(body, {"taskType", "imageVariationParams", "imageGenerationConfig"})
            need_members(body["imageVariationParams"], {"images", "text", "similarityStrength"})
            need(all(base64.b64decode(picture) for picture in body["imageVariationParams"]["images"]), "images")
        else:
            need_members(body, {"taskType", "textToImageParams", "imageGenerationConfig"})
            need(body["taskType"] == "TEXT_IMAGE", "taskType")
            fail_if_told(body["textToImageParams"]["text"])
        config = body["imageGenerationConfig"]
        need_members(config, {"numberOfImages", "width", "height", "quality", "seed", "cfgScale"})
        return {"images": [text64(png(at)) for at in range(config["numberOfImages"])], "error": None}
    need(model == "stability.stable-image-core-v1:1", f"no model {model}")
    need_members(body, {"prompt", "aspect_ratio", "output_format", "negative_prompt", "seed", "mode"})
    fail_if_told(body["prompt"])
    if body["prompt"] == "something forbidden":
        return {"seeds": [], "finish_reasons": ["Filter reason: prompt"], "images": []}
    return {"seeds": [7], "finish_reasons": [None], "images": [text64(png(7))]}


def dashscope(_, body):
    if "asr" in body["model"]:
        return edits.hear(body, SAID)
    need_members(body, {"model", "input", "parameters"})
    if "voice" in body["input"]:
        need_members(body["input"], {"text", "voice", "instructions", "language_type"})
        fail_if_told(body["input"]["text"])
        return {}
    parameters = body["parameters"]
    need_members(parameters, {"n", "size", "seed", "negative_prompt", "prompt_extend", "watermark"})
    need(parameters["n"] == 1 and parameters.get("size", "1328*1328") == "1328*1328", "n, size")
    [message] = body["input"]["messages"]
    need(message["role"] == "user", "role")
    *shown, words = message["content"]
    need(all(part["image"].startswith("data:image/png;base64,") for part in shown), "image")
    fail_if_told(words["text"])
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": [{"image": f"https://oss/{len(shown)}.png"}]}}
    return {"output": {"choices": [choice]}, "usage": {"image_count": 1}, "request_id": "d-1"}


def xai_speech(_, body):
    need_members(body, {"text", "voice_id", "language", "output_format", "speed"})
    fail_if_told(body["text"])
    need((body["language"], body["output_format"]) == ("auto", {"codec": "mp3"}), "language, output_format")
    return MP3


def mistral_speech(_, body):
    need_members(body, {"model", "input", "voice_id", "ref_audio", "response_format"})
    fail_if_told(body["input"])
    need(body["response_format"] == "mp3" and body["voice_id"] == "Kore", "response_format, voice_id")
    return {"audio_data": text64(MP3)}


def transcribe(_, body):
    """In OpenAI's form."""
    need_members(body, {"model", "file", "response_format", "language", "prompt", "stream", "temperature"})
    need(body["file"] == WAV, "file")
    written = body.get("response_format", "json")
    if written == "text":
        return SAID
    if written in ("srt", "vtt"):
        head = "WEBVTT\n\n" if written == "vtt" else "1\n"
        return f"{head}00:00:00,000 --> 00:00:02,500\n{SAID}\n"
    if written == "verbose_json":
        segment = {
            "id": 0, "seek": 0, "start": 0.0, "end": 2.5, "text": SAID, "tokens": [1], "temperature": 0.0,
            "avg_logprob": -0.1, "compression_ratio": 1.0, "no_speech_prob": 0.0,
        }
        return {"text": SAID, "language": "english", "duration": 2.5, "segments": [segment]}
    return {"text": SAID}


def scores(query, documents):
    """Most for documents that say the query's word most often."""
    fail_if_told(query)
    scored = [(document.count(query) / (1 + len(document.split())), at) for at, document in enumerate(documents)]
    return sorted(scored, key=lambda scored: (-scored[0], scored[1]))


def cohere_rerank(_, body):
    need_members(body, {"model", "query", "documents", "top_n", "max_tokens_per_doc"})
    ranked = scores(body["query"], body["documents"])[:body.get("top_n")]
    results = [{"index": at, "relevance_score": score} for score, at in ranked]
    return {"id": "c-1", "results": results, "meta": {"billed_units": {"search_units": 1}}}


def voyage_rerank(_, body):
    need_members(body, {"model", "query", "documents", "top_k", "return_documents", "truncation"})
    ranked = scores(body["query"], body["documents"])[:body.get("top_k")]
    results = [{"index": at, "relevance_score": score} for score, at in ranked]
    return {"object": "list", "data": results, "model": body["model"], "usage": {"total_tokens": 26}}


def jina_rerank(_, body):
    need_members(body, {"model", "query", "documents", "top_n", "return_documents"})
    ranked = scores(body["query"], body["documents"])[:body.get("top_n")]
    results = [{"index": at, "relevance_score": score, "document": {"text": body["documents"][at]}} for score, at in ranked]
    return {"model": body["model"], "object": "list", "usage": {"total_tokens": 15}, "results": results}


def bedrock_rerank(_, body):
    need_members(body, {"queries", "sources", "rerankingConfiguration"})
    [query] = body["queries"]
    need(query["type"] == "TEXT", "query")
    sources = [source["inlineDocumentSource"] for source in body["sources"]]
    config = body["rerankingConfiguration"]
    need(config["type"] == "BEDROCK_RERANKING_MODEL", "type")
    config = config["bedrockRerankingConfiguration"]
    arn = f"arn:aws:bedrock:{signed.REGION}::foundation-model/amazon.rerank-v1:0"
    need(config["modelConfiguration"] == {"modelArn": arn}, f"model {config['modelConfiguration']}")
    ranked = scores(query["textQuery"]["text"], [source["textDocument"]["text"] for source in sources])
    results = [{"index": at, "relevanceScore": score} for score, at in ranked]
    return {"results": results[:config["numberOfResults"]]}


@contextmanager
def serving():
    natives = Natives()
    with listening(natives.application()) as natives.url:
        yield natives
