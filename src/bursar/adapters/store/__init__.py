"""The store: tables for those who look things up, made from the journal and made again at any time.

database      connections to SQLite and PostgreSQL, and which layout they have
tables        every table, by its model
migrations/   how a database of yesterday becomes one of today (Alembic)
journal       the journal in a database
lease         who may trade, and the operator's inbox
projections   the journal's events as rows
snapshots     what portfolios are worth, each second: today in a table, older days in Parquet files
sealing       encryption at rest, where a key is given
backup        all of it in one file, and back
"""
