"""What the page's scripts ask of the server beside the chat: plain routes that answer with JSON, pictures and files."""
