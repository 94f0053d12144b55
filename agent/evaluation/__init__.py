"""How well a chat model chooses tools: written requests in two halves, and what must come of each."""
