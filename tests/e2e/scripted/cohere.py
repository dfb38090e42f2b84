"""Cohere: `POST /v2/chat`. <https://docs.cohere.com/reference/chat>"""

import json

from .model import Ask, Call, Reasoning, Result, Text, need, need_members, need_paired, pieces

KNOWN = {
    "model", "messages", "stream", "tools", "tool_choice", "strict_tools", "max_tokens", "stop_sequences",
    "temperature", "p", "k", "seed", "frequency_penalty", "presence_penalty", "response_format", "thinking",
    "documents", "citation_options", "safety_mode",
}
FINISH = {"text": "COMPLETE", "calls": "TOOL_CALL"}


def read(body, memory):
    need_members(body, KNOWN)
    ask = Ask("cohere", body["model"], "")
    ask.thinks = body.get("thinking", {}).get("type") == "enabled"
    ask.tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools", [])}
    choice = body.get("tool_choice")
    need(choice in (None, "NONE", "REQUIRED"), f"tool_choice {choice}")
    ask.choice = (choice or "auto").lower()
    response = body.get("response_format", {"type": "text"})
    need_members(response, {"type", "json_schema"})
    ask.schema = response.get("json_schema")
    need(ask.schema is None or ask.schema["type"] == "object", "the schema sits under json_schema, unwrapped")
    for message in body["messages"]:
        read_message(message, ask)
    need_paired(ask.calls, ask.results)
    need(body["messages"][-1]["role"] != "assistant", "the last message is not the model's")
    return ask


def read_message(message, ask):
    role = message["role"]
    if role == "tool":
        need_members(message, {"role", "tool_call_id", "content"})
        ask.results.append(Result(message["tool_call_id"], text_of(message["content"])))
        return
    need_paired(ask.calls, ask.results)
    ask.calls, ask.results = [], []
    if role == "system":
        ask.system += text_of(message["content"])
    elif role == "user":
        ask.user = text_of(message["content"])
    else:
        need(role == "assistant", f"role {role}")
        need_members(message, {"role", "content", "tool_calls", "tool_plan", "citations"})
        ask.turns += 1
        for call in message.get("tool_calls") or []:
            arguments = json.loads(call["function"]["arguments"])
            ask.calls.append(Call(call["function"]["name"], arguments, call["id"]))
        need(message.get("content") or ask.calls, "an assistant message without content")


def text_of(content):
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] == "text")


def usage(reply):
    counted = {"input_tokens": float(reply.input), "output_tokens": float(reply.output)}
    return {"billed_units": counted, "tokens": counted, "cached_tokens": 0}


def content_of(block):
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    return {"type": "thinking", "thinking": block.text}


def tool_call(call):
    return {
        "id": call.id, "type": "function",
        "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
    }


def whole(reply):
    message = {"role": "assistant"}
    calls = [tool_call(block) for block in reply.blocks if isinstance(block, Call)]
    content = [content_of(block) for block in reply.blocks if not isinstance(block, Call)]
    if calls:
        message["tool_calls"] = calls
    if content:
        message["content"] = content
    return {
        "id": f"cohere-{reply.number}", "finish_reason": FINISH[reply.ends_with], "message": message,
        "usage": usage(reply),
    }


def stream(reply):
    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield event("message-start", id=f"cohere-{reply.number}", delta={"message": empty})
    for index, block in enumerate(reply.blocks):
        yield from call_events(index, block) if isinstance(block, Call) else content_events(index, block)
    end = {"finish_reason": FINISH[reply.ends_with], "usage": usage(reply)}
    yield event("message-end", delta=end)


def content_events(index, block):
    name = "text" if isinstance(block, Text) else "thinking"

    def of(kind, content):
        return event(kind, index=index, delta={"message": {"content": content}})

    yield of("content-start", {"type": name, name: ""})
    for piece in pieces(block.text):
        yield of("content-delta", {name: piece})
    yield event("content-end", index=index)


def call_events(index, block):
    def of(kind, call):
        return event(kind, index=index, delta={"message": {"tool_calls": call}})

    opened = tool_call(block)
    opened["function"]["arguments"] = ""
    yield of("tool-call-start", opened)
    for piece in pieces(json.dumps(block.arguments)):
        yield of("tool-call-delta", {"function": {"arguments": piece}})
    yield event("tool-call-end", index=index)


def event(kind, **members):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n"


def error(status, message, details=None):
    return {"id": "scripted", "message": message}
