"""Numbers and gene names of an answer against tool results."""

import pytest

from agent.grounding import unsupported

WORDS = "epidermis: 2 regions, together 0.277 mm2, 41 % (1,128 of 3,312 spots). KRT6A: log2FC 2.64, adjusted p 4e-34"


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("The epidermis covers 0.277 mm2 (41 %) in two regions, 1128 spots.", []),
        ("About 0.28 mm2; KRT6A leads with a log2FC of 2.6 (p = 4e-34).", []),
        ("It covers 0.35 mm2.", ["0.35"]),
        ("KRT14 leads with 3.1.", ["3.1", "KRT14"]),
        ("r1 and r2 are 2 of 3.", []),
        ("There are 57 spots, 12.5 % of it.", ["57", "12.5"]),
        ("No numbers at all.", []),
    ],
)
def test_what_no_tool_said(answer: str, missing: list[str]) -> None:
    assert unsupported(answer, [WORDS]) == missing
