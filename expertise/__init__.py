"""Find experts: directory, topics, the offline build, and ranking agents for a question."""
