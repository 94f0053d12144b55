"""Sentences to clauses, and what a clause asks for where its wording says so beyond doubt."""

import re

from agent.offline.lexicon import read_data

_CLAUSE_START = (
    r"(?:(?:please |also |then |can you |could you )*(?:which|what|where|how|tell|show|give|list|save|export|find|highlight|outline|rank|compare|measure|name|describe|"
    r"is|are|does|do|open|predict|infer|run|retile|tile|score|plot|(?:its|their|the) (?:top )?(?:\d+ )?(?:marker |best )?(?:genes|markers|area|size|extent)|"
    r"(?:marker|top)(?: \d+)? genes|top \d+|genes\b))"
)
_SPLIT = re.compile(
    rf"\s*[?!]+\s+(?=\S)|\s*[;.,]\s+(?:and |then |also )*(?={_CLAUSE_START}\b)|\s*,?\s+(?:and then|and also|and|then|also)\s+(?={_CLAUSE_START}\b)",
    re.I,
)

_GREETING = re.compile(
    r"(?:(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|guten (?:tag|morgen)|hallo|bonjour|salut|moin|servus|dear)"
    r"(?: there| all| everyone| again| spotwhisperer| colleague)?|how are you)[ ,.!?]*\Z",
    re.I,
)
_THANKS = re.compile(
    r"(?:ok(?:ay)?[ ,]*)?(?:(?:many )?thanks?(?: you)?(?: (?:so|very) much| a lot)?|thank you[\w ]*|merci|danke|great|perfect|super|cool|nice|excellent|wonderful|ok(?:ay)?|bye|goodbye|see you|that'?s all|well done|good job)[ ,.!]*\Z",
    re.I,
)

