"""Embeddings of three dialects: a vector tells how long its text is."""

import base64
import struct

from .model import need, need_members


def vector(text):
    return [0.5, -0.25, len(text) / 64]


def openai(body):
    need_members(body, {"model", "input", "encoding_format", "dimensions", "user"})
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    packed = body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        values = vector(text)
        if packed:
            values = base64.b64encode(struct.pack("<3f", *values)).decode()
        data.append({"object": "embedding", "index": index, "embedding": values})
    return {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 9, "total_tokens": 9}}


def gemini(body):
    need_members(body, {"requests"})
    texts = [part["text"] for request in body["requests"] for part in request["content"]["parts"]]
    return {"embeddings": [{"values": vector(text)} for text in texts]}


def cohere(body):
    need_members(body, {"model", "texts", "input_type", "embedding_types", "output_dimension", "truncate"})
    need(body["input_type"], "input_type is required")
    need(body["embedding_types"] == ["float"], "embedding_types")
    vectors = [vector(text) for text in body["texts"]]
    meta = {"billed_units": {"input_tokens": 9}}
    return {"id": "embed", "embeddings": {"float": vectors}, "texts": body["texts"], "meta": meta}
