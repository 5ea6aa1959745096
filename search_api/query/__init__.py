"""Parse a question's text: words, operators, references, acronyms."""
