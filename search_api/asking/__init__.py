"""Questions that readers ask experts: storage, choice of recipients, answers, documents."""
