"""A crowd of simulated people: processes that speak HTTP to a real site, as browsers would.

They come by the rhythm of a day and a week, read the page that they are served, and convert, or
do not, by what its words do to them. What the site's owner may not know is in `truth`.

    chance.py     random numbers that have names: nothing depends on the order of events
    rhythm.py     when people come
    people.py     who comes: people, and what is none of them
    pages.py      a page as a person reads it
    minds.py      what people think of a page
    lives.py      what somebody does at the site
    crowd.py      one process of the crowd
    processes.py  the processes of a crowd
    counts.py     what a crowd did, as the server acknowledged it
    wire.py       HTTP
    truth.py      the true rates, for reports and tests
"""
