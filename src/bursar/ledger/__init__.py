"""What happened: books as a fold over the journal."""
