"""Orders to a wholesaler of hot drinks and what is to be entered of each, by a rule: for --answer fields.

Every order draws a product, a number of boxes, a customer, whether it is express, and, one order in two, a
reference. A number is written in digits or in words, some orders take an earlier number back, and sentences
that are about nothing stand around. The same seed writes the same table.

    python scripts/make_table.py orders orders.jsonl --rows 240
"""

import json
import random
from pathlib import Path

PRODUCTS = {
    "black tea": ("black tea", "English breakfast tea", "Assam"),
    "green tea": ("green tea", "sencha", "jasmine green tea"),
    "coffee": ("coffee", "espresso beans", "ground arabica"),
    "cocoa": ("cocoa", "drinking chocolate", "cocoa powder"),
}
"""What customers call each product."""
CUSTOMERS = (
    *("Hotel Lindner", "Cafe Morgana", "Bakery Ott", "Station Kiosk", "The Green Mug", "Villa Serena"),
    *("Museum Bistro", "Harbour Canteen", "Jansen & Sons", "Tearoom Clara"),
)
WORDS = {
    2: "two",
    3: "three",
    4: "four",
    5: "five",
    6: "six",
    8: "eight",
    10: "ten",
    12: "a dozen",
    20: "twenty",
}
OPENINGS = ("Good morning,", "Hello,", "Dear team,", "Hi there,", "")
WISHES = (
    "we would like {n} boxes of {product}.",
    "please send us {n} boxes of {product}.",
    "{product} is running out here, so {n} boxes, please.",
    "can you put down {n} boxes of {product} for us?",
    "our usual order again: {product}, {n} boxes.",
)
CORRECTIONS = (
    "Sorry, I misread my list: make that {n} boxes of {product}, not {other}.",
    "No, wait, {other} is too many or too few, we need {n} boxes of {product}.",
)
EXPRESS = (
    "It has to be here tomorrow.",
    "Send it by express, please.",
    "We cannot wait, use the courier.",
    "Fastest delivery that you have.",
)
CALM = (
    "There is no hurry.",
    "Standard delivery will do.",
    "Any day next week is fine.",
    "No need for the courier this time.",
)
REFERENCES = (
    "Our reference is {ref}.",
    "Please quote {ref} on the invoice.",
    "Order number on our side: {ref}.",
)
FILLERS = (
    "The last delivery was perfect.",
    "Your driver was very kind on the 14th.",
    "We were closed for 3 days last week.",
    "The green boxes looked nice in the window.",
    "Our phone number has not changed.",
)
SIGNED = ("Best wishes, {customer}", "{customer}", "Thanks, {customer}", "For {customer}, the kitchen")


def order(draw: random.Random) -> dict[str, object]:
    """One row: the order, and an object of its fields."""
    product = draw.choice(list(PRODUCTS))
    boxes, other = draw.sample([*WORDS, *range(7, 60, 9)], 2)
    entry: dict[str, object] = {
        "product": product,
        "boxes": boxes,
        "customer": draw.choice(CUSTOMERS),
        "express": draw.random() < 0.4,
    }
    if draw.random() < 0.5:
        entry["reference"] = f"{draw.choice('ABCDE')}-{draw.randrange(1000, 9999)}"
    return {"order": " ".join(_sentences(entry, other, draw)), "entry": entry}


def _sentences(entry: dict[str, object], other: int, draw: random.Random) -> list[str]:
    named = draw.choice(PRODUCTS[str(entry["product"])])
    boxes = int(str(entry["boxes"]))
    body = [draw.choice(EXPRESS if entry["express"] else CALM), *draw.sample(FILLERS, draw.randrange(3))]
    if "reference" in entry:
        body.append(draw.choice(REFERENCES).format(ref=entry["reference"]))
    draw.shuffle(body)
    corrected = draw.random() < 0.25
    wish = draw.choice(WISHES).format(n=_written(other if corrected else boxes, draw), product=named)
    correction = draw.choice(CORRECTIONS).format(n=_written(boxes, draw), other=other, product=named)
    closing = draw.choice(SIGNED).format(customer=entry["customer"])
    opening = draw.choice(OPENINGS)
    wish = wish if opening else wish[0].upper() + wish[1:]
    return [*filter(None, [opening, wish]), *([correction] if corrected else []), *body, closing]


def _written(number: int, draw: random.Random) -> str:
    return WORDS[number] if number in WORDS and draw.random() < 0.5 else str(number)


def write(out: Path, rows: int, seed: int) -> None:
    draw = random.Random(seed)
    lines = [json.dumps(order(draw), ensure_ascii=False) for _ in range(rows)]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
