"""Expected questions that a language model proposes."""
