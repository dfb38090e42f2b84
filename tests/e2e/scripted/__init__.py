"""A provider that plays a script: four dialects on one port, a model that does what the user's words say."""

from .model import Ask, Call, Failure, Malformed, Reasoning, Result, Text, obliging
from .upstream import COUNTED, DIALECTS, INPUT, MODELS, OUTPUT, Upstream, listening, serving

__all__ = [
    "COUNTED", "DIALECTS", "INPUT", "MODELS", "OUTPUT", "Ask", "Call", "Failure", "Malformed", "Reasoning",
    "Result", "Text", "Upstream", "listening", "obliging", "serving",
]