_CUES: tuple[tuple[str, str], ...] = (
    (
        "medical_advice",
        r"\b(?:diagnos\w*|prognos\w*|survival|life expectancy|chemo\w*|immunotherap\w*|therap(?:y|ies)|treat(?:ment|ments|ed)?|medication|drugs?|dos(?:e|age)|surgery|operate|cure|metastasi[sz]e)\b"
        r"|^(?:so )?(?:is|could|might|would|does) (?:this|it|that|the patient|he|she|the (?:lesion|sample|biopsy|slide))\b.*\b(?:cancer\w*|melanoma|carcinoma|tumou?r|sarcoma|lymphoma|disease|malignan\w*|benign|dangerous|sick|healthy|die|live|respond)\b"
        r"|\b(?:what|which) (?:tumou?r |cancer )?(?:grade|stage|disease|cancer type)\b|\b(?:benign or malignant|malignant or benign)\b|\b(?:tnm|gleason|breslow) ?(?:stage|score|grade)?\b|\bpatient (?:has|have|survive|live|die|respond)\b",
    ),
    (
        "out_of_scope",
        r"\b(?:joke|funny|poem|weather|recipe|football|soccer|stock (?:price|market|tips)|president|capital of|python|javascript|source code|song|movie|pizza|lottery|horoscope|translate)\b",
    ),
    (
        "not_yet",
        r"\b(?:export|download|geojson|qupath|save|csv|pdf|report)\b|\bcluster(?:s|ing)?\b|\bsimilar (?:spots|regions|slides|tissue|areas)\b|\bannotate\b|\blabel (?:each|every|the|all) spots?\b"
        r"|\b(?:distance|how (?:far|close|near))\b|\bzoom\b|\bcount (?:the )?(?:cells|nuclei)|how many (?:\w+ ){0,2}(?:cells|nuclei|lymphocytes|mitoses)\b"
        r"|\b(?:across|search|in) (?:all|my|the other|other|every) (?:of )?(?:my |the )?slides?\b|\bwhich (?:of (?:my|the) )?slides? (?:have|has|contains?|shows?|with)\b",
    ),
    (
        "list_slides",
        r"\b(?:which|what|list|show|all|any other|how many|see|other)\b(?: \w+){0,4} (?:slides|cases|images|files|samples)\b|^(?:slides|my slides|workspace)\W*$|\bin (?:the|my) workspace\b|\bwhat can i open\b",
    ),
    ("tile_slide", r"\b(?:re-?til\w*|tiling|tile (?:the|this|it|at|with|my)\b|tile$|grid of spots|spot (?:size|grid|spacing|diameter)|pitch|hex(?:agonal)? (?:grid|layout)|square (?:grid|layout)|(?:smaller|bigger|larger|finer|coarser) (?:spots|tiles|grid)|\d+\s*(?:um|µm|μm|microns?|micrometers?)\s+(?:spots|tiles|grid))\b"),
    ("open_slide", r"^(?:please |can you |could you |now |then |let us |let's )*(?:re-?open|open|load|switch to|change to|go to|use|pick|choose|take)\s+(?:the |my |slide )*(?:slide\b|\S*\.(?:svs|tiff?|png|jpe?g|ndpi|mrxs|scn|bif)\b|demo\b|tcga\S*|\S*[/\\_]\S+|\S*\d{3,}\S*)|^(?:open|load)\s+\S+\W*$"),
    ("infer_expression", r"\b(?:infer|predict|comput\w+|estimate|run|calculate|start|redo|re-?run)\b(?: (?!you\b)\w+){0,3} (?:expression|transcriptom\w+|model|analysis|prediction|deepspot)\b|\b(?:prepare|process|analy[sz]e) (?:the|this|my|it)?\s*(?:slide|image|tissue|everything|it)?\W*$|^(?:go ahead and )?(?:infer|predict)(?: expression| genes)?\W*$"),
    ("about_abilities", r"\bwhat (?:else )?(?:can|could) (?:you|i|this|it) (?:do|ask|say|type|help)|^help(?: me)?\W*$|\b(?:who|what) are you\b|\bhow (?:do|can|should) i use\b|\bwhat do you do\b|\b(?:example|sample) (?:questions|queries)\b|\bexamples\b"),
    ("about_trust", r"\b(?:trust\w*|reliab\w+|measured|accura\w+|confiden\w+|how (?:sure|certain)|are you (?:sure|certain)|limitations?|real data|sequenced|validated|believe|made up|making (?:this|it) up|predicted or|ground truth)\b"),
    ("about_method", r"^why\b|\bhow (?:was|were|is|are|did|do|does)\b.*\b(?:comput\w+|calculat\w+|made|infer\w*|predict\w*|get|know|work|obtain\w*|derive\w*|determin\w+|find (?:this|that|it))\b|\bwhich models?\b|\bwhat models?\b|\bwhat (?:do|does|is) (?:the|this|that|a) (?:colou?rs?|score|numbers?|auroc|log2fc|values?)\b.*|\bwhere do(?:es)? (?:the|these|this|that) (?:numbers?|values?|data|expression) come from\b|\bexplain (?:the|this|how)\b"),
    ("describe_slide", r"\bwhat (?:am i|are we) (?:looking at|seeing)\b|\bwhat (?:is|do we have) (?:this|here|that|it|on (?:this|the) (?:slide|image))\W*$|\b(?:describe|summar\w+|overview|tell me about|details of|info\w* (?:on|about)) ?(?:of |me )?(?:it|this|the|my)?\s*(?:slide|image|tissue|sample|section|case)?\W*$|\b(?:magnification|resolution|mpp|pixel size|objective|scanner|dimensions)\b|\bhow (?:large|big) is (?:the|this) (?:slide|image|tissue|section|sample)\b|\bhow many (?:spots|genes|tiles)\b(?!.*\b(?:mark|in|of)\b)|\b(?:which|what|how many) genes (?:can|do|are|did) (?:you )?(?:predict\w*|know|have|available|cover)\b|\bwhat (?:tissue|organ|kind of tissue) is (?:this|it|that)\b|\b(?:slide|image) (?:info|details|size|properties|metadata)\b"),
)
_CUE_RES = tuple((intent, re.compile(pattern, re.I)) for intent, pattern in _CUES)
_SEARCHING = re.compile(r"\b(?:where|show|find|highlight|outline|locate|rank|score|heat ?map|genes?|markers?|GENE|minus|without)\b", re.I)

