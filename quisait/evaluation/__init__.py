"""How good the answers are: measures on judged questions, by the code that serves them."""
