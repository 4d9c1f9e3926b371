"""What a text is made of: the features that the persuasion model reads. Pure.

Every feature is between 0 and 1, shape features between -2 and 2, however long the text. What is
counted is counted for a stretch of a headline's length: one "you" in fourteen words or fewer is 1,
in a body of 140 words 0.1. The word lists are our own; `*` at a word's end stands for any ending.
"""

import math
import re

STRETCH = 14  # words of the archive's median headline
LONGEST = 10_000  # characters of a text that anybody reads

_LISTS = {
    "you": "you your yours yourself you're you've you'll you'd",
    "i": "i me my mine myself i'm i've i'd i'll",
    "we": "we us our ours ourselves we're we've we'll",
    "she": "she her hers herself she's she'd she'll woman women girl girls mom* mother* wife "
    "daughter* sister* lady ladies grandma* female*",
    "he": "he him his himself he's he'd he'll man men boy* dad* father* husband* son sons brother* "
    "guy* dude* male*",
    "they": "they them their theirs they're they've they'd people folks everyone everybody",
    "children": "kid kids child* baby babies teen* student* young* toddler* year-old*",
    "family": "mom* mother* dad* father* parent* family families wife husband* daughter* son sons "
    "sister* brother* grandm* grandp* marri* wedding bride groom",
    "this": "this these here here's",
    "that": "that that's those there there's",
    "demand": "watch see look* hear listen* meet check read find* take get try join start stop "
    "discover* share imagine remember let",
    "why": "why how how's what what's who who's which",
    "if": "if when until before after while once unless",
    "but": "but yet though although instead however except",
    "only": "only every all always ever never nothing none entire* whole best worst most least "
    "biggest greatest first last",
    "negation": "not no nope never none nobody nothing don't doesn't didn't isn't aren't wasn't "
    "weren't won't wouldn't can't couldn't shouldn't haven't hasn't hadn't ain't without",
    "good": "good great love* beaut* wonder* happ* joy* awesome amaz* brillian* perfect* fun nice "
    "kind* smile* hope* inspir* win* won success* gorgeous sweet* delight* best better proud* "
    "celebrat* generous* heartwarm* magic* fantastic incredibl* adorabl* cute* awe* genius",
    "bad": "bad worse worst wrong hate* ugly awful terribl* horr* disgust* sad* sick* stupid* "
    "fail* problem* broken mess* suck* evil shame* cruel* nast* lie lies lying liar* crap dumb "
    "insult* disaster* pain* hurt* suffer* miserabl* lonel* ruin* pathetic",
    "danger": "danger* death* dead die* dies dying kill* murder* gun* shot* shoot* war wars bomb* "
    "attack* violen* rape* abuse* beat* threat* fear* afraid scar* terrif* terror* cancer* "
    "disease* poison* crash* explod* destroy* victim* crime* criminal* drown* fatal*",
    "outrage": "outrag* fury furious* angr* anger mad racis* sexis* bigot* bully* bulli* unfair* "
    "injustice* corrupt* scandal* exploit* discriminat* homophob* rip-off screw* ridicul* insane "
    "jerk* hypocri*",
    "surprise": "surpris* shock* unexpected* suddenly stun* unbeliev* mind-blow* blow* weird* "
    "strange* bizarre twist actually turns turned secretly crazy wow whoa jaw* speechless "
    "astonish* startl*",
    "gap": "secret* reason* thing thing's truth happen* happens next guess* reveal* discover* "
    "mystery hidden spoiler wait clue* something someone somebody somewhere answer* explain* "
    "here's until end",
    "humour": "hilarious* funn* laugh* joke* comed* giggl* lol silly ridicul* humor* parody satir*",
    "tears": "cry* cries cried tear* goosebump* chill* heart* touching moving sob* emotion* feel* "
    "felt feelings weep*",
    "body": "body bodies face* hair eye* skin leg* arm* hand* head* brain* blood butt* breast* "
    "naked nude* weight fat thin teeth tooth stomach mouth* penis vagina*",
    "sex": "sex* gay lesbian* kiss* dating date* porn* condom* bra bikini* virgin* prostitut* "
    "strip* orgasm* trans* lgbt* naked nude*",
    "food": "food* eat* ate meal* burger* chicken* meat* water drink* coffee chocolate sugar* "
    "cook* cookie* pizza fruit* vegetable* milk beer wine mcdonald* restaurant* dinner lunch",
    "animals": "dog* cat cats animal* bird* fish* whale* elephant* lion* bear bears horse* "
    "monkey* puppy puppies kitten* pet pets bee bees shark* pig pigs cow cows",
    "money": "money dollar* pay* paid cost* price* buy* bought cheap* rich* poor* wage* job* "
    "bank* tax* debt* free cash spend* spent worth salary billion* million* wealth* afford* save*",
    "science": "scien* study studies research* experiment* data chart* map maps graph* fact* "
    "proof prove* statistic* evidence math* physic* nasa percent* theor*",
    "politics": "congress* senat* politic* president* obama* republican* democrat* vote* voting "
    "election* government* law laws bill court* supreme romney bush party policy policies "
    "conservative* liberal* mayor governor* campaign* corporat*",
    "abstract": "society social system* issue* justice equal* right rights freedom culture* "
    "movement* change* world community communit* humanity future power* environment* climate "
    "education* health* poverty reality* value* justice perspective* importan* awareness",
    "places": "america* u.s. usa country* africa* china chinese india* city cities york "
    "texas california florida british england europe* mexic* school* house home town street* "
    "prison* hospital* ocean* church*",
    "media": "video* photo* picture* song* music* ad ads commercial* movie* film* tv show shows "
    "rap* poem* poet* clip* cartoon* comic* documentary trailer* speech* interview*",
    "fame": "famous celebrit* star stars actor* actress* singer* rapper* beyonc* hollywood disney "
    "oprah colbert stewart ellen gates einstein kanye oliver louis",
    "time": "now today tomorrow tonight second* minute* hour* day days week* year* month* ago "
    "soon instantly forever moment* again finally still already",
    "small": "just little tiny simple simply easy easily only few small one quick* short",
    "large": "huge big bigger massive giant enormous large* whole tons lots many million* "
    "billion* thousand* hundred*",
    "vague": "thing things stuff something some someone somebody anything kind sort it it's way "
    "ways lot",
    "talk": "so well really pretty totally kinda gonna wanna yeah oh ok okay yep hey let's maybe "
    "basically literally seriously sure please thanks",
    "say": "say* said tell* told talk* ask* asked explain* call* called speak* spoke answer* "
    "word words question* respon*",
    "think": "think* thought know* knew believ* understand* realiz* learn* idea* mind* wonder* "
    "wish* want* need* expect*",
    "must": "should must need* have has ought can could might may would will",
    "loss": "lose* losing lost miss* stop* without never gone end ends ending limited left wast*",
    "proof": "trusted loved rated review* customer* member* teams companies used guarantee* "
    "refund* proven certified award* expert* recommended",
}


