"""How a byte-level vocabulary cuts a text before it merges, by the name in tokenizer.ggml.pre.

The names are llama.cpp's, and so are the cuts where they differ from the model's first tokenizer: letters'
case is told apart in ASCII only (tekken, gpt-4o) or nowhere (tiny_aya, youtu). A kind is a row of patterns:
what a pattern finds are pieces, what lies between is a piece, and the next pattern cuts each of them again.
A kind stands here once its ids are llama.cpp's on varied text (scripts/gguf_tokenizers.py), but for letters,
digits and marks that are new in Unicode 16, which llama.cpp's tables do not know.
"""

from dataclasses import dataclass

from opro_local.errors import ModelError

_CASED = "'s|'t|'re|'ve|'m|'ll|'d"
_UNCASED = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
_BLANKS = r"\s+(?!\S)|\s+"
_LINES = rf"\s*[\r\n]+|{_BLANKS}"
_LEAD = r"[^\r\n\p{L}\p{N}]?"
_WORD = rf"{_LEAD}\p{{L}}+"
_MARKED_WORD = rf"{_LEAD}[\p{{L}}\p{{M}}]+(?:{_UNCASED})?"
_SIGNS = r" ?[^\s\p{L}\p{N}]+"


def _by_case(letters: str, ending: str) -> str:
    """Words that end between a lower-case and an upper-case ASCII letter."""
    upper, lower = f"[{letters}&&[^a-z]]", f"[{letters}&&[^A-Z]]"
    return f"{_LEAD}{upper}*{lower}+{ending}|{_LEAD}{upper}+{lower}*{ending}"


_GPT2 = rf"{_CASED}| ?\p{{L}}+| ?\p{{N}}+|{_SIGNS}|{_BLANKS}"
_LLAMA3 = rf"{_UNCASED}|{_WORD}|\p{{N}}{{1,3}}|{_SIGNS}[\r\n]*|{_LINES}"
_QWEN2 = rf"{_UNCASED}|{_WORD}|\p{{N}}|{_SIGNS}[\r\n]*|{_LINES}"
_QWEN35 = rf"{_UNCASED}|{_LEAD}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_LINES}"
_TEKKEN = _by_case(r"\p{L}", "") + rf"|\p{{N}}|{_SIGNS}[\r\n/]*|{_LINES}"
_GPT4O = _by_case(r"\p{L}", f"(?:{_UNCASED})?") + rf"|\p{{N}}{{1,3}}|{_SIGNS}[\r\n/]*|{_LINES}"
_GRANITE = _by_case(r"[\p{L}\p{M}]", f"(?:{_UNCASED})?") + rf"|\p{{N}}{{1,3}}|{_SIGNS}[\r\n/]*|{_LINES}"
_CODE = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"| ?[\p{P}\p{S}]+"
)
_WIDTHS = ("512", "256", "128", "64", "32", "16", "8", "4", "1,2")
_STEPS = "|".join(rf"\s{{{width}}}(?!\S)" for width in _WIDTHS)
# Threes counted from the end of the digits; what stands ahead of them stays with the first.
_THREES_FROM_END = r"\P{N}*\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"
_SENTENCE = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"

