"""What we do about it: the engine, without clock, socket or thread."""
