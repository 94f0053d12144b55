"""Seeing and measuring: slide, spots, image embeddings, expression, joint embedding, index, scores, regions, genes."""