_JOINERS = "\u200c\u200d"
_KANA_HAN = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
_EAST_ASIAN = "[[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]&&\\S]+"
_SIGNS_EAST = "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3001-\u3002]+"
_HANGUL_KANA_HAN = (
    "[\uac00-\ud7a3\u3131-\u318e]+"
    "|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+"
    f"|[\u3105-\u312f]+|{_KANA_HAN}"
)
_WITHOUT_BLANKS = (  # scripts that write no blanks between words
    "[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f"
    "\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+"
)
_HAN = (
    "\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f"
    "\U0002b820-\U0002ceaf\U0002ceb0-\U0002ebef\uf900-\ufaff\U0002f800-\U0002fa1f"
)
_CASED_LETTERS = (  # of the Unicode of 2017
    "A-Za-z\xb5\xc0-\xd6\xd8-\xf6\xf8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377"
    "\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
    "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
    "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d"
    "\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb"
    "\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128"
    "\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4"
    "\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf"
    "\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
    "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """How one kind cuts. whole: a piece that is in the vocabulary is a token, whatever the merges say.

    starts: a text begins with the start token if the file does not say. composed: the models' own tokenizers
    bring text into NFC first, which llama.cpp leaves out.
    """

    patterns: tuple[str, ...]
    whole: bool = False
    starts: bool = False
    composed: bool = False


_TABLE = {
    "default": Cuts(patterns=(r"[\p{P}$+<=>^~|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano": Cuts(
        patterns=(_LLAMA3,), whole=True, starts=True
    ),
    "dbrx smaug-bpe chatglm-bpe": Cuts(patterns=(_LLAMA3,)),
    "glm4": Cuts(patterns=(_LLAMA3,), whole=True),
    "qwen2": Cuts(patterns=(_QWEN2,), composed=True),
    "deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2 bailingmoe bailingmoe2"
    " llada-moe": Cuts(patterns=(_QWEN2,)),
    "qwen35": Cuts(patterns=(_QWEN35,), composed=True),
    "tekken": Cuts(patterns=(_TEKKEN,), whole=True, starts=True),
    "gpt-4o llama4 kanana2 talkie minimax-m2": Cuts(patterns=(_GPT4O,)),
    "granite-embed-multi-97m": Cuts(patterns=(_GRANITE,), whole=True),
    "gpt-2 phi-2 mpt olmo jais trillion granite-docling gigachat a.x-4.0 mellum exaone4 modern-bert"
    " jina-es jina-de jina-v1-en roberta-bpe": Cuts(patterns=(_GPT2,)),
    "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2": Cuts(patterns=(r"\p{N}", _GPT2)),
    "falcon": Cuts(patterns=(r"[\p{P}$+<=>^~|`]+", _GPT2, "[0-9][0-9][0-9]")),
    "deepseek-v3 hunyuan-dense joyai-llm hy_v4": Cuts(
        patterns=(r"\p{N}{1,3}", _KANA_HAN, rf"{_CODE}[\r\n]*|{_LINES}")
    ),
    "deepseek-coder": Cuts(patterns=(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _EAST_ASIAN, r"\p{N}")),
    "deepseek-llm": Cuts(
        patterns=(r"[\r\n]", rf"\s?[{_CASED_LETTERS}]+", _SIGNS_EAST, r"\s+$", _EAST_ASIAN, r"\p{N}+")
    ),
    "minicpm5": Cuts(
        patterns=(r"\p{N}{1,3}", rf"{_UNCASED}|{_WORD}|\p{{N}}+|{_SIGNS}[\r\n]*|{_LINES}"), whole=True
    ),
    "seed-coder": Cuts(patterns=(rf"{_UNCASED}|{_WORD}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_LINES}",)),
    "exaone-moe": Cuts(
        patterns=(
            rf"{_UNCASED}|{_LEAD}(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}|{_SIGNS}[\r\n/]?"
            rf"|\s*[\r\n]|{_BLANKS}",
        )
    ),
    "kimi-k2": Cuts(
        patterns=(
            rf"[{_HAN}]+|{_LEAD}[\p{{L}}&&[^{_HAN}]]+(?:{_UNCASED})?|\p{{N}}{{1,3}}|{_SIGNS}[\r\n]*|{_LINES}",
        )
    ),
    "k2-horizon": Cuts(
        patterns=(rf"{_UNCASED}|{_LEAD}[\p{{L}}\p{{M}}{_JOINERS}]+|\p{{N}}{{1,3}}|{_SIGNS}[\r\n]*|{_LINES}",)
    ),
    "tiny_aya cohere2moe": Cuts(
        patterns=(_THREES_FROM_END, rf"{_MARKED_WORD}|\p{{N}}{{1,3}}|{_SIGNS}[\r\n/]*|{_LINES}")
    ),
    "youtu": Cuts(
        patterns=(_HANGUL_KANA_HAN, rf"{_MARKED_WORD}|\p{{N}}|{_SIGNS}[\r\n/]*|{_LINES}"), whole=True
    ),
    "afmoe": Cuts(patterns=(_THREES_FROM_END, _WITHOUT_BLANKS, rf"{_CODE}[\r\n]*|{_LINES}")),
    "spark2_5": Cuts(patterns=(r"\p{N}{1,3}", _KANA_HAN, rf"{_CODE}|[\r\n]|{_BLANKS}", r"\p{N}")),
    "jais-2": Cuts(patterns=(rf"{_UNCASED}|{_WORD}|\p{{N}}{{1,3}}|{_SIGNS}[\r\n]*|\s*[\r\n]+|{_STEPS}|\s",)),
    "ufakzeka": Cuts(patterns=(rf"{_WORD}|\p{{N}}|{_SIGNS}[\r\n]*|{_LINES}",)),
    "laguna": Cuts(patterns=(r"[^\n]+|\n+", _QWEN2)),
    "superbpe": Cuts(patterns=(r"\p{N}+", r"\p{N}+?(?=(?:[0-9]{3})+(?![0-9]))")),
    "bloom poro-chat gpt3-finnish": Cuts(patterns=(_SENTENCE,)),
    "viking": Cuts(patterns=(_SENTENCE, r"\p{N}")),
    "chameleon": Cuts(
        patterns=(
            "<sentinel:[0-9]+>",
            "IMGIMG[A-I]{1,4}Z",
            r"[\t\n]|    |  ",
            r"\p{N}",
            r"[\p{P}!-/:-@\[-`{-~]",
            _GPT2,
        ),
        starts=True,
    ),
}
CUTS = {kind: cuts for kinds, cuts in _TABLE.items() for kind in kinds.split()}


def cuts_of(kind: object) -> Cuts:
    """How the kind named in tokenizer.ggml.pre cuts. Raises ModelError for a kind that is not known."""
    if not isinstance(kind, str) or kind not in CUTS:
        raise ModelError(
            f"tokenizer.ggml.pre is {str(kind)[:60]!r}: how it cuts text is not known here."
            " Use the model's safetensors folder instead."
        )
    return CUTS[kind]
