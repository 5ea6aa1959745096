"""Tools that an agent's assistants call in their name, by the Model Context Protocol (MCP)."""
