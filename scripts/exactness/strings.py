"""Varied texts on which tokenizers tend to differ: numbers, blanks, accents, scripts, emoji, code, marks."""

import random

PIECES = (
    *("the", "The", "email", "isn't", "we'll", "I'M", "co-operate", "e-mail", "naïve", "Straße", "İstanbul"),
    *("2024", "1,200.50", "3.14159", "0x1F", "1999-12-31", "12345678", "½", "²", "\uff17"),
    *("日本語", "中文测试", "한국어", "Привет", "שלום", "مرحبا", "हिन्दी", "ไทย", "Ελλάδα"),
    *("😀", "👩‍👩‍👧", "🇩🇪", "€", "→", "…", "—", "“quoted”", "¿qué?", "e\u0301", "\u212b", "\ufb01n"),
    *("def f(x):", "return x**2;", "{'a': [1, 2]}", "<b>bold</b>", "a_b-c.d/e", "https://a.b/c?d=e#f", "\\n"),
    *("<s>", "</s>", "<|im_end|>", "[INST]", "<think>", "▁", "Ġ", "##ing"),
)
JOINTS = (
    "",
    " ",
    " ",
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    " \n ",
    "\u00a0",
    ".",
    ", ",
    "!?",
    "'",
    "''",
)


def varied_strings(count: int, seed: int = 0) -> list[str]:
    """So many texts, the same for the same seed: pieces joined in all kinds of ways."""
    draw = random.Random(seed)
    return [_text(draw) for _ in range(count)]


def _text(draw: random.Random) -> str:
    pieces = draw.choices(PIECES, k=draw.randint(1, 12))
    return draw.choice(JOINTS) + "".join(piece + draw.choice(JOINTS) for piece in pieces)
