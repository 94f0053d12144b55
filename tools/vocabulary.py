"""Terms in which tissue is described: what clusters, regions and slides are compared with."""

TISSUES = (
    "epidermis", "epithelium", "glandular epithelium", "airway epithelium", "stroma", "dermis", "collagen",
    "connective tissue", "adipose tissue", "smooth muscle", "skeletal muscle", "blood vessels", "endothelial cells",
    "nerve", "cartilage", "lymphoid aggregate", "germinal center", "sweat glands", "mucus", "necrosis",
    "red blood cells",
)  # fmt: skip
CELLS = (
    "keratinocytes", "melanocytes", "fibroblasts", "cancer associated fibroblasts", "myofibroblasts", "pericytes",
    "adipocytes", "T cells", "B cells", "plasma cells", "NK cells", "macrophages", "dendritic cells", "mast cells",
    "neutrophils", "immune cells", "tumor cells",
)  # fmt: skip
PROCESSES = (
    "keratinisation", "proliferating cells", "hypoxia", "interferon response", "epithelial-mesenchymal transition",
    "angiogenesis", "extracellular matrix", "oxidative phosphorylation", "wound healing",
)  # fmt: skip
TERMS = TISSUES + CELLS + PROCESSES
BROAD = (
    "epidermis", "glandular epithelium", "stroma", "collagen", "adipose tissue", "smooth muscle", "blood vessels",
    "immune cells", "tumor cells", "necrosis",
)  # fmt: skip
"""Terms that a map is held against before it is believed to show something of its own."""