def _pattern(words: str) -> re.Pattern[str]:
    forms = (re.escape(word).replace(r"\*", r"[\w'’-]*") for word in sorted(set(words.split())))
    return re.compile(rf"(?<![\w'-])(?:{'|'.join(forms)})(?![\w'-])")


_WORD = re.compile(r"[^\W_][\w'-]*")
_SIGNS = {
    "question": re.compile(r"\?"),
    "exclamation": re.compile(r"!"),
    "ellipsis": re.compile(r"\.\.\.|…"),
    "colon": re.compile(r":(?:\s|$)"),
    "dash": re.compile(r"\s[-–—]+\s|—|--"),
    "comma": re.compile(r",\s"),
    "brackets": re.compile(r"\([^)]*\)"),
    "emphasis": re.compile(r"\*[^*]+\*"),
    "quotes": re.compile(r"[\"“](?=[^\s])|(?<!\w)'(?=\w[^']*'(?!\w))"),
    "number": re.compile(r"(?<![\w.])\d[\d,.]*"),
    "price": re.compile(r"[$€£]\s?\d|\d\s?%"),
}
_PATTERNS = {**{name: _pattern(words) for name, words in _LISTS.items()}, **_SIGNS}
_CAPITALS = re.compile(r"(?<!\w)[A-Z]{3,}(?!\w)")
_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)")
_VOWELS = re.compile(r"[aeiouy]+")
_FIRST = {
    "starts_number": re.compile(r"\W*\d"),
    "starts_this": re.compile(r"\W*(?:this|these|here)\b"),
    "starts_question": re.compile(r"\W*(?:why|how|what|who|when|where|which|is|are|do|does|can)\b"),
    "starts_demand": re.compile(rf"\W*{_pattern(_LISTS['demand']).pattern}"),
    "starts_person": re.compile(r"\W*(?:he|she|they|i|we|a man|a woman|a girl|a guy|a mom)\b"),
    "starts_if": re.compile(r"\W*(?:if|when|after|before)\b"),
}


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters, with straight apostrophes."""
    return _WORD.findall(_plain(text))


def content(text: str) -> dict[str, float]:
    """What is said, whatever the length: features between 0 and 1 that any text has."""
    text = text[:LONGEST]
    plain = _plain(text)
    stretches = max(1.0, len(_WORD.findall(plain)) / STRETCH)
    counts = {name: len(pattern.findall(plain)) for name, pattern in _PATTERNS.items()}
    counts["capitals"] = len(_CAPITALS.findall(text))
    return {name: min(1.0, count / stretches) for name, count in counts.items()}


def shape(text: str) -> dict[str, float]:
    """How a headline is built: features that have no meaning for other parts of a page."""
    text = text[:LONGEST]
    words, plain = words_of(text), _plain(text)
    number = max(1, len(words))
    length = math.log2(number / STRETCH)
    letters = sum(map(len, words)) / number
    syllables = sum(max(1, len(_VOWELS.findall(word))) for word in words) / number
    titled = sum(word[:1].isupper() for word in text.split()) / max(1, len(text.split()))
    sentences = len(_SENTENCE_END.findall(text.strip()))
    values = {
        "length": length,
        "length_squared": length * length,
        "letters": letters - 4.5,
        "syllables": (syllables - 1.4) * 2,
        "long_words": 4 * sum(len(word) > 7 for word in words) / number,
        "title_case": titled,
        "sentences": (sentences - 1) / 2,
        "ends_open": float(text.rstrip().endswith(("...", "…", ":"))),
    }
    values |= {name: float(bool(first.match(plain))) for name, first in _FIRST.items()}
    return {name: max(-2.0, min(2.0, value)) for name, value in values.items()}


def _plain(text: str) -> str:
    return text.lower().replace("’", "'").replace("‘", "'")
