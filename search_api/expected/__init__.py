"""Expected questions: what agents ask that a document answers, in their own words."""
