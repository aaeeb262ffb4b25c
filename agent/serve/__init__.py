"""The page and the servers: many people talk to the agent at once, each in a room of their own.

    motionlaw serve --model none

`rooms` keeps the rooms apart, `guard` lets in whom it should, `app` is the page's interface, `completions` an
OpenAI-compatible endpoint of the agent itself, `command` the verb, and ``web/`` the page.
"""
