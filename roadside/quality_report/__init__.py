"""The quality report: what landed and what became of it, over a range of known time, as facts and as a page.

`facts` gathers, from the ledgers and Iceberg alone, into values without HTML; `page` draws them. The same
ledgers and the same moment give the same bytes.
"""
