"""What a question's text says: words, operators, references, acronyms."""
