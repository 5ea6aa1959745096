"""Questions to those who know: kept, asked of agents, answered, and made documents."""
