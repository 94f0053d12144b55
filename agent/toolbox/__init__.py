"""The agent's tools: thin wrappers over tools/ that return words for the chat model and artefacts for the page."""

from langchain_core.tools import BaseTool

from agent.toolbox.genes import show_gene, top_genes
from agent.toolbox.preparing import infer_expression, tile_slide
from agent.toolbox.search import highlight_region, rank_spots
from agent.toolbox.slides import describe_slide, list_slides, open_slide

TOOLS: tuple[BaseTool, ...] = (
    list_slides,
    open_slide,
    describe_slide,
    tile_slide,
    infer_expression,
    rank_spots,
    highlight_region,
    top_genes,
    show_gene,
)
