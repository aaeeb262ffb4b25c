"""The words of questions about motion: what is asked, and how outcomes are named.

`TOPICS` are tried in order; the first whose pattern occurs in the question is what it asks. `OUTCOMES` gives, for each
kind of outcome, the tokens it can have and the words for each. Nothing here names a thing or a film.
"""

from __future__ import annotations

import re

_FIRST_LAST = r"(?:first|last|earliest|latest|soonest|earlier|later|sooner)"
_HIT = (  # of things that move; whether a wall is hit is not seen
    r"(?<!the )(?<!a )\b(?:collid\w*|touch\w*|hits?|hitting|bump\w*|crash\w*|make contact|in contact)\b"
    r"(?! (?:the|a|its) (?:wall|floor|ground|ceiling|table|edge|border|side|bottom|top|stop|end)\b)"
)
_HITS = r"(?:collid\w*|collision\w*|touch\w*|hits?|hitting|bump\w*|contact\w*|crash\w*|impact\w*)"
_FAST = r"(?:fast|faster|fastest|slow|slower|slowest|slowly|quick\w*|swift\w*|rapid\w*)"
_LOOP = r"(?:swing|oscillation|cycle|turn|rotation|revolution|period|vibration|lap)"
_REPEATED = (
    r"(?:bounce|collision|swing|oscillation|cycle|turn|spin|rotation|revolution|loop|lap|hit|impact|contact|"
    r"repetition)"
)

_CAMERA = r"\b(?:camera(?: ?(?:man|woman|person|operator))?|photographer|filmer)\b"
_EACH_OTHER = r"(?:each other|one another)"
_NOT_WE = r"(?! (?:to|than) (?!(?:the )?(?:camera|viewer|us|me)\b))"
_NUMBER = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten)"
_BODIES = r"(?!times\b|seconds?\b|metres?\b|meters?\b|pixels?\b)[a-z]+s?"
_TO_AND_FRO = (
    r"\b(?:up[- ]and[- ]down|down[- ]and[- ]up|left[- ]and[- ]right|right[- ]and[- ]left|left to right|"
    r"(?:from )?side[- ]to[- ]side|sideways|vertical\w*|horizontal\w*)"
)

