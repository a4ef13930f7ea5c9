"""What Feast finds by dotted path: stores and engines of ours, each a subclass of Feast's own."""
