"""What is asked: search, experts and pages; the only package that meets a reader."""
