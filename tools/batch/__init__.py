"""Many discoveries at once: thousands of recordings in, a table of laws out, nothing lost.

    motionlaw batch runs/ --out laws.parquet

`tasks` lists what there is to do, `work` does one of them, `workers` and `cluster` do many side by side, `ledger` keeps
what is done, `across` looks for laws across runs, `page` shows it all, and `run` joins them.
"""
