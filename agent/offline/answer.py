"""Tool results to an answer for a person. Every number comes from the tools' words; nothing is computed here."""

import re
from collections.abc import Sequence

from agent.offline.history import Done
from agent.offline.plan import Plan

_EXAMPLES = ("where is the epidermis, and which genes mark it?", "show me COL1A1", "cluster the spots")
ABILITIES = (
    "I look at the open slide for you. I can show where a cell type, tissue or process lies, measure it and zoom in; "
    "map a gene or a gene set; list the genes that set a region apart, describe it, and compare it with another; say "
    "how far things are from each other; cluster the spots or give them labels; find similar spots and search "
    "all slides; and save what you see (QuPath, CSV, h5ad, a figure, a report)."
)
MEDICAL = (
    "I do not give a diagnosis, a grade, a prognosis or advice on treatment; I can show where tissues and cell types "
    "lie, measure them, and list their genes."
)
NOT_POSSIBLE = (
    "That I cannot do: a spot holds many cells and its expression is a mean, so I count no cells or nuclei, and I "
    "neither correlate genes, write PDFs nor undo. I can measure areas, label spots, and compare regions instead."
)
OUT_OF_SCOPE = "That is outside of what I do: I only talk about the slides that are open here."
METHOD = (
    "Each spot of tissue is cut out as image tiles, an image encoder turns them into vectors, and a network infers the "
    "expression of every gene from these vectors and those of the neighbouring spots. The inferred transcriptome is "
    "then compared with your words in a space that both share. A score is in standard deviations of unrelated "
    "phrases: zero is like any phrase. For this slide:"
)
TRUST = (
    "Take it as a hint, not as a measurement: the expression is inferred from the image, and how well "
    "that works differs from gene to gene. Check what matters on the tissue. For this slide:"
)
_FOR_PEOPLE = (
    (r"call infer_expression first", 'say "infer the expression" first'),
    (r"call infer_expression to", 'Say "infer the expression" to'),
    (r"call infer_expression", 'say "infer the expression"'),
    (r"Open one with open_slide", 'Open one ("open demo")'),
)


def compose(plan: Plan, done: Sequence[Done], said: str) -> str:
    """The answer to a turn: what the tools found, then one caveat unless `said` (earlier answers) has it."""
    opening = [f"(I read {_readings(plan)}.)"] if plan.corrections else []
    if plan.kind != "tools" and not done:
        return "\n\n".join([*opening, _reply(plan)])
    if plan.kind == "medical":
        opening.append(MEDICAL)
    findings, caveats = [], []
    tried = any(call.step.tool == "infer_expression" for call in done)
    for call in done:
        if tried and call.failed and "call infer_expression" in call.words:
            continue
        if call.step.tool == "infer_expression" and not call.failed and len(done) > 1:
            findings.append(call.words.splitlines()[0])
            continue
        finding, caveat = _parts(call.words)
        finding = _in_a_sentence(finding)
        findings.append(_about(plan, finding) if call.step.tool == "describe_slide" else finding)
        caveats += [line for line in caveat if line not in caveats]
    if plan.topic != "result":
        opening.append(METHOD if plan.topic == "method" else TRUST)
    closing = [_without_repetition(line, caveats) for line in caveats if line not in said]
    if plan.kind == "not_possible":
        closing.append(NOT_POSSIBLE)
    findings, closing = [part for part in findings if part], [part for part in closing if part]
    text = "\n\n".join([*opening, *findings, *closing]).strip()
    text = re.sub(r"(^- .*\n)(?!- |\n)", r"\1\n", text, flags=re.M)  # Markdown would add the next line to the list
    for pattern, words in _FOR_PEOPLE:
        text = re.sub(pattern, words, text, flags=re.I)
    return text


def _readings(plan: Plan) -> str:
    return ", ".join(f"'{old}' as '{new}'" for old, new in plan.corrections)


def _reply(plan: Plan) -> str:
    examples = plan.examples or _EXAMPLES
    asked = "; ".join(f'"{example}"' for example in examples)
    if plan.kind == "greeting":
        return f"Hello. {ABILITIES} For example: {asked}"
    if plan.kind == "thanks":
        return "You are welcome. Ask on whenever you like."
    if plan.kind == "abilities":
        return f"{ABILITIES} For example: {asked}"
    if plan.kind == "medical":
        return f"{MEDICAL} For example: {asked}"
    if plan.kind == "not_possible":
        return f"{NOT_POSSIBLE} For example: {asked}"
    if plan.kind == "out_of_scope":
        return f"{OUT_OF_SCOPE} You can ask, for example: {asked}"
    return f"I did not understand that. You can ask, for example: {asked}"


def _parts(words: str) -> tuple[str, list[str]]:
    """What a tool found, and its lines of caution."""
    lines = words.splitlines()
    caveats = [line for line in lines if line.startswith(("Basis:", "Note:"))]
    return "\n".join(line for line in lines if line not in caveats), caveats


_GENE_LINE = re.compile(r"^- (\S+): (log2FC .+)$", re.M)
_SPELT_OUT = 3  # genes whose figures are said; the table that the page shows has them all


def _in_a_sentence(finding: str) -> str:
    """A finding whose list of genes is put into a sentence: figures of the first, names of the rest."""
    genes = _GENE_LINE.findall(finding)
    if not genes:
        return finding
    first = "; ".join(f"{gene} ({figures})" for gene, figures in genes[:_SPELT_OUT])
    rest = ", ".join(gene for gene, _ in genes[_SPELT_OUT:])
    sentence = f"{first}{f'; then {rest}' if rest else ''}."
    before, _, after = _GENE_LINE.sub("\0", finding).partition("\0")
    return f"{before.rstrip()} {sentence}{after.replace(chr(0), '').rstrip()}"


def _about(plan: Plan, finding: str) -> str:
    """Of a slide's description, what the question was about."""
    if plan.topic == "result":
        return finding
    return "\n".join(line for line in finding.splitlines() if line.startswith("Expression of")) or finding


def _without_repetition(line: str, caveats: list[str]) -> str:
    """Of two basis lines that differ only in the text model, the longer one says it all."""
    longer = [other for other in caveats if other != line and other.startswith("Basis:") and line.startswith("Basis:")]
    return "" if any(len(other) > len(line) for other in longer) else line
