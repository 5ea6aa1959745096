"""Measure the quality of answers on judged question sets, with the code that serves them."""
