"""What Slackwater sells: the goods an empty database is filled with."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """One variant: SKU, price in cents, pieces on the shelf, and its options."""

    sku: str
    cents: int
    stock: int
    options: dict[str, str]


@dataclass(frozen=True)
class Goods:
    """One product with its variants."""

    slug: str
    name: str
    summary: str
    description: str
    facts: tuple[str, ...]
    pieces: tuple[Piece, ...]
    featured: bool = False
    reduction: int = 0


@dataclass(frozen=True)
class Shelf:
    """One category with its products."""

    slug: str
    name: str
    blurb: str
    goods: tuple[Goods, ...]


def one(sku: str, cents: int, stock: int) -> tuple[Piece, ...]:
    """A product that comes in a single kind."""
    return (Piece(sku, cents, stock, {}),)


def each(
    sku: str, option: str, kinds: Iterable[tuple[str, int, int]]
) -> tuple[Piece, ...]:
    """A product with one option; *kinds* are (value, cents, stock)."""
    return tuple(
        Piece(_sku(sku, value), cents, stock, {option: value})
        for value, cents, stock in kinds
    )


def sizes(
    sku: str, cents: int, shelves: dict[str, dict[str, int]]
) -> tuple[Piece, ...]:
    """A garment; *shelves* maps a colour to the stock of each size."""
    return tuple(
        Piece(_sku(sku, colour, size), cents, stock, {"colour": colour, "size": size})
        for colour, stocks in shelves.items()
        for size, stock in stocks.items()
    )


def _sku(*parts: str) -> str:
    return "-".join(part.upper().replace(" ", "") for part in parts)


GALLEY = Shelf(
    slug="galley",
    name="Galley",
    blurb="For a kitchen the width of your outstretched arms.",
    goods=(
        Goods(
            slug="harbour-mug",
            name="Harbour mug",
            summary="Enamelled steel, and happy on an open flame.",
            description=(
                "Holds a proper measure of tea and keeps quiet about being dropped."
                " Two coats of enamel over steel, with a rolled rim that stays"
                " kind to your lip. Chips, when they come, are only character."
            ),
            facts=("350 ml", "Enamel on steel", "Dishwasher yes, microwave no"),
            pieces=each(
                "MUG",
                "colour",
                [("Fog", 1400, 40), ("Navy", 1400, 32), ("Buoy red", 1400, 3)],
            ),
            featured=True,
        ),
        Goods(
            slug="pilot-kettle",
            name="Pilot kettle",
            summary="Whistles before the rain reaches you.",
            description=(
                "A wide base boils fast and does not slide about. The whistle lifts"
                " off for those who prefer to watch. Works on gas, induction and"
                " wood stoves."
            ),
            facts=("1.8 litres", "Enamel on steel", "Beech handle"),
            pieces=each(
                "KETTLE",
                "colour",
                [("Buoy red", 5200, 9), ("Tar", 5200, 14), ("Sea green", 5200, 6)],
            ),
            featured=True,
        ),
        Goods(
            slug="watch-teapot",
            name="Dog watch teapot",
            summary="Brown stoneware that does not drip. We checked.",
            description=(
                "Glazed inside and out in the dark brown that teapots ought to be."
                " The lid locks with a quarter turn, so the last cup pours as"
                " safely as the first."
            ),
            facts=("Stoneware", "Strainer built in", "Dishwasher safe"),
            pieces=each("TEAPOT", "size", [("2 cups", 3400, 12), ("4 cups", 4200, 7)]),
        ),
        Goods(
            slug="ash-board",
            name="Ash board",
            summary="One plank, oiled twice, with a hole to hang it by.",
            description=(
                "Cut from a single piece of Irish ash, so there are no glue lines to"
                " open. It arrives oiled. Oil it again when it looks thirsty and"
                " it will see you out."
            ),
            facts=("Solid ash", "18 mm thick", "Wash by hand"),
            pieces=each("BOARD", "size", [("Small", 2600, 18), ("Long", 3800, 11)]),
        ),
        Goods(
            slug="iron-skillet",
            name="Storm skillet",
            summary="Cast iron, seasoned, and too heavy to blow away.",
            description=(
                "Rough-cast and rubbed with linseed oil at the foundry. Fries eggs on"
                " the first day and gets better every week that you do not wash it"
                " with soap."
            ),
            facts=("Cast iron", "Two pouring lips", "Any heat, any oven"),
            pieces=each("SKILLET", "size", [("20 cm", 3900, 10), ("26 cm", 5400, 2)]),
        ),
        Goods(
            slug="oyster-knife",
            name="Oyster knife",
            summary="Short, blunt, stubborn. As it must be.",
            description=(
                "A thick blade that twists instead of cutting, behind a brass guard"
                " that keeps the point out of your palm. The pear-wood handle"
                " fits wet hands."
            ),
            facts=("6 cm blade", "Pear wood and brass", "Wash by hand"),
            pieces=one("OYSTER", 2200, 15),
        ),
        Goods(
            slug="signal-towel",
            name="Signal tea towel",
            summary="Half linen, half cotton, and a message on the hem.",
            description=(
                "Woven with the flags for “all is well” down one side. Dries four"
                " people's plates before it needs a rest, and softens with every"
                " wash."
            ),
            facts=("50 by 70 cm", "Linen and cotton", "Wash at 60°"),
            pieces=each(
                "TOWEL", "colour", [("Navy", 1300, 44), ("Buoy red", 1300, 25)]
            ),
        ),
    ),
)

FOUL_WEATHER = Shelf(
    slug="foul-weather",
    name="Foul weather",
    blurb="There is no bad weather, but there are bad socks.",
    goods=(
        Goods(
            slug="watch-cap",
            name="Watch cap",
            summary="Lambswool, knitted double over the ears.",
            description=(
                "Fine ribbed lambswool with a deep cuff: turn it once for the pier,"
                " twice for the pub. One size, because wool is more patient than"
                " people."
            ),
            facts=("Lambswool", "One size", "Wash by hand, dry flat"),
            pieces=each(
                "CAP",
                "colour",
                [
                    ("Moss", 2800, 16),
                    ("Navy", 2800, 22),
                    ("Rust", 2800, 1),
                    ("Oatmeal", 2800, 9),
                ],
            ),
            featured=True,
        ),
        Goods(
            slug="deckhand-jumper",
            name="Deckhand jumper",
            summary="A crew neck that turns spray into conversation.",
            description=(
                "Knitted in the round from tightly spun wool that still has its"
                " lanolin. Underarm gussets, so you can reach a high shelf. It is"
                " itchy for a week and then it is yours."
            ),
            facts=("British wool", "Fits snug: go up for a loose fit", "Wash cool"),
            pieces=sizes(
                "JUMPER",
                11800,
                {
                    "Navy": {"S": 5, "M": 8, "L": 6, "XL": 2},
                    "Oatmeal": {"S": 4, "M": 3, "L": 5, "XL": 0},
                },
            ),
            featured=True,
        ),
        Goods(
            slug="pier-shirt",
            name="Pier stripe shirt",
            summary="Heavy cotton, boat neck, twenty-one stripes.",
            description=(
                "The shirt that sailors wore so they could be seen overboard. Ours has"
                " only ever been worn overboard by accident. Thick enough to keep"
                " its shape, cut straight."
            ),
            facts=("Organic cotton", "280 g/m²", "Wash at 40°"),
            pieces=sizes(
                "SHIRT",
                4900,
                {
                    "Navy": {"S": 10, "M": 14, "L": 9, "XL": 6},
                    "Rust": {"S": 4, "M": 2, "L": 5, "XL": 4},
                },
            ),
        ),
        Goods(
            slug="quay-raincoat",
            name="Quay raincoat",
            summary="Waxed cotton outside, dry shopkeeper inside.",
            description=(
                "Long enough to sit down on a wet bench. A storm flap over the zip,"
                " a hood that turns with your head, and pockets that drain, because"
                " one of us went in with ours on."
            ),
            facts=("Waxed cotton", "Taped seams", "Re-wax once a year"),
            pieces=sizes(
                "COAT",
                18900,
                {
                    "Lamp yellow": {"S": 3, "M": 6, "L": 4},
                    "Slate": {"S": 5, "M": 5, "L": 2},
                },
            ),
            featured=True,
        ),
        Goods(
            slug="boot-socks",
            name="Boot socks",
            summary="Long, thick, and reinforced where the boot argues.",
            description=(
                "Looped wool under the foot, plain knit over the calf, and a band that"
                " holds without leaving its opinion on your leg. Sold by the pair,"
                " which we are told is usual."
            ),
            facts=("70% wool", "Knee length", "Wash at 30°"),
            pieces=sizes(
                "SOCKS",
                1900,
                {
                    "Moss": {"36-40": 20, "41-46": 24},
                    "Buoy red": {"36-40": 12, "41-46": 4},
                },
            ),
        ),
        Goods(
            slug="slipway-boots",
            name="Slipway boots",
            summary="Natural rubber, cut low enough to drive home in.",
            description=(
                "Made by hand on an ankle last, with a sole that grips weed. We"
                " ordered too many in spring, which is our fault and your gain:"
                " a fifth off until the shelf is empty."
            ),
            facts=("Natural rubber", "Cotton lining", "Runs true to size"),
            pieces=each(
                "BOOTS",
                "size",
                [
                    (size, 7500, stock)
                    for size, stock in [
                        ("37", 6),
                        ("38", 8),
                        ("39", 9),
                        ("40", 11),
                        ("41", 8),
                        ("42", 0),
                        ("43", 7),
                        ("44", 3),
                    ]
                ],
            ),
            featured=True,
            reduction=20,
        ),
        Goods(
            slug="red-sky-neckerchief",
            name="Red sky neckerchief",
            summary="A square of cotton for wind, spills and waving.",
            description=(
                "Printed with small white knots, no two rows the same. Ties at the"
                " neck, holds back hair, carries sandwiches."
            ),
            facts=("60 by 60 cm", "Cotton", "Wash at 40°"),
            pieces=each(
                "NECK", "colour", [("Buoy red", 1600, 30), ("Sea green", 1600, 17)]
            ),
        ),
    ),
)

CHART_TABLE = Shelf(
    slug="chart-table",
    name="Chart table",
    blurb="Paper, ink and brass for plans that survive the crossing.",
    goods=(
        Goods(
            slug="logbook",
            name="Logbook",
            summary="192 pages that lie flat and take fountain pen.",
            description=(
                "Thread-sewn in a cloth-covered board that shrugs off a wet table."
                " Numbered pages, an index to fill in, and a ribbon. Write down the"
                " wind, or the shopping."
            ),
            facts=("A5, 192 pages", "100 g/m² paper", "Ruled, 7 mm"),
            pieces=each(
                "LOGBOOK",
                "colour",
                [("Navy", 2100, 26), ("Rust", 2100, 19), ("Sea green", 2100, 8)],
            ),
            featured=True,
        ),
        Goods(
            slug="soft-pencils",
            name="Six soft pencils",
            summary="Cedar, dark, and easily forgiven.",
            description=(
                "2B leads in incense cedar, dipped at the end in six colours so that"
                " everyone at the table keeps their own. They come in a tin that"
                " outlives them."
            ),
            facts=("Six pencils, 2B", "Tin with hinge", "Sharpened once by us"),
            pieces=one("PENCILS", 1250, 33),
        ),
        Goods(
            slug="harbour-ink",
            name="Harbour ink",
            summary="Fountain pen ink in the colours of the water here.",
            description=(
                "Mixed in small lots and named after what we saw from the window."
                " Behaves well on cheap paper, shades nicely on good. The bottle"
                " leans, so you can reach the last drop."
            ),
            facts=("50 ml", "Dye ink, washes out", "For any fountain pen"),
            pieces=each(
                "INK",
                "colour",
                [("Navy", 1450, 20), ("Sea green", 1450, 13), ("Rust", 1450, 4)],
            ),
        ),
        Goods(
            slug="brass-dividers",
            name="Brass dividers",
            summary="Walk a chart with one hand, as you should.",
            description=(
                "The bowed pattern that opens when you squeeze it. Solid brass with"
                " steel points, and a case for the points' sake. No battery, no"
                " signal needed."
            ),
            facts=("18 cm", "Brass and steel", "In a leather slip"),
            pieces=one("DIVIDERS", 3600, 5),
        ),
        Goods(
            slug="chart-glass",
            name="Chart glass",
            summary="A magnifier with the weight to stay put.",
            description=(
                "A domed lens that sits on the page and gathers the light by itself."
                " Brass ring, felt foot. Good for soundings, stamps and splinters."
            ),
            facts=("Magnifies four times", "65 mm across", "Brass and glass"),
            pieces=one("GLASS", 4400, 6),
        ),
        Goods(
            slug="tide-print",
            name="Moon and tide print",
            summary="Thirty nights of moon over one tide, block printed.",
            description=(
                "Cut in lino and printed by hand in two inks on cotton paper, so every"
                " sheet is a little different. Signed by Orla, who cut it. Sent"
                " flat in a stiff envelope or rolled."
            ),
            facts=("Hand printed", "Cotton paper, 270 g/m²", "Frame not included"),
            pieces=each("PRINT", "size", [("A4", 3200, 14), ("A3", 4800, 3)]),
        ),
        Goods(
            slug="lighthouse-cards",
            name="Lighthouse postcards",
            summary="Eight lights of the coast, one on each card.",
            description=(
                "Drawn from the water side. Thick, uncoated card that takes a pencil"
                " in the rain. Stamps not included, weather not included."
            ),
            facts=("Eight cards, A6", "350 g/m² card", "No two alike"),
            pieces=one("CARDS", 1100, 50),
        ),
    ),
)

STOWAGE = Shelf(
    slug="stowage",
    name="Stowage",
    blurb="A place for everything, and a light to find it by.",
    goods=(
        Goods(
            slug="hurricane-lantern",
            name="Hurricane lantern",
            summary="Twenty hours of steady light from one filling.",
            description=(
                "The same lantern our harbour office used until the electric came,"
                " made on the same tools. Burns lamp oil, stands in a gale, and can"
                " be lit with cold fingers."
            ),
            facts=("27 cm high", "Tinned steel", "Wick included, oil not"),
            pieces=each(
                "LANTERN",
                "colour",
                [("Buoy red", 3900, 12), ("Tar", 3900, 10), ("Sea green", 3900, 2)],
            ),
            featured=True,
        ),
        Goods(
            slug="kit-bag",
            name="Kit bag",
            summary="Waxed canvas that closes with a rope and a good knot.",
            description=(
                "One big room and one pocket, which is as much organising as most of"
                " us keep up. The strap is webbing, the base is doubled, and the"
                " eyelets are brass."
            ),
            facts=("35 litres", "Waxed canvas", "Carry-on size when not greedy"),
            pieces=each("KITBAG", "colour", [("Sand", 8400, 8), ("Navy", 8400, 6)]),
        ),
        Goods(
            slug="cockle-basket",
            name="Cockle basket",
            summary="Willow, woven round the corner from us.",
            description=(
                "Made by Tom Deasy, who grows the willow as well. Meant for cockles;"
                " takes logs, washing, or one sleeping cat. Every basket leans a"
                " little its own way."
            ),
            facts=("Unpeeled willow", "Handmade", "Keep it out of the rain"),
            pieces=each("BASKET", "size", [("Small", 4600, 7), ("Large", 6800, 1)]),
        ),
        Goods(
            slug="night-watch-blanket",
            name="Night watch blanket",
            summary="The one you fight over on the boat home.",
            description=(
                "Woven in wool with a wide check and a blanket-stitched edge. Heavy"
                " enough to count as company. It will smell faintly of sheep when"
                " wet, and so would you."
            ),
            facts=("140 by 190 cm", "Pure new wool", "Air it, seldom wash it"),
            pieces=each(
                "BLANKET",
                "colour",
                [("Moss", 9600, 6), ("Fog", 9600, 9), ("Rust", 9600, 0)],
            ),
        ),
        Goods(
            slug="rope-mat",
            name="Rope doormat",
            summary="Old mooring rope, knotted into a second career.",
            description=(
                "A flat sailor's knot worked from rope that has held real boats. Rinse"
                " it with a hose. Colours are whatever came off the quay that month."
            ),
            facts=("45 by 75 cm", "Reclaimed rope", "Indoors or out"),
            pieces=one("MAT", 5800, 4),
        ),
        Goods(
            slug="cork-float",
            name="Cork key float",
            summary="Keeps four keys above water. We counted.",
            description=(
                "Turned from one piece of cork and painted at the waterline, so you can"
                " see it bob. Holds up four house keys, or three and a bottle opener."
            ),
            facts=("6 cm", "Portuguese cork", "Brass ring"),
            pieces=each(
                "FLOAT",
                "colour",
                [("Buoy red", 750, 60), ("Lamp yellow", 750, 48), ("Navy", 750, 39)],
            ),
        ),
        Goods(
            slug="cleat-hook",
            name="Cleat hook",
            summary="A boat cleat for coats, leads and wet towels.",
            description=(
                "Sand-cast bronze, left as it came from the mould. Two screws, sized"
                " for a plank wall. It would hold a small boat, so it will hold"
                " your jacket."
            ),
            facts=("15 cm wide", "Bronze", "Screws included"),
            pieces=one("CLEAT", 1850, 21),
            reduction=10,
        ),
    ),
)

SHELVES = (GALLEY, FOUL_WEATHER, CHART_TABLE, STOWAGE)