TOPICS: tuple[tuple[str, str], ...] = (
    ("law", r"\b(?:what|which)\b.*\b(?:law|equation|formula)\b|\b(?:law|equation) of motion\b|\bforce law\b"),
    (
        "unseen",
        r"\b(?:sound(?:s|ing)?|note|musical|hear|heard|plays?|says?|saying|why|weigh(?:s|ed)?|heavy|heavier|heaviest|"
        r"lighter|lightest|temperature|written|text|name|brand|who|draw|drew|drawn)\b|"
        r"\bhow many \w+ (?:do|does|did) .*\b(?:have|has|wear|carry|hold)\b|"  # parts of a thing
        r"\bmass(?:es)? of\b|\bwhat (?:is|are) (?:the |its |their )?mass(?:es)?\b|\b(?:more|less|most|least) mass\b",
    ),
    ("camera speed", rf"{_CAMERA}.*\b(?:speed|accelerat\w*|faster|slow\w*)\b"),
    ("camera", rf"(?<!towards the )(?<!toward the )(?<!from the )(?<!to the ){_CAMERA}(?!'s (?:view|frame))"),
    (
        "approach",
        r"\bdistance between\b.*\b(?:grow|increas|shrink|decreas)\w*|"
        r"\b(?:towards?|away from|closer to|nearer to) (?:each other|one another)\b|\bcloser together\b|"
        r"(?<!far )\bapart\b|"
        rf"\bapproach\w* {_EACH_OTHER}\b",
    ),
    (
        "stick",
        r"\bsticks? (?:together|to)\b|\bstuck\b|\bmove (?:on |off )?together\b|\b(?:stay|remain|travel)\w* "
        r"together\b|\bjoin\w*\b|\bseparate\b|\b(?:merge|fuse|melt|combine|unite|coalesce)\w*\b|\bbecome one\b|"
        rf"\b(?:bounc|rebound|recoil)\w*\b.*\b{_EACH_OTHER}\b",
    ),
    (
        "period",
        rf"\bhow many (?:{_REPEATED}s?|times)\b.*\b(?:per|a|each|every) (?:second|sec|minute)\b|"
        r"\bhow often\b.*\b(?:per|a|each|every) (?:second|sec|minute)\b",
    ),
    (
        "count events",
        rf"\bhow many (?:times|{_REPEATED}s?|(?:\w+ ){{1,3}}{_REPEATED}s?)\b|\bnumber of (?:times|"
        rf"{_REPEATED}s)",
    ),
    (
        "count",
        rf"\bhow many\b|\bnumber of\b|^(?:please )?count\b|\b(?:more|fewer|less) than {_NUMBER} {_BODIES}\b|"
        rf"\bthere (?:only |exactly |just )?{_NUMBER} (?:\w+ )?{_BODIES}\b",
    ),
    (
        "period",
        rf"\bperiod\b|\bfrequency\b(?!.*\b(?:change|vary|varies)\b)|"
        rf"\bhow long (?:does|is|takes?) (?:it take (?:for|to) )?(?:one|each|a|an|every|per)\b.*\b{_LOOP}\b|"
        rf"\bhow long\b.*\b(?:one|each|every|single|full|whole|complete) (?:\w+ )?{_LOOP}\b",
    ),
    ("return", r"\b(?:comes?|goes?|gets?|moves?) back\b(?! and forth)|\breturns?\b"),
    ("rate", r"\b(?:rate|frequency)\b.*\b(?:change|vary|varies)\b"),
    (
        "amplitude",
        r"\bamplitudes?\b|\bswings?\b.*\b(?:larger|smaller|grow|shrink|die|damp)\w*|\bdamp(?:ed|ing)\b|"
        r"\b(?:die\w*|dying|fad\w+|peter\w*) (?:out|down|away|off)\b|\bdecay\w*\b|\bundamped\b",
    ),
    (
        "time",
        r"^(?:when|at (?:what|which) (?:time|moment|second|frame))\b|\bhow (?:long|many seconds)\b.*\b(?:until|"
        r"before|after|to)\b",
    ),
    ("order", rf"\b{_FIRST_LAST}\b(?! (?:to the|up|down|left|right|half|second|part|frame|position)\b)"),
    ("duration", r"\bhow long\b"),
    (
        "acceleration",
        r"\bwhat (?:is|was|are) (?:\w+ )*acceleration\b|\bhow (?:large|big|great|strong|"
        r"much)\b.*\bacceler|"
        r"\b(?:magnitude|value|size) of (?:\w+ )*acceleration\b|\bhow (?:fast|quickly|strongly) "
        r"does\b.*\baccelerate",
    ),
    (
        "size",
        r"\b(?:larger|smaller|bigger|size)\b.*\b(?:image|picture|frame|view|screen|video)\b|"
        r"\b(?:get|gets|getting|become|becomes|appear|appears|look|looks|grow|grows)\b (?:\w+ )?(?:larger|"
        r"smaller|bigger)\b|"
        r"\b(?:towards?|away from|closer to|nearer to|approach\w*|leav\w*|reced\w*)\b.*\b(?:camera|viewer|us|me)\b|"
        rf"\b(?:com(?:e|es|ing)|get(?:s|ting)?|mov(?:e|es|ing)) (?:closer|nearer)\b{_NOT_WE}|"
        r"\breced\w*\b|\bchange\w* (?:in )?size\b",
    ),
    (
        "compare",
        r"^(?:which|who|what (?:object|thing|one|body|ball))\b(?! (?:way|direction|kind|type|sort|axis|"
        r"image axis|time)\b).*"
        rf"\b(?:{_FAST}|speed|farther|further|farthest|furthest|longest|higher|lower|highest|lowest|leftmost|"
        r"rightmost|"
        r"topmost|larger|smaller|bigger|largest|smallest|biggest|moves?|moving|stays?|still|at rest|"
        r"accelerat\w*|"
        rf"most|least|more|less|higher|left|right|up|down|upwards?|downwards?|above|below)\b|"
        r"\b(?:faster|slower|further|farther|more quickly|more slowly|higher|lower|larger|smaller|bigger) "
        r"than the\b"
        rf"(?! (?:start|beginning|first))|\bsame speed\b",
    ),
    (
        "trend",
        r"\b(?:faster|slower)\b.*\bthan (?:before|after|at (?:first|the))\b|"
        r"\b(?:los(?:e|es|ing)|gain\w*) (?:speed|pace)\b|"
        r"\bspeed\w* up\b|\bslow\w* down\b|\baccelerat\w*|\bdecelerat\w*|"
        r"\b(?:speed|velocity|pace)\b.*\b(?:increas\w*|decreas\w*|chang\w*|constant|stay\w*|grow\w*|shrink\w*|"
        r"vary|varies|pattern)\b|"
        r"\b(?:increas\w*|decreas\w*|chang\w*|constant|steady|uniform|pattern)\b.*\b(?:speed|velocity|pace)\b|"
        r"\b(?:get|gets|getting|become|becomes) (?:\w+ )?(?:faster|slower)\b|\bfaster or slower\b",
    ),
    ("speed", r"\bhow (?:fast|quickly|slowly)\b|(?<!angular )(?<!rotational )\b(?:speed|velocity)\b"),
    ("distance", r"\bhow (?:far|high|much (?:higher|lower|closer))\b|\bdistance\b|\bdisplacement\b|\blength of\b"),
    (
        "axis",
        rf"{_TO_AND_FRO} or {_TO_AND_FRO}|"
        r"^(?:do|does|did|is|are|was|were)\b.*\b(?:up[- ]and[- ]down|left[- ]and[- ]right|"
        r"side[- ]to[- ]side|sideways|vertically|horizontally)\b",
    ),
    (
        "kind",
        r"\b(?:what|which) (?:kind|type|sort|form) of (?:\w+ )?(?:motion|movement|path|trajectory|curve)\b|"
        r"\bshape\b|\bhow would you describe\b|^how (?:do|does|did|is|are)\b.*\bmov(?:e|ing)$|"
        r"\bwhat (?:motion|movement)\b|"
        r"\b(?:path|trajectory)\b|\b(?:oscillat|swing|circl|circular|orbit|vibrat|parabol|pendul|"
        r"projectil|periodic|irregular|erratic|random|chaotic|harmonic)\w*\b|"
        r"\bback and forth\b|\bfree fall\b|\bstraight\b|\bcurved?\b",
    ),
    (
        "axis",
        r"\baxis\b|\bhorizontal\w* or vertical\w*|\bvertical\w* or horizontal\w*|\bmainly (?:horizontal|"
        r"vertical)\w*",
    ),
    ("rotation", r"clockwise|\brotat\w*|\bspin\w*\b"),
    (
        "collide",
        rf"^(?:do|does|did|is|are|was|were|will|has|have|can)\b.*{_HIT}|"
        r"\bthere (?:a|any) (?:collision|contact|crash)\b",
    ),
    ("bounce", r"^(?:do|does|did|is|are|was|were|has|have|can)\b.*\b(?:bounce|rebound)\w*\b"),
    (
        "end",
        r"\b(?:ends?|finish\w*|final\w*)\b.*\b(?:left|right|higher|lower|above|below|up|down|same)\b|"
        r"\bthan (?:where |when )?(?:it|they|at the) (?:began|begins|started|starts|start|beginning|was)\b",
    ),
    (
        "relative",
        r"\b(?:left|right) of (?:the|a)\b|\b(?:above|below|under|over|beneath)\b (?:the|a)\b|\brelative to "
        r"the (?!background|camera|scene|ground)",
    ),
    (
        "direction",
        r"\b(?:which|what|in which|in what) (?:way|direction)s?\b|\bdirections?\b|\bwhere\b.*\b(?:go|going|"
        r"goes|head\w*|mov\w*)\b|"
        r"\btrend\b.*\bmovement\b|\b(?:left|right|up|down|upwards?|downwards?|leftwards?|rightwards?|rise|"
        r"rises|rising|fall|falls|"
        r"falling|ascend\w*|descend\w*|sink\w*|climb\w*|drop(?:s|ping)?)\b",
    ),
    (
        "moves",  # only where nothing else is said of how it moves
        r"\b(?:mov(?:e|es|ing|ed)|in motion|at rest|stationary|static|still|motionless|stops?|put|in place)"
        r"(?: or (?:is it |does it |not )?"
        r"(?:mov\w+|stationary|static|still|at rest|not|(?:stand|stay)\w*(?: still| put)?))?"
        r"(?: (?:at all|around|about|anywhere|here|now|too|ever|"
        r"(?:in|during|throughout|through) (?:the |this )?(?:whole )?"
        r"(?:video|clip|film|scene|picture|image|frame|recording|shot)))*$|"
        r"^(?:what|who|which \w+|(?:is|does) (?:any|some)thing)\b.*\bmov\w+|\b(?:any|no) (?:motion|movement)\b",
    ),
)
"""What a question may ask, with the pattern that tells; ``unseen`` is what no instrument here measures."""

