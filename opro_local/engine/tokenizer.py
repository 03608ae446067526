"""The tokenizer of a folder, as its tokenizer.json says it.

transformers rebuilds tokenizers of many named classes (GPT2Tokenizer, Qwen2Tokenizer, RobertaTokenizer, ...)
from the rules of the class and drops the normaliser and pre-tokenizer of the file: other ids, without a word.
So the class that takes the file as it is loads it, and the ids are compared with those of tokenizers itself.
"""

from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from opro_local.catalogue.configuration import read_json
from opro_local.catalogue.folder import check_tokenizer_files
from opro_local.engine.faults import loading, printing_to_stderr
from opro_local.errors import ModelError

NAMED = ("bos_token", "eos_token", "unk_token", "pad_token")

TEXTS = (
    "",
    " ",
    " leading and trailing ",
    "Pay 2024 now, 1,234,567.89 in 1999-12-31",
    "year 2024 and 1999 1234567 12345678901234567890",
    "two  blanks   three    four\ttab\t\ttabs\n\nlines\r\n\r\nand\n \n  end\n",
    "don't we'll I'VE they're THE it's 'quoted' \"double\"",
    "caf\u00e9 cafe\u0301 \u212bngstr\u00f6m A\u030angstro\u0308m \ufb01ne \u2460 \uff21\uff22 \u00bd",
    "\u4eca\u65e5\u306f\u4e16\u754c\u3002\u4f60\u597d\uff0c\u4e16\u754c \uc548\ub155\ud558\uc138\uc694",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0661\u0662\u0663 \u0967\u0968",
    "\U0001f600\U0001f44d\U0001f3fd\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u2764\ufe0f \u2014 \u201cquotes\u201d \u2026 \u00a0 \u3000 \u200b \ufeff \u2581",
    'def f(x):\n    return x**2 + 1  # \u00b5\nfor i in range(10):\n\tprint(f"{i:>3}")\n',
    "<a href='#'>&amp;</a>\n\\begin{equation} x_{1}^2 \\end{equation}",
    "HELLO World helloWorld snake_case CamelCase x\u00b2 50% $5 #1 @a http://a.b/c?d=e&f=1",
    "<s> </s> <unk> <pad> [INST] [CLS] <|endoftext|> <|im_start|> <0x0A>",
    "\x00\x01\x7f \u00ad \u0344 \u2028",
)
"""Where tokenizers differ: digits, blanks, lines, composed letters, scripts, emoji, code, control tokens."""


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder with its chat template and named tokens. Raises ModelError in one line.

    Without a tokenizer.json, vocab.json and merges.txt are read by the class that the configuration names.
    """
    check_tokenizer_files(folder)
    file = folder / "tokenizer.json"
    with loading(folder, part="tokenizer"), printing_to_stderr():
        if not file.is_file():
            named = str(read_json(folder / "tokenizer_config.json")["tokenizer_class"]).removesuffix("Fast")
            tokenizer = getattr(transformers, named).from_pretrained(folder, local_files_only=True)
            return _checked(tokenizer, folder)
        told = Tokenizer.from_file(str(file))
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        _name_tokens(tokenizer, told, folder)
        _compare(tokenizer, told, folder)
        return _checked(tokenizer, folder)


def _name_tokens(tokenizer: PreTrainedTokenizerBase, told: Tokenizer, folder: Path) -> None:
    """Give the tokens that only the named class knows, or that only the file's post-processor tells."""
    lacking = [name for name in NAMED if getattr(tokenizer, name) is None]
    if tokenizer.bos_token is None or tokenizer.eos_token is None:
        named = _by_class(folder)
        for name in lacking:
            token = getattr(named, name, None)
            if isinstance(token, str) and told.token_to_id(token) is not None:
                setattr(tokenizer, name, token)
    first = _first_token(told)
    if tokenizer.bos_token is None and first is not None:
        tokenizer.bos_token = first


def _by_class(folder: Path) -> PreTrainedTokenizerBase | None:
    """The tokenizer as transformers builds it: asked for its named tokens only."""
    try:
        named: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception:  # whatever it stumbles over, tokenizer.json has told the rest
        return None
    return named


def _first_token(told: Tokenizer) -> str | None:
    """What the file's post-processor puts ahead of every text, if it is one token."""
    inner, whole = told.encode("a", add_special_tokens=False), told.encode("a")
    ahead = whole.tokens[: len(whole.ids) - len(inner.ids)]
    return ahead[0] if len(ahead) == 1 and whole.ids[1:] == inner.ids else None


def _compare(tokenizer: PreTrainedTokenizerBase, told: Tokenizer, folder: Path) -> None:
    """Raise ModelError where the loaded tokenizer gives other ids than tokenizer.json."""
    if getattr(told.model, "dropout", None):
        raise ModelError(f"{folder.name}: tokenizer.json cuts at random (dropout). Set it to null there.")
    told.no_truncation()
    told.no_padding()
    own = [token.content for token in told.get_added_tokens_decoder().values()]
    texts = (*TEXTS, *(f"a {token} b{token}" for token in own[:64]))
    for special in (False, True):
        loaded = tokenizer(list(texts), add_special_tokens=special)["input_ids"]
        right = [encoding.ids for encoding in told.encode_batch(list(texts), add_special_tokens=special)]
        differing = [text for text, a, b in zip(texts, loaded, right, strict=True) if list(a) != b]
        if differing:
            raise ModelError(
                f"{folder.name}: tokenizer_config.json changes what tokenizer.json says ({len(differing)} of"
                f" {len(texts)} texts get other ids, {differing[0]!r} first). Make the two agree."
            )
    _check_added(tokenizer, told, folder)


def _check_added(tokenizer: PreTrainedTokenizerBase, told: Tokenizer, folder: Path) -> None:
    """Raise ModelError where a token was added that nothing in the folder gives an id."""
    harmless = {tokenizer.pad_token, tokenizer.unk_token, *_declared(folder).values()}
    added = tokenizer.get_added_vocab().keys() - harmless
    if made_up := sorted(token for token in added if told.token_to_id(token) is None):
        raise ModelError(
            f"{folder.name}: tokenizer_config.json names the token {made_up[0]!r}, which tokenizer.json"
            " does not have. Copy both from one model."
        )


def _declared(folder: Path) -> dict[int, str]:
    """The added tokens by the ids that tokenizer_config.json gives them."""
    config = folder / "tokenizer_config.json"
    declared = (read_json(config).get("added_tokens_decoder") if config.is_file() else None) or {}
    tokens = {int(index): token for index, token in declared.items()}
    return {
        index: str(token["content"] if isinstance(token, dict) else token) for index, token in tokens.items()
    }


def _checked(tokenizer: PreTrainedTokenizerBase, folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer, with the id that tokenizer_config.json gives each added token. Raises ModelError."""
    vocabulary = tokenizer.get_added_vocab()
    for index, content in _declared(folder).items():
        if (found := vocabulary.get(content)) != index:
            raise ModelError(
                f"{folder.name}: {content!r} has the id {index} in tokenizer_config.json, {found} in the"
                " tokenizer. Copy both from one model."
            )
    _legacy_template(tokenizer, folder)
    return tokenizer


def _legacy_template(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Take the template that older multimodal models keep in a file of its own."""
    file = folder / "chat_template.json"
    if tokenizer.chat_template is None and file.is_file():
        template: Any = read_json(file).get("chat_template")
        if not isinstance(template, str):
            raise ModelError(f"{folder.name}: chat_template.json holds no text under chat_template.")
        tokenizer.chat_template = template
