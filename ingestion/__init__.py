"""From landed objects to bronze rows and quarantine rows: read, judge, seal, account for.

`objects` reads one object into lines, `records` judges lines by their source's contract, `rows`
gives them tokens and ciphertext, `bronze` spreads objects over Spark, `register` tells the ledger.
"""
