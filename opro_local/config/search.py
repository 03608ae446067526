"""How is searched."""

from pydantic import Field, field_validator

from opro_local.config.choices import (
    Arm,
    Baselines,
    BlockOrder,
    ExemplarChoice,
    Method,
    Prefer,
    ScoreDisplay,
    Style,
    Switch,
    TrajectoryOrder,
)
from opro_local.config.settings import Settings

HEADROOM_CANDIDATES = 16
"""Very different prompts that are compared before a search; at least two of them are random words."""

SHORTER_FINALISTS = 3
"""At most so many shorter prompts go to validation beside the best."""


class SearchSettings(Settings):
    """How is searched; the defaults are the paper's (Yang et al. 2023, section 5.1) where it has any."""

    method: Method = Field(
        "portfolio",
        description="portfolio: instructions, shots, forms, wordings, whatever pays; opro and "
        "evoprompt: as published; one-step and random propose without a look at scores.",
    )
    without: tuple[Arm, ...] = Field(
        (), description="Proposer that the portfolio does without, to see what it brings."
    )
    reflection: Switch | None = Field(
        None,
        description="A chat optimizer reads what the best prompts get wrong and mends them; on from about "
        "1B parameters.",
    )
    seed: int = Field(0, ge=0, description="Seed of everything that is drawn.")
    proposals_per_step: int = Field(
        8,
        ge=1,
        description="Proposals a step. With portfolio the optimizer writes a share, of few perhaps none; "
        "with opro and one-step all.",
    )
    shown: int = Field(20, ge=1, description="Best solutions shown in the meta-prompt.")
    trajectory_order: TrajectoryOrder = Field("ascending", description="Order of the solutions shown.")
    score_display: ScoreDisplay = Field(
        "100-buckets", description="Scores shown: whole numbers up to 100 or 20, from 0 to 1, or none."
    )
    score_threshold: float = Field(
        0.0, ge=0, le=1, description="Solutions below this score (0 to 1) are not shown, but for the best."
    )
    exemplars: int = Field(3, ge=0, description="Exemplars: train rows shown in the meta-prompt.")
    exemplar_choice: ExemplarChoice = Field(
        "random",
        description="Train rows to show: drawn anew each step, the same in all, of those that any solution "
        "missed, or of those that the solutions shown miss most often.",
    )
    block_order: BlockOrder = Field(
        "trajectory-first", description="What comes first in the meta-prompt; completion has no exemplars."
    )
    instructions_only: bool = Field(
        False, description="Show neither exemplars nor the task's description in the meta-prompt."
    )
    meta_prompt_tokens: int | None = Field(
        None,
        ge=1,
        description="Most tokens of a meta-prompt; the context's if not given, 1024 for the portfolio.",
    )
    temperature: float = Field(
        1.0, ge=0, description="Sampling temperature of the optimizer; at 0 all replies of a step are equal."
    )
    temperature_end: float | None = Field(
        None, ge=0, description="The temperature moves towards this one, step by step, if it is given."
    )
    proposal_tokens: int = Field(512, ge=1, description="Most tokens of a reply of the optimizer.")
    max_characters: int = Field(500, ge=1, description="Longest instruction that is accepted.")
    style: Style | None = Field(
        None, description="Meta-prompt style; tagged for chat optimizers, completion for pre-trained ones."
    )
    starts: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Starting instruction, may be empty. "
        "If not given: the empty one and one made from the labels.",
    )
    shots: int = Field(
        0, ge=0, description="Shots (few-shot examples) from train in the prompts of all instructions."
    )
    max_shots: int | None = Field(
        None,
        ge=0,
        description="Most shots (few-shot examples) that the portfolio may choose for a prompt; as many as "
        "max_prompt_tokens and the rows set aside allow if not given.",
    )
    max_prompt_tokens: int | None = Field(
        None,
        ge=1,
        description="Most tokens that a prompt may have beside the text of the row; if not given, what the "
        "context and the memory for shared prompts hold.",
    )
    block: int = Field(8, ge=1, description="Rows scored and saved at a time.")
    racing: Switch | None = Field(
        None,
        description="Candidates leave that will not reach the best; on, but with a published method.",
    )
    racing_error: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="Most often that a race drops a candidate that all rows would put level with the best.",
    )
    headroom: int = Field(
        32,
        ge=0,
        description="Train rows on which very different prompts are compared first, to see whether any "
        "makes a difference; 0 for none.",
    )
    stop_without_headroom: bool = Field(False, description="End the run if none makes a difference.")
    sensitivity: int = Field(
        4, ge=0, description="Near-paraphrases of the winner that are measured on validation."
    )
    baselines: Baselines = Field(
        "standard",
        description="standard: the starts and step by step; full: also the best of as many proposals made "
        "without a trajectory, and of as many random ones.",
    )
    compare_with: tuple[str, ...] = Field(
        (), description="Instruction of your own, measured on test beside the winner."
    )
    finalists: int = Field(5, ge=1, description="Best candidates on train that are measured on validation.")
    prefer: Prefer = Field(
        "best",
        description="Which finalist wins: the best; the shortest within a standard error of it; or balanced, "
        "the one that gains most for its length.",
    )
    keep: tuple[str, ...] = Field(
        (), description="Sentence that every instruction must contain word for word."
    )
    validate_every: int = Field(
        0,
        ge=0,
        description="Measure every so many steps' candidates on validation too, to see overfitting; it "
        "chooses nothing. 0 for never.",
    )

    @field_validator("keep")
    @classmethod
    def _can_be_kept(cls, sentences: tuple[str, ...]) -> tuple[str, ...]:
        """Instructions are trimmed and lose Markdown bold: what has such marks would be in none."""
        for sentence in sentences:
            if not sentence.strip() or "**" in sentence:
                raise ValueError("a sentence to keep is empty or has ** in it: write it without")
        return tuple(sentence.strip() for sentence in sentences)
