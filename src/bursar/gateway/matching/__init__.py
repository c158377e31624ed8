"""The rooms of the exchange, one noun each; ``exchange.py`` leads through them and is the only one to call them.

floor       what becomes of an order: the others are asked from here
admission   whether a request is an order at all; allocation, how a group of accounts shares it
orders      every order that was ever taken, by permId and by its client's number, and the numbers that are given
gates       time and conditions that it waits for; triggers, its stop; groups, its family
auctions    the two of a day; hours, where time stands
market      the latest quotes, those that can be dealt at now, and what is left of the sizes on display; liquidity, the
            book behind them
holds       what working orders keep back of cash and shares
deals       executions: booked into accounts, numbered, told, and corrected
corporate   what companies do to all of it; interventions, what the broker does

They know nothing of clients, sessions or bytes.
"""
