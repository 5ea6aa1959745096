"""HTTP routes: parameters in, the answers' values out as pages or JSON."""
