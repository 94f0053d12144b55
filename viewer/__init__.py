"""The page: chat beside the slide. Translates events, computes nothing."""
