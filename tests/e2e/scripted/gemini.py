"""Gemini: `models/{model}:generateContent` and `:streamGenerateContent`. <https://ai.google.dev/api/generate-content>"""

import json
import re

from .model import Ask, Call, Reasoning, Result, Text, need, need_members, pieces

KNOWN = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "serviceTier"}
KNOWN_GENERATION = {
    "maxOutputTokens", "temperature", "topP", "topK", "stopSequences", "seed", "presencePenalty", "frequencyPenalty",
    "candidateCount", "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig",
}
CALLERS_OWN = {"args", "response", "parametersJsonSchema", "responseJsonSchema"}
SKIP = "skip_thought_signature_validator"
"""Google's marker for calls that another model made."""


def camel(value):
    """Both spellings of a member are taken."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    spelt = {re.sub("_([a-z])", lambda found: found[1].upper(), name): item for name, item in value.items()}
    return {name: item if name in CALLERS_OWN else camel(item) for name, item in spelt.items()}


def read(body, memory):
    body = camel(body)
    need_members(body, KNOWN)
    generation = body.get("generationConfig", {})
    need_members(generation, KNOWN_GENERATION)
    ask = Ask("gemini", "", "", thinks=generation.get("thinkingConfig", {}).get("includeThoughts", False))
    ask.system = text_of(body.get("systemInstruction", {}).get("parts", []))
    for group in body.get("tools", []):
        for tool in group["functionDeclarations"]:
            ask.tools[tool["name"]] = tool.get("parametersJsonSchema") or tool.get("parameters") or {}
    config = body.get("toolConfig", {}).get("functionCallingConfig", {"mode": "AUTO"})
    allowed = config.get("allowedFunctionNames", [])
    need(not allowed or config["mode"] == "ANY", "allowedFunctionNames without ANY")
    ask.choice = {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}[config["mode"]]
    if len(allowed) == 1:
        ask.choice = allowed[0]
    ask.schema = generation.get("responseJsonSchema") or generation.get("responseSchema")
    need(ask.schema is None or generation.get("responseMimeType") == "application/json", "schema without type")
    read_contents(body["contents"], ask, memory)
    return ask


def read_contents(contents, ask, memory):
    need(contents and contents[-1]["role"] == "user", "the last content is the user's")
    for content in contents:
        parts = content["parts"]
        need(parts, "a content without parts")
        if content["role"] == "user":
            read_user(parts, ask)
        else:
            need(content["role"] == "model", f"role {content['role']}")
            ask.turns += 1
            ask.calls, ask.results = read_model(parts, ask, memory), []


def read_user(parts, ask):
    answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
    need(len(answers) == len(ask.calls), f"{len(ask.calls)} calls, and {len(answers)} results")
    for call, answer in zip(ask.calls, answers):
        need(answer["name"] == call.name, f"the result of {call.name} says {answer['name']}")
        need(answer.get("id", call.id) == call.id, f"the result of {call.id} says {answer.get('id')}")
        need(isinstance(answer["response"], dict), "a result that is no object")
    ask.results = [Result(a.get("id"), words_of(a["response"]), images_of(parts)) for a in answers]
    if words := text_of(parts):
        ask.user = words
    if not answers:
        ask.calls = []


def read_model(parts, ask, memory):
    signatures = [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]
    for signature in signatures:
        if signature != SKIP:
            memory.check_signature("gemini", signature)
    ask.signatures += signatures
    called = [part for part in parts if "functionCall" in part]
    # Only the first call of a turn is signed, and must be.
    need(not called or "thoughtSignature" in called[0], "Function call is missing a thought_signature")
    for part in called:
        memory.check_call("gemini", part["functionCall"].get("id"), signatures)
    return [
        Call(part["functionCall"]["name"], part["functionCall"].get("args", {}), part["functionCall"].get("id"))
        for part in called
    ]


def text_of(parts):
    return "\n".join(part["text"] for part in parts if "text" in part and not part.get("thought"))


def words_of(response):
    for name in ("result", "output", "error"):
        if isinstance(response.get(name), str):
            return response[name]
    return json.dumps(response)


def images_of(parts):
    inner = [part for a in parts for part in a.get("functionResponse", {}).get("parts", [])]
    return sum("inlineData" in part for part in [*parts, *inner])


def answer(reply, parts, finish=None):
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate], "modelVersion": reply.ask.model, "responseId": f"gemini-{reply.number}",
        "usageMetadata": {
            "promptTokenCount": reply.input, "candidatesTokenCount": reply.output - reply.thought,
            "thoughtsTokenCount": reply.thought, "totalTokenCount": reply.input + reply.output,
        },
    }


def parts_of(reply):
    """With the signature on the first call, or on the text after a thought."""
    signature = None
    for block in reply.blocks:
        if isinstance(block, Reasoning):
            signature = block.signature
            yield {"text": block.text, "thought": True}
        elif isinstance(block, Text):
            yield {"text": block.text, **signed(signature)}
        else:
            call = {"id": block.id, "name": block.name, "args": block.arguments}
            yield {"functionCall": call, **signed(block.signature)}


def signed(signature):
    return {"thoughtSignature": signature} if signature else {}


def whole(reply):
    return answer(reply, list(parts_of(reply)), "STOP")


def stream(reply):
    """Text in pieces, calls whole; the end on an empty text."""
    for part in parts_of(reply):
        if "text" not in part:
            yield event(answer(reply, [part]))
            continue
        for piece in pieces(part["text"]):
            shown = {name: value for name, value in part.items() if name != "thoughtSignature"}
            yield event(answer(reply, [{**shown, "text": piece}]))
        if signature := part.get("thoughtSignature"):
            yield event(answer(reply, [{"text": "", "thoughtSignature": signature}]))
    yield event(answer(reply, [{"text": ""}], "STOP"))


def event(value):
    return f"data: {json.dumps(value)}\r\n\r\n"


STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}


def error(status, message, details=None):
    return {"error": {"code": status, "message": message, "status": STATUS.get(status, "INTERNAL")}}