_STILL = (
    r"(?:in (?:the )?)?same (?:column|row|place|position|height|level|spot|line)|(?:do(?:es)? )?not mov\w+(?: at all)?|"
    r"no (?:motion|movement)|stationary|motionless|stays? (?:put|still|in place|where \w+ \w+)|static|still|at rest|"
    r"unchanged|"
    r"stays? the same|stays?"
)
_RIGHT = r"(?:rightwards?|(?:to the |to its |towards the )?right(?! (?:after|before|now|away|at|when|as)\b)|eastwards?)"
_LEFT = r"(?:leftwards?|(?:to the |to its |towards the )?left(?! (?:the|a|its|his|her) )|westwards?)"
_UP = r"(?:upwards?|up(?! to)|higher|ris(?:e|es|ing)|above|ascend\w*|climb\w*|northwards?)"
_DOWN = r"(?:downwards?|down|lower|fall(?:s|ing)?|below|descend\w*|sink\w*|drop(?:s|ping)?|southwards?|beneath|under)"

OUTCOMES: dict[str, tuple[tuple[str, str], ...]] = {
    "direction": (
        ("still", _STILL),
        ("toward", r"towards? (?:the )?(?:camera|viewer)|closer|nearer|approach\w*"),
        ("away", r"away from (?:the )?(?:camera|viewer)|away|reced\w*"),
        ("right", _RIGHT),
        ("left", _LEFT),
        ("up", _UP),
        ("down", _DOWN),
    ),
    "camera": (
        (
            "static",
            r"static|still|stationary|fixed|steady|not? mov\w+(?: at all)?|locked|at rest|on a tripod|"
            r"motionless|unmoving|(?:stays?|remains?) (?:put|in place|where it is)|holds? (?:still|steady)|mounted",
        ),
        ("moving", r"moving|moves?|in motion|hand-?held|not (?:static|still|fixed)|motion"),
        ("in", r"(?:zoom\w* )?in(?:wards?)?\b(?! the| which| what| any)"),
        ("out", r"(?:zoom\w* )?out(?:wards?)?"),
        ("counter-clockwise", r"(?:counter|anti)[- ]?clockwise"),
        ("clockwise", r"clockwise"),
        ("right", _RIGHT),
        ("left", _LEFT),
        ("up", r"upwards?|up"),
        ("down", r"downwards?|down"),
    ),
    "trend": (
        (
            "decrease",
            r"decreas\w*|decelerat\w*|shrink\w*|slow(?:s|ing|er)?(?: down)?|smaller|fall\w*|damp\w*|"
            r"die\w*(?: out| down| away)?|"
            r"reduc\w*|fad\w*|diminish\w*|los(?:e|es|ing)",
        ),
        (
            "increase",
            r"increas\w*|accelerat\w*|grow\w*|speed(?:s|ing)? up|gain\w*|faster|larger|bigger|rise\w*|quicken\w*",
        ),
        (
            "same",
            r"(?:stay\w*|remain\w*)(?: (?:the same|constant|steady))?|(?:the )?same|constant(?: speed| "
            r"velocity)?|steady|unchanged|uniform",
        ),
        ("none", r"not moving(?: at all)?|no motion"),
    ),
    "size": (
        (
            "smaller",
            r"smaller|shrink\w*|decreas\w*|away(?: from (?:the )?(?:camera|viewer|us|me))?|reced\w*|farther|further|"
            r"leav\w*",
        ),
        (
            "larger",
            r"larger|bigger|grow\w*|increas\w*|(?:come\w* )?(?:closer|nearer)|towards? (?:the )?(?:camera|"
            r"viewer|us|me)|approach\w*",
        ),
        ("same", r"(?:stay\w*|remain\w*)(?: the same| constant)?|(?:the )?same(?: size)?|constant|unchanged|neither"),
    ),
    "axis": (
        ("vertical", r"vertical\w*|(?:up[- ]and[- ]down|down[- ]and[- ]up)|up[-/ ]down|y"),
        (
            "horizontal",
            r"horizontal\w*|(?:from )?side(?:ways|[- ]to[- ]side)|(?:left[- ]and[- ]right|right[- ]and[- ]left|"
            r"left to right)|left[-/ ]right|x",
        ),
        ("diagonal", r"diagonal\w*"),
    ),
    "rotation": (
        ("counter-clockwise", r"(?:counter|anti)[- ]?clockwise"),
        ("clockwise", r"clockwise"),
        ("none", r"no rotation|not rotat\w*|does not (?:rotate|spin)|neither"),
    ),
    "kind": (
        ("pendulum", r"pendulum(?: oscillation| swing)?|swing\w*"),
        ("circular", r"circular|circle|round and round|rotation\w*|rotating|orbit\w*|revolv\w*"),
        (
            "oscillation",
            r"oscillat\w*|periodic\w*|harmonic|back[- ]and[- ]forth|vibrat\w*|to and fro|up[- ]and[- ]down",
        ),
        ("parabola", r"projectile(?: motion)?|parabol\w*|thrown|ballistic|curved|arc"),
        ("fall", r"free[- ]?fall\w*|falling|falls?"),
        ("accelerated", r"accelerat\w*"),
        ("straight", r"(?:uniform|constant[- ](?:speed|velocity)|straight(?:[- ]line)?|linear)(?: motion)?|line"),
        ("rest", r"rest|stationary|not moving(?: at all)?|still"),
        ("irregular", r"irregular\w*|random\w*|erratic\w*|chaotic\w*"),
    ),
    "relative": (("left", _LEFT), ("right", _RIGHT), ("up", _UP + r"|over"), ("down", _DOWN)),
    "moves": (
        (
            "still",
            r"stationary|static|still|at rest|motionless|not mov\w+(?: at all)?|stands? still|stop\w*|"
            r"(?:stays?|remains?) (?:put|in place|where it is)",
        ),
        ("moving", r"mov\w+|in motion"),
    ),
}
"""Tokens of each kind of outcome and the words for them; earlier ones win where words overlap."""

