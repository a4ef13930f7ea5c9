"""The silver layer, a module a table: once each, conformed, without identities."""
