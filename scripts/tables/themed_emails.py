"""E-mails to a shop with the themes that each is about, by a rule: a table for --answer labels.

Every e-mail draws each theme by itself, by its rate; a sentence of every drawn theme stands in it, in random
order among sentences that are about no theme. Some of these use a theme's words for something else ("The
invoice was fine."). An e-mail that draws nothing is about none. The same seed writes the same table.

    python scripts/make_table.py themed_emails emails.csv --rows 240
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tables.saving import save_csv

COLUMNS = ("email", "themes")
SIGN = "; "
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    rate: float
    sentences: Sequence[str]


THEMES: Mapping[str, Theme] = {
    "billing": Theme(
        rate=0.35,
        sentences=(
            "You charged my card twice this month.",
            "The invoice shows a price that we never agreed on.",
            "I was asked to pay for a thing that I had sent back.",
            "Please tell me why the sum on my bill went up.",
            "My bank says that you took 40 euros too much.",
            "There is a fee on the bill that nobody can explain to me.",
            "The discount you promised was not taken off the total.",
            "I paid last week and you still send me reminders to pay.",
        ),
    ),
    "delivery": Theme(
        rate=0.35,
        sentences=(
            "The parcel should have been here on Monday and still is not.",
            "According to the tracking page my box has not moved for five days.",
            "The driver left the package at a house in another street.",
            "When will the shelf finally be brought to us?",
            "It is two weeks late now, and nobody tells me where it is.",
            "The courier says that he rang, but we were at home all day.",
            "Could you bring it to my office and not to my flat?",
            "Half of the order came, the other box is still on its way somewhere.",
        ),
    ),
    "login": Theme(
        rate=0.25,
        sentences=(
            "I cannot get into my account any more.",
            "The page says that my password is wrong, but it is not.",
            "The link to set a new password never reaches me.",
            "After the update I am thrown out each time I sign in.",
            "The code that I should type in comes an hour too late.",
            "My user name is not known, your site says.",
            "I am locked out after three tries.",
            "How do I sign in with my new phone number?",
        ),
    ),
    "damage": Theme(
        rate=0.2,
        sentences=(
            "The lamp arrived with a crack in its glass.",
            "One leg of the table is broken.",
            "There is a deep scratch across the front.",
            "The kettle leaks from the bottom.",
            "When I opened the box, two of the plates were in pieces.",
            "The screen stays black, whatever I press.",
            "The zip tore on the first day.",
            "The chair wobbles because a screw hole is split.",
        ),
    ),
    "cancellation": Theme(
        rate=0.15,
        sentences=(
            "Please end my subscription with this month.",
            "I do not want the order any more, please stop it.",
            "I would like to withdraw from the contract.",
            "Take me off the monthly plan, please.",
            "I changed my mind and want to call the purchase off.",
            "We are moving abroad, so close my membership.",
        ),
    ),
    "praise": Theme(
        rate=0.15,
        sentences=(
            "Your colleague on the phone was wonderful.",
            "Thank you for the quick help last time, it was great.",
            "I love the new catalogue.",
            "It is the best coffee that I have ever had.",
            "We are very happy with the sofa.",
            "Everybody in your shop is so friendly.",
        ),
    ),
}
ASIDES = (
    "I have been a customer since 2015.",
    "My number is 4471.",
    "I am writing from my phone, please excuse mistakes.",
    "The weather has been dreadful here.",
    "You can reach me in the afternoon.",
    "The invoice was fine.",
    "The parcel came on the day that you had named.",
    "Signing in works as it should.",
    "My neighbour told me about your shop.",
    "Do you also sell garden chairs?",
    "Is the shop in Harbour Street open on Saturdays?",
    "I would not cancel anything for that, of course.",
    "Nothing was broken this time.",
    "My daughter picked the colour.",
)
GREETINGS = ("Hello,", "Dear team,", "Good morning,", "Hi there,", "To whom it may concern,")
CLOSINGS = ("Regards", "Best wishes", "Thanks in advance", "Yours", "See you")
ASIDES_EACH = (1, 1, 2, 2, 3)


def write(out: Path, rows: int, seed: int) -> None:
    save_csv(out, COLUMNS, emails(rows, seed))


def emails(rows: int, seed: int) -> Iterator[tuple[str, str]]:
    """(text, themes), no text twice."""
    draw, seen = random.Random(seed), set[str]()
    while len(seen) < rows:
        text, themes = _email(draw)
        if text not in seen:
            seen.add(text)
            yield text, SIGN.join(themes) or NONE


def _email(draw: random.Random) -> tuple[str, list[str]]:
    themes = [name for name, theme in THEMES.items() if draw.random() < theme.rate]
    sentences = [draw.choice(THEMES[name].sentences) for name in themes]
    sentences += draw.sample(ASIDES, draw.choice(ASIDES_EACH))
    draw.shuffle(sentences)
    return f"{draw.choice(GREETINGS)} {' '.join(sentences)} {draw.choice(CLOSINGS)}", themes
