"""The imitation of Interactive Brokers, in its own vocabulary.

The story of an order, from its bytes to what its client is told of it:

    server         the only socket, clock and file; it hands bytes to
    session        one client's conversation, which ``codec`` and ``messages`` turn into requests, for
    answers        by subject: orders, accounts, market data, an adviser's groups. ``placing`` makes commands of orders
    hub            writes each command down, then gives it to
    exchange       a function of world, terms and commands, which leads through
    matching       admission, gates, triggers, market, deals: the rooms in which an order lives, ``floor`` first
    credit         asks of each purchase whether its account can carry it; ``account`` books it
    notices        what the exchange says of all that, which
    reporting      puts into messages again, and ``portfolio`` into values of the account

Around it: where prices come from (``world``, ``path``, ``bars``, ``daily``, ``history``, ``actions``), what money costs
and needs (``terms``, ``fees``, ``margin``, ``liquidation``, ``borrow``, ``locates``, ``interest``, ``overnight``,
``faith``), what the broker writes at the end of the day (``statement``, from ``booked`` and ``taxlots``), what a
log-in may do (``permissions``, ``pacing``), and what goes wrong on command (``faults``). ``fidelity`` says where all of
it falls short of the real thing.
"""
