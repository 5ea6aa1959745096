"""Sentences of the documents found that answer, chosen by a language model by their numbers."""