_GENES = re.compile(r"\b(?:genes?|markers?|transcripts?|differential\w*|degs?|signature|upregulated|downregulated|overexpressed|what (?:is|are) (?:\w+ )?expressed|sets? \S+ apart|distinguish\w*|characteri[sz]e\w*|molecular\w*)\b", re.I)
_COMPARE = re.compile(r"\b(?:compare\w*|comparison|differen(?:ce|ces|t) between|differs?|versus|vs\.?)\b", re.I)
_MINUS = re.compile(r"\b(?:minus|without|but not|excluding|except|subtract|take away|taking away|leave out|remove|left of)\b|\s[-–−]\s", re.I)
_RANK = re.compile(r"\b(?:rank\w*|heat ?map|scor(?:e|es|ing)|(?:best|top|strongest)(?: \w+){0,2} spots|which spots|spots? (?:most|best)|how strong\w*|strongest|colou?r (?:the |all )?spots|signal of|overlay)\b", re.I)
_MEASURE = re.compile(r"\b(?:how (?:big|large|much|many|wide|extensive)|what (?:fraction|percentage|percent|share|proportion|area|size)|which (?:fraction|percentage|share|proportion)|(?:area|size|extent|fraction|percentage|share|proportion|amount) of|measure|quantif\w+|its (?:area|size)|in mm2?)\b", re.I)
_WHERE = re.compile(
    r"\b(?:where|wher|find|show|highlight|outline|locate|segment|point out|identify|delineate|circle|draw|look(?:ing)? for|see any|is there|are there|do you see|can you see|any|display|mark|whereabouts|map|spot the|pinpoint|detect|present)\b",
    re.I,
)
_ELLIPSIS = re.compile(r"^(?:and|what about|how about|same for|same with|the same for|or|also|now|then|but|and what about|and how about|ok and|next)\b[ ,:]*(?:now |also |for |in |the same for |about )*(?P<rest>.+)$", re.I)
_VERBAL = re.compile(r"\b(?:is|are|was|does|do|can|could|show|find|which|what|how|why|who|tell|give|make|have|has|will|should|save|export|minus|without|genes?|markers?|compare)\b", re.I)


def clauses(text: str) -> list[str]:
    """The requests in one message: "where is fat, and which genes mark it?" holds two."""
    parts = [part.strip(" ,;.!?") for part in _SPLIT.split(text)]
    return [part for part in parts if part]


def small_talk(text: str) -> str | None:
    """`greeting` or `thanks` when the message is nothing else."""
    if _GREETING.match(text.strip()):
        return "greeting"
    return "thanks" if _THANKS.match(text.strip()) else None


def without_greeting(text: str) -> str:
    """`text` without a greeting in front."""
    return re.sub(r"^(?:hi|hello|hey|hallo|bonjour|good (?:morning|afternoon|evening))(?: there)?[ ,.!]+(?=\S)", "", text, flags=re.I)


def elliptic(clause: str) -> str | None:
    """What follows "and", "what about" in a request that leaves out its verb; None for any other."""
    match = _ELLIPSIS.match(clause)
    rest = match["rest"] if match else None
    return rest if rest and not _VERBAL.search(rest) and len(rest.split()) <= 5 else None


def intent_of(masked: str) -> str | None:
    """The intent that the words of a clause state, or None; genes read GENE."""
    text = masked.lower().replace("gene_symbol", "GENE")
    for intent, pattern in _CUE_RES:
        if pattern.search(text) and not (intent == "medical_advice" and _SEARCHING.search(masked)):
            return intent
    named = "GENE" in masked
    if _GENES.search(re.sub("GENE", "", masked)) and not (named and not _COMPARE.search(masked)):
        return "top_genes"
    if named:
        return "show_gene"
    if _MINUS.search(masked):
        return "rank_spots"
    if _COMPARE.search(masked):
        return "top_genes"
    if _RANK.search(masked):
        return "rank_spots"
    if _MEASURE.search(masked):
        return "measure"
    return "highlight_region" if _WHERE.search(masked) else None


def names_tissue(text: str) -> bool:
    """Whether a histology term occurs in `text`."""
    terms = set(read_data("lexicon.json")["terms"])
    words = re.findall(r"[^\W\d_]+", text.lower())
    return any(word in terms or word.removesuffix("s") in terms or word + "s" in terms for word in words)
