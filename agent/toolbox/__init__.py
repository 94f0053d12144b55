"""The agent's tools: thin wrappers over tools/ that return words for the chat model and artefacts for the page."""

from langchain_core.tools import BaseTool

from agent.toolbox.describing import compare_regions, describe_region
from agent.toolbox.exporting import export_result
from agent.toolbox.genes import show_gene, top_genes
from agent.toolbox.grouping import annotate_spots, cluster_spots
from agent.toolbox.looking import view_region
from agent.toolbox.preparing import infer_expression, tile_slide
from agent.toolbox.relating import search_slides, similar_spots, spatial_relation
from agent.toolbox.search import highlight_region, rank_spots
from agent.toolbox.sets import score_gene_set
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
    annotate_spots,
    describe_region,
    compare_regions,
    cluster_spots,
    similar_spots,
    search_slides,
    score_gene_set,
    spatial_relation,
    view_region,
    export_result,
)
