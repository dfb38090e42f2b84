"""OpenAI Chat Completions: `POST /chat/completions`. <https://platform.openai.com/docs/api-reference/chat>"""

import json

from .model import Ask, Call, Reasoning, Result, Text, need, need_members, need_paired, pieces

KNOWN = {
    "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "max_tokens",
    "max_completion_tokens", "temperature", "top_p", "stop", "seed", "n", "response_format", "reasoning_effort",
    "user", "metadata", "store", "prompt_cache_key", "verbosity", "safety_identifier", "service_tier",
}
FINISH = {"text": "stop", "calls": "tool_calls"}


def read(body, memory):
    need_members(body, KNOWN)
    tools = {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools", [])}
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        choice = choice["function"]["name"]
    ask = Ask("openai", body["model"], "", tools=tools, choice=choice)
    ask.schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    ask.thinks = body.get("reasoning_effort", "none") != "none"
    for message in body["messages"]:
        read_message(message, ask)
    need_paired(ask.calls, ask.results)
    return ask


def read_message(message, ask):
    role = message["role"]
    if role == "tool":
        ask.results.append(Result(message["tool_call_id"], text_of(message["content"])))
        return
    # A user message right after results is where pictures of a result go.
    if role == "user" and ask.results and not isinstance(message["content"], str):
        need_paired(ask.calls, ask.results)
        ask.results[-1].images += sum(part["type"] == "image_url" for part in message["content"])
        return
    need_paired(ask.calls, ask.results)
    ask.calls, ask.results = [], []
    if role in ("system", "developer"):
        ask.system += text_of(message["content"])
    elif role == "user":
        ask.user = text_of(message["content"])
    else:
        need(role == "assistant", f"role {role}")
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
    return {
        "prompt_tokens": reply.input, "completion_tokens": reply.output, "total_tokens": reply.input + reply.output,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reply.thought},
    }


def head(reply, kind):
    return {"id": f"chatcmpl-{reply.number}", "object": kind, "created": 1_700_000_000, "model": reply.ask.model}


def whole(reply):
    message = {"role": "assistant", "content": None}
    for block in reply.blocks:
        if isinstance(block, Text):
            message["content"] = (message["content"] or "") + block.text
        elif isinstance(block, Reasoning):
            message["reasoning_content"] = block.text
        else:
            message.setdefault("tool_calls", []).append(tool_call(block))
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH[reply.ends_with]}
    return {**head(reply, "chat.completion"), "choices": [choice], "usage": usage(reply)}


def tool_call(call):
    return {
        "id": call.id, "type": "function",
        "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
    }


def stream(reply):
    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event({**head(reply, "chat.completion.chunk"), "choices": [choice], "usage": None})

    yield chunk({"role": "assistant", "content": ""})
    index = -1
    for block in reply.blocks:
        if isinstance(block, Call):
            index += 1
            opened = tool_call(block)
            opened["function"]["arguments"] = ""
            yield chunk({"tool_calls": [{"index": index, **opened}]})
            for piece in pieces(json.dumps(block.arguments)):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        else:
            name = "content" if isinstance(block, Text) else "reasoning_content"
            for piece in pieces(block.text):
                yield chunk({name: piece})
    yield chunk({}, FINISH[reply.ends_with])
    if reply.ask.body.get("stream_options", {}).get("include_usage"):
        yield event({**head(reply, "chat.completion.chunk"), "choices": [], "usage": usage(reply)})
    yield "data: [DONE]\n\n"


def event(value):
    return f"data: {json.dumps(value)}\n\n"


def error(status, message, details=None):
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
