"""What an agent's assistants may ask in their name, by the Model Context Protocol (MCP)."""
