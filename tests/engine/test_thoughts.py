"""Replies that are given to a model stand where its own would: behind the empty thought of its template."""

from pathlib import Path

import pytest
import torch
from resolved import scorer_of
from tiny_models import CHAT_TEMPLATE, byte_tokenizer, save_tiny_model
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from opro_local.config import ScoringSettings, SplitSettings
from opro_local.engine.chat import ChatPrompter, text_of, turn_end
from opro_local.engine.local import load_engine
from opro_local.engine.thoughts import closed_thought
from opro_local.llm import Message
from opro_local.records import Candidate, Example
from opro_local.tasks.task import Task

USER = Message("user", "Hi")
HEAD = "<|start|>user\nHi<|end|>\n<|start|>assistant\n"
EMPTY = "<think>\n\n</think>\n\n"

OPENS = CHAT_TEMPLATE.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
SWITCHES = CHAT_TEMPLATE.replace(
    "assistant\n{% endif %}",
    "assistant\n{% if enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
)
CLOSES_ALONE = CHAT_TEMPLATE.replace("assistant\n{% endif %}", "assistant\n</think>{% endif %}")
GIVES_ONE = OPENS.replace(
    "{{ message['content'] }}",
    "{% if message['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ message['content'] }}",
)


def chat(template: str, *, marks: bool = False, special: bool = False) -> ChatPrompter:
    tokenizer = byte_tokenizer()
    if marks:
        tokenizer.add_tokens([AddedToken(mark, special=special) for mark in ("<think>", "</think>")])
    tokenizer.chat_template = template
    return ChatPrompter(tokenizer=tokenizer)


def shown(prompter: ChatPrompter, prefill: str, turn: Message = USER, *, closed: bool = False) -> str:
    (ids,) = prompter.encode_each([turn], [prefill], closed=closed)
    return str(prompter.tokenizer.decode(list(ids)))


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize(
    ("template", "own", "given"),
    [
        (CHAT_TEMPLATE, "", ""),
        (OPENS, "<think>\n", EMPTY),
        (SWITCHES, EMPTY, EMPTY),
        (CLOSES_ALONE, "</think>", "</think>"),
        (GIVES_ONE, "<think>\n", EMPTY),
    ],
)
def test_a_given_reply_stands_behind_one_closed_thought(
    template: str, own: str, given: str, marks: bool
) -> None:
    prompter = chat(template, marks=marks)
    assert shown(prompter, "") == HEAD + own
    assert shown(prompter, "Yes") == HEAD + given + "Yes"
    assert shown(prompter, "Yes", closed=True) == HEAD + given + "Yes<|end|>"


def test_the_thought_is_of_the_templates_tokens_even_where_contents_are_made_text() -> None:
    prompter = chat(OPENS, marks=True)
    (ids,) = prompter.encode_each([Message("user", "a </think> b")], ["Yes"], closed=False)
    opening, end = (prompter.tokenizer.convert_tokens_to_ids(mark) for mark in ("<think>", "</think>"))
    assert (ids.count(opening), ids.count(end)) == (1, 1), "the mark in the question is text"
    assert ids.index(opening) < ids.index(end) < len(ids) - len("Yes"), "those of the thought are tokens"


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, OPENS, SWITCHES])
def test_a_thought_changes_nothing_of_what_ends_a_turn(template: str) -> None:
    prompter = chat(template)
    assert turn_end(prompter) == {prompter.tokenizer.convert_tokens_to_ids("<|end|>")}


@pytest.mark.parametrize(
    ("prompt", "block"),
    [
        ("a<think>\n", EMPTY),
        ("a<think>", EMPTY),
        ("a<think>\n\n</think>\n", "<think>\n\n</think>\n"),
        ("a<think></think>", "<think></think>"),
        ("m\n<|channel>thought\n<channel|>", "<|channel>thought\n<channel|>"),
        ("Say <think> first.\nassistant\n", ""),
        ("<think>hm</think> yes\nassistant\n", ""),
    ],
)
def test_an_empty_thought_is_found_at_the_end_of_a_prompt_only(prompt: str, block: str) -> None:
    assert closed_thought(prompt) == block


@pytest.mark.parametrize("special", [False, True])
def test_the_marks_of_a_thought_stay_in_a_replys_text(special: bool) -> None:
    tokenizer = chat(OPENS, marks=True, special=special).tokenizer
    reply = tokenizer("hm</think>7<|end|>", add_special_tokens=False)["input_ids"]
    assert text_of(tokenizer, reply) == "hm</think>7"


def test_labels_of_a_model_that_opens_a_thought_are_scored_behind_an_empty_one(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "llama", "llama")
    (folder / "chat_template.jinja").write_text(OPENS, encoding="utf-8")
    engine = load_engine(folder, digest="tiny", quantize="fp32", device="cpu")
    task = Task(
        name="t",
        examples=(),
        answer="label",
        labels=("yes", "no"),
        description="",
        position="Q_begin",
        qa=None,
        metric="accuracy",
        split=SplitSettings(),
    )
    row = Example(id="1", text="Hi", target="yes")
    ((outcome,),) = scorer_of(engine, task, ScoringSettings()).score([Candidate(instruction="")], [row])
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = [_plain_score(model, tokenizer, HEAD + EMPTY, label) for label in task.labels]
    assert outcome.choice_log_probs == pytest.approx(expected, abs=1e-4)


def _plain_score(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str, label: str
) -> float:
    before, ids = (
        tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, prompt + label)
    )
    with torch.inference_mode():
        scores = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)  # (T, V)
    return sum(float(scores[at - 1, ids[at]]) for at in range(len(before), len(ids)))
