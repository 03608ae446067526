"""Whether a text says what it names: not where it is denied, guessed, asked or set aside.

"This is not urgent", "could be urgent", "urgent?", "rather than urgent" and "urgent is wrong" name a label
and do not give it. A denial reaches to the end of its clause: a comma, a closing bracket, "but", "so" and the
like.
"""

import re

REACH = 200
"""Characters on either side that are looked at."""

AFFIRMED = re.compile(
    r"\b(?:no|without(?: (?:a|any))?) (?:doubt|question)\b|\bnot (?:only|just|merely)\b|\bcannot but\b|"
    r"\bnothing (?:if not|less than|short of)\b|\bnone other than\b|\bmore than\b|"
    r"\bcould(?:n['\u2019]t| not) (?:be )?(?:more|clearer)\b",
    re.IGNORECASE,
)
"""What looks like a denial and is none."""
ASIDE = re.compile(
    r"\bnot,[^,.;:!?\n]*,|\b(?:not|wrong|incorrect|excluded|rejected)\s*(?::|\s-\s)", re.IGNORECASE
)
"""As in "not, in my view, urgent", and "not: urgent"."""
BREAK = re.compile(
    r"[.,;:!?\n)\u201d]|[\"'](?=\s)|\s-\s|(?<!anything )(?<!everything )(?<!nothing )(?<!\ball )\bbut\b|"
    r"\b(?:so|because|since|therefore|thus|hence|which|then|although|though|while|whereas|however|"
    r"and (?=(?:it|is|so|the|this|that|therefore|thus|hence|instead|I|choose|pick|say|go with)\b))\b",
    re.IGNORECASE,
)
"""Where a clause ends."""
DENIED = re.compile(
    r"\b(?:not|never|neither|nor|cannot|without|hardly|barely|scarcely|rarely|seldom|less|least|far from|"
    r"(?:any|every)thing but|all but|than|instead of|opposite of|opposed to|contrary (?:of|to)|unlike|except|"
    r"(?:exclud|avoid|ignor|refus|hesitat|doubt(?!less)|rejec|ruling out|rul(?:e|es|ed) out)\w*|"
    r"reluctant|nobody|few (?:would|will|people)|fail(?:s|ed)? to|"
    r"too \w+ (?:for|to (?:be|call|count|deserve|qualify))|(?:stretch|exaggeration|overstatement) to|"
    r"used to be|were (?:it|this)|"
    r"nothing(?! but)|mistake|wrong to|no(?= *\Z| +(?!(?:it|this|that|they|he|she|we|i|you)\b)[a-z]))\b|"
    r"(?:n['\u2019]t|\b(?:is|are|was|do|does|did|ca|wo|ai)nt)\b|"
    r"\b(?:could|might|maybe|perhaps|possibly|whether|if|unless|unlikely|unsure|unclear|uncertain|depends)\b|"
    r"(?-i:\bmay\b)",
    re.IGNORECASE,
)
"""What denies the rest of its clause, or only supposes it."""
_CLOSED = r"(?=\s?(?:[.,;!)\]\n]|\Z))"
REFUSED = re.compile(
    rf"[\"'\u2019\u201d]?\s*(?:[:=(\[,-]|->|\u2192)\s*(?:not?|false|wrong|0%?){_CLOSED}|\s*[:=]\s*no\b|"
    r"[\"'\u2019\u201d)\]*]*\s+(?:"
    r"(?:is|are|was|were|do|does|did|would|could|can|should|must|has|have)(?:\s+not|n['\u2019]?t)\b|cannot\b|"
    r"(?:is|are|was|were|would be|seems)\s+(?:\w+ly\s+)?"
    r"(?:wrong|incorrect|false|excluded|ruled out|impossible|unlikely|out of|no|neither|too)\b|"
    r"can be (?:ruled out|excluded))",
    re.IGNORECASE,
)
"""What denies the word before it."""
ASKED = re.compile(r"[^.!?\n]*\?")
TAG = re.compile(r"[^.!?\n]*,\s*(?:\w+n['\u2019]t \w+|is it not|right|correct|yes|no)\s*\?", re.IGNORECASE)
"""A question that asks for agreement only."""


def is_asserted(text: str, start: int, end: int) -> bool:
    """Whether the text says what stands in it from start to end."""
    return not is_denied(text, start) and not _is_refused(text[end : end + REACH])


def is_denied(text: str, start: int) -> bool:
    """Whether the clause up to start denies or only supposes what follows."""
    before = ASIDE.sub("not", text[max(0, start - REACH) : start])
    *_, clause = BREAK.split(AFFIRMED.sub("", before))
    return DENIED.search(clause) is not None


def _is_refused(after: str) -> bool:
    asked = ASKED.match(after) is not None and TAG.match(after) is None
    return asked or REFUSED.match(after) is not None
