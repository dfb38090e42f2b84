"""Tools and prompts for the scripted model, in the forms of the SDKs."""

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ABOUT = "The weather of a city"
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "description": ABOUT, "parameters": SCHEMA}}
RESPONSES_TOOL = {"type": "function", "name": "weather", "description": ABOUT, "parameters": SCHEMA, "strict": False}
MESSAGES_TOOL = {"name": "weather", "description": ABOUT, "input_schema": SCHEMA}

ONE = 'call weather {"city": "Oslo"}'
TWO = 'call weather {"city": "Oslo"}\ncall weather {"city": "Ørsta"}'


def weather(city):
    return f"rain in {city}"
