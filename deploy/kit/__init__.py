"""`make kit`: one archive from which quisait is installed without a network."""
