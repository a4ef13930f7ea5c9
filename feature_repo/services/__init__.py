"""Feature services, a module a version. A released one is never edited: the next is added."""
