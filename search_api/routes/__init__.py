"""HTTP routes: they pass parameters to answers, and return their values as pages or JSON."""
