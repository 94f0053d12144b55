"""A chat model without an LLM: a grammar, sentence embeddings, and answers composed from tool results."""