COLOURS = {
    "red": "red",
    "orange": "orange",
    "yellow": "yellow",
    "golden": "yellow",
    "green": "green",
    "blue": "blue",
    "cyan": "blue",
    "turquoise": "green",
    "teal": "green",
    "purple": "purple",
    "violet": "purple",
    "magenta": "pink",
    "pink": "pink",
    "brown": "brown",
    "black": "black",
    "dark": "black",
    "white": "white",
    "grey": "grey",
    "gray": "grey",
    "silver": "grey",
}
"""Colour words, and the basic colour of `motionlaw.tools.looks` that each stands for."""

ROUND_THINGS = frozenset(
    re.findall(
        r"\w+",
        "ball balls disc discs disk disks puck pucks marble marbles circle circles sphere spheres bob coin coins dots",
    )
)
"""Names of things whose outline is round."""

COUNTED = {
    "zero": 0,
    "no": 0,
    "none": 0,
    "one": 1,
    "once": 1,
    "two": 2,
    "twice": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
}
"""Number words."""


def tokens_in(text: str, kind: str) -> list[tuple[str, str]]:
    """Finds the outcomes that a text names, in order: each token with the words that name it.

    Example:
        >>> tokens_in("first to the left then to the right", "direction")
        [('left', 'to the left'), ('right', 'to the right')]
    """
    every = "|".join(rf"(?P<g{k}>\b(?:{pattern})\b)" for k, (_, pattern) in enumerate(OUTCOMES[kind]))
    found: list[tuple[str, str]] = []
    for match in re.finditer(every, text.lower()):
        token = OUTCOMES[kind][int(str(match.lastgroup)[1:])][0]
        if not found or found[-1][0] != token:
            found.append((token, match.group()))
    return found
