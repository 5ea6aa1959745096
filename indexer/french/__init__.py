"""French text analysis: folding, stems, stop words, references and text signatures."""
