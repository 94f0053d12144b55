"""Talking: chat models, the loop, the session, the tools that a chat model may call."""
