"""Feature views, a module a view."""
