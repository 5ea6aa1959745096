"""What a reader typed, understood: operators, the glossary, corrections, suggestions."""
