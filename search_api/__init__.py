"""What is asked: search, experts and pages; the only room that meets a reader."""
