"""Anthropic Messages: `POST /v1/messages`. <https://docs.anthropic.com/en/api/messages>"""

import json

from .model import Ask, Call, Failure, Reasoning, Result, Text, need, need_members, need_paired, pieces

KNOWN = {
    "model", "messages", "max_tokens", "system", "stream", "tools", "tool_choice", "temperature", "top_p", "top_k",
    "stop_sequences", "thinking", "output_config", "metadata", "service_tier", "context_management", "cache_control",
    "speed", "diagnostics", "thread",
}
FINISH = {"text": "end_turn", "calls": "tool_use"}


def read(body, memory):
    need_members(body, KNOWN)
    if "thread" in body:
        # As for an organisation whose conversations are not kept.
        raise Failure(400, details={"error_code": "thread_unsupported_request", "unsupported": ["zdr"]})
    need(body.get("max_tokens", 0) > 0, "max_tokens is required")
    thinking = body.get("thinking") or {"type": "disabled"}
    if thinking["type"] == "enabled":
        need(1024 <= thinking["budget_tokens"] < body["max_tokens"], "budget_tokens against max_tokens")
    ask = Ask("anthropic", body["model"], "", thinks=thinking["type"] != "disabled")
    ask.system = text_of(body.get("system") or "")
    for tool in body.get("tools", []):
        need(tool["input_schema"]["type"] == "object", f"input_schema of {tool['name']}")
        ask.tools[tool["name"]] = tool["input_schema"]
    choice = body.get("tool_choice", {"type": "auto"})
    ask.choice = {"any": "required", "tool": choice.get("name")}.get(choice["type"], choice["type"])
    need(not ask.thinks or choice["type"] in ("auto", "none"), "thinking with a forced tool")
    ask.schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    read_turns(body["messages"], ask, memory, must_think=thinking["type"] == "enabled")
    return ask


def read_turns(messages, ask, memory, must_think):
    need(messages and messages[0]["role"] == "user", "the first message is the user's")
    need(messages[-1]["role"] == "user", "the last message is the user's")
    role, thought = None, False
    for message in messages:
        need(message["role"] != role, f"two turns of {role} in a row")
        role = message["role"]
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            need(block["type"] != "text" or block["text"], "an empty text block")
        if role == "user":
            read_user(blocks, ask)
        else:
            need(role == "assistant", f"role {role}")
            ask.turns += 1
            ask.calls, ask.results = read_assistant(blocks, ask, memory), []
            thought = any(block["type"] in ("thinking", "redacted_thinking") for block in blocks[:1])
    need(not (must_think and ask.results) or thought, "Expected `thinking` or `redacted_thinking`, found `tool_use`")


def read_user(blocks, ask):
    results = [block for block in blocks if block["type"] == "tool_result"]
    need(blocks[:len(results)] == results, "tool results come first in a turn")
    ask.results = [
        Result(block["tool_use_id"], text_of(block.get("content", "")), images_of(block.get("content", "")))
        for block in results
    ]
    need_paired(ask.calls, ask.results)
    if words := text_of([block for block in blocks if block["type"] == "text"]):
        ask.user = words
    if not results:
        ask.calls = []


def read_assistant(blocks, ask, memory):
    signatures = [block["signature"] for block in blocks if block["type"] == "thinking"]
    for signature in signatures:
        memory.check_signature("anthropic", signature)
    ask.signatures += signatures
    calls = [Call(b["name"], b["input"], b["id"]) for b in blocks if b["type"] == "tool_use"]
    for call in calls:
        need(isinstance(call.arguments, dict), f"the input of {call.id} is no object")
        if ask.thinks:
            memory.check_call("anthropic", call.id, signatures)
    return calls


def text_of(content):
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block["type"] == "text")


def images_of(content):
    return 0 if isinstance(content, str) else sum(block["type"] == "image" for block in content)


def usage(reply):
    return {
        "input_tokens": reply.input, "output_tokens": reply.output,
        "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
    }


def block_of(block):
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, Reasoning):
        return {"type": "thinking", "thinking": block.text, "signature": block.signature}
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.arguments}


def whole(reply):
    return {
        "id": f"msg_{reply.number}", "type": "message", "role": "assistant", "model": reply.ask.model,
        "content": [block_of(block) for block in reply.blocks],
        "stop_reason": FINISH[reply.ends_with], "stop_sequence": None, "usage": usage(reply),
    }


def stream(reply):
    start = {**whole(reply), "content": [], "stop_reason": None, "usage": {**usage(reply), "output_tokens": 1}}
    yield event("message_start", message=start)
    yield event("ping")
    for index, block in enumerate(reply.blocks):
        opened, deltas = parts(block)
        yield event("content_block_start", index=index, content_block=opened)
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    delta = {"stop_reason": FINISH[reply.ends_with], "stop_sequence": None}
    yield event("message_delta", delta=delta, usage={"output_tokens": reply.output})
    yield event("message_stop")


def parts(block):
    """A block as it opens, and what follows."""
    opened = block_of(block)
    if isinstance(block, Text):
        return {**opened, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(block.text)]
    if isinstance(block, Reasoning):
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block.text)]
        deltas.append({"type": "signature_delta", "signature": block.signature})
        return {**opened, "thinking": "", "signature": ""}, deltas
    fragments = ["", *pieces(json.dumps(block.arguments))]
    return {**opened, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in fragments]


def event(kind, **members):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n"


def error(status, message, details=None):
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "api_error")
    told = {"type": kind, "message": message, **({"details": details} if details else {})}
    return {"type": "error", "error": told, "request_id": "req_scripted"}
