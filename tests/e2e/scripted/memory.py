"""What the upstream has said: its tool calls and the signatures it wants back."""

import base64
import itertools

from .model import Call, Reasoning, need


class Memory:
    def __init__(self):
        self.numbers = itertools.count(1)
        self.issued = {}
        """Signature to the dialect that made it."""
        self.signed_calls = {}
        """Id of a tool call to the signature of its turn."""

    def number(self):
        return next(self.numbers)

    def sign(self, dialect):
        words = f"{dialect} signature {self.number()}"
        signature = base64.b64encode(words.encode()).decode()
        self.issued[signature] = dialect
        return signature

    def complete(self, dialect, blocks):
        """Gives calls their ids, and what the dialect signs its signature: Anthropic its thoughts, Gemini the first
        call of a turn, or the text that follows a thought."""
        calls = [block for block in blocks if isinstance(block, Call)]
        thoughts = [block for block in blocks if isinstance(block, Reasoning)]
        signature = None
        if dialect == "anthropic" and thoughts or dialect == "gemini" and (thoughts or calls):
            signature = self.sign(dialect)
        for call in calls:
            call.id = call.id or f"{PREFIX[dialect]}{self.number():08d}"
        # Gemini's parallel calls but the first are not signed.
        for call in calls[:1] if dialect == "gemini" else calls:
            call.signature = signature
            if signature:
                self.signed_calls[call.id] = signature
        for thought in thoughts:
            thought.signature = signature
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
