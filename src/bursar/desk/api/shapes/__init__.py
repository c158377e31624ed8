"""What the routes answer, as OpenAPI tells it: the shape of each, group by group, every field with an example."""
