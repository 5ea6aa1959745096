"""Adding sources on the administrators' page and by commands, after a trial."""
