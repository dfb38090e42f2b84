"""What the upstream has said: its tool calls and the signatures it wants back."""

import base64
import itertools

from .model import Call, Reasoning, need

SIGNS = {"anthropic", "gemini"}


class Memory:
    def __init__(self):
        self.numbers = itertools.count(1)
        self.issued = {}
        """Signature to the dialect that made it."""
        self.signed_calls = {}
        """Id of a tool call to the signature of its turn."""

    def number(self):
        return next(self.numbers)

    def complete(self, dialect, blocks):
        """Gives calls their ids, and reasoning its signature."""
        signature = None
        first = True
        for block in blocks:
            if isinstance(block, Reasoning) and dialect in SIGNS:
                words = f"{dialect} signature {self.number()}"
                signature = block.signature = base64.b64encode(words.encode()).decode()
                self.issued[signature] = dialect
            elif isinstance(block, Call):
                block.id = block.id or f"{PREFIX[dialect]}{self.number():08d}"
                # Gemini signs the first call of a turn alone.
                if signature and (first or dialect != "gemini"):
                    self.signed_calls[block.id] = signature
                first = False
        return blocks

    def check_signature(self, dialect, signature):
        made_by = self.issued.get(signature)
        need(made_by == dialect, f"signature {signature!r} was made by {made_by}, and came to {dialect}")

    def check_call(self, dialect, call_id, signatures):
        """A call that was signed comes back to its maker with its signature."""
        wanted = self.signed_calls.get(call_id)
        ours = self.issued.get(wanted) == dialect
        need(not ours or wanted in signatures, f"{call_id} came back without its signature")


PREFIX = {"openai": "call_", "anthropic": "toolu_", "gemini": "g", "cohere": "cohere_"}
