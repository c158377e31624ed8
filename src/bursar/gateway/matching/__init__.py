"""The rooms of the exchange, one noun each; ``exchange.py`` leads through them and is the only one to call them.

orders   every order that was ever taken, by permId and by its client's number, and the numbers that are given
market   the latest quotes, those that can be dealt at now, and what is left of the sizes on display
deals    executions: booked into accounts, numbered, and told

They know nothing of clients, sessions or bytes.
"""
