"""Mails to a help desk, and replies to some of them with grades: tables for --answer judged.

A mail names its writer, an order and one matter. Two rubrics are written, each with graded replies.

tone    how friendly and helpful a reply is. A reply is a sentence on the matter between two phrases of one of
        five tones, from rude to very friendly; the grade is the tone's.
points  a reply greets the writer by name, says sorry, takes up the very matter, and says what happens next.
        A reply is put together from four parts, each good or bad by a coin: a greeting without a name, no
        regret or a rude word, another matter, no step. The grade is 1 and one more for each good part.

The grades are those of this rule; no person was asked. The same seed writes the same tables.

    python scripts/make_table.py help_desk FOLDER --rows 160
"""

import random
from dataclasses import dataclass
from pathlib import Path

from tables.saving import save_csv

GRADED = 40
"""Mails beside the rows whose replies are graded."""
RUBRICS = {
    "tone": "How friendly and helpful is the reply? 1: rude. 2: curt and unwilling. 3: neutral. 4: friendly. "
    "5: very friendly, sorry for the trouble, and ready to help.",
    "points": "The reply greets the writer by name, says sorry, takes up the very matter of the mail, and "
    "says what happens next. Each of the four that is missing or wrong costs a grade.",
}
NAMES = ("Ada Lund", "Bo Egger", "Carla Fox", "Dev Bose", "Eli Klein", "Hana Costa", "Ivo Dunn", "Lena Greco")
MATTERS = {
    "late parcel": ("My parcel {order} should have come last week.", "your parcel {order} is late"),
    "broken cup": ("The cup in order {order} came in pieces.", "the cup in order {order} is broken"),
    "wrong size": ("The coat of order {order} is two sizes too big.", "the coat of order {order} is too big"),
    "charged twice": ("I was charged twice for order {order}.", "order {order} was charged twice"),
    "no invoice": ("I never got an invoice for order {order}.", "there is no invoice for order {order}"),
    "missing part": ("Two screws are missing in order {order}.", "screws are missing in order {order}"),
    "wrong colour": (
        "I ordered blue and got green, order {order}.",
        "order {order} came in the wrong colour",
    ),
    "login": ("I cannot sign in to see order {order}.", "you cannot sign in to see order {order}"),
}
ASIDES = (
    "I have been your customer for years.",
    "I write from my phone.",
    "My neighbour had no such trouble.",
    "I am at home in the mornings.",
    "Last time all went well.",
    "It was meant as a present.",
)
WISHES = (
    "What now?",
    "Please help.",
    "What will you do about it?",
    "I am waiting for an answer.",
    "And now?",
)
SORRY = ("We are sorry about this.", "Please accept our apologies.", "I am very sorry for the trouble.")
RUDE = ("", "", "That is your own fault.", "You could have read the terms.")
TONES = (
    (
        ("You again?", "Oh please."),
        ("Stop bothering us.", "That is your problem, not ours.", "Go and cry elsewhere."),
    ),
    (("Well.", "So what."), ("Read the terms.", "We cannot do much.", "That is how it is.")),
    (
        ("Your mail came in.", "Hello."),
        ("It will be looked at.", "The case is open.", "You will hear from us."),
    ),
    (
        ("Thank you for your mail.", "Hello, and thanks for telling us."),
        ("We look into it and let you know.", "A colleague will see to it soon.", "We will find a way."),
    ),
    (
        (
            "Thank you so much for writing to us, and please accept our apologies.",
            "We are truly sorry for this.",
        ),
        (
            "We put it right today, and you can call me at any time.",
            "I take care of it myself and am glad to help with anything else.",
            "You will have an answer within the hour; we really want you to be happy.",
        ),
    ),
)
"""From grade 1 to 5: how a reply begins, and how it ends."""
NEXT = (
    "We send you a new one today and will write when it is on its way.",
    "A colleague looks into it now and calls you by tomorrow noon.",
    "You get your money back within three days.",
)
NOWHERE = ("", "", "These things happen.", "Have a look at our new catalogue.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    name: str
    order: str
    matter: str
    text: str


def write(folder: Path, rows: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    every = mails(rows + GRADED, draw := random.Random(seed))
    save_csv(folder / "mails.csv", ("mail",), ((mail.text,) for mail in every[:rows]))
    for name, replied in (("tone", toned), ("points", pointed)):
        (folder / f"{name}.txt").write_text(RUBRICS[name] + "\n", encoding="utf-8")
        replies = [(mail.text, *replied(mail, draw)) for mail in every[rows:]]
        save_csv(folder / f"{name}.csv", ("text", "reply", "grade"), replies)


def mails(count: int, draw: random.Random) -> list[Mail]:
    """No text twice."""
    found: dict[str, Mail] = {}
    while len(found) < count:
        name, order, matter = draw.choice(NAMES), str(draw.randrange(1000, 9999)), draw.choice(list(MATTERS))
        sentences = [MATTERS[matter][0].format(order=order), *draw.sample(ASIDES, draw.choice((0, 1, 2)))]
        draw.shuffle(sentences)
        text = f"Hello, {' '.join(sentences)} {draw.choice(WISHES)} {name}"
        found[text] = Mail(name=name, order=order, matter=matter, text=text)
    return list(found.values())


def toned(mail: Mail, draw: random.Random) -> tuple[str, int]:
    """A reply and its grade."""
    grade = draw.randrange(5)
    first, last = map(draw.choice, TONES[grade])
    matter = MATTERS[mail.matter][1].format(order=mail.order)
    return f"{first} So {matter}. {last}", 1 + grade


def pointed(mail: Mail, draw: random.Random) -> tuple[str, int]:
    """A reply and its grade."""
    named, sorry, to_the_point, next_step = good = [draw.random() < 0.5 for _ in range(4)]
    matter = mail.matter if to_the_point else draw.choice([each for each in MATTERS if each != mail.matter])
    order = mail.order if to_the_point else str(draw.randrange(1000, 9999))
    parts = [
        f"Dear {mail.name}," if named else "Hi,",
        draw.choice(SORRY if sorry else RUDE),
        f"We read that {MATTERS[matter][1].format(order=order)}.",
        draw.choice(NEXT if next_step else NOWHERE),
    ]
    return " ".join(filter(None, parts)), 1 + sum(good)
