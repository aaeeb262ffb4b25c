"""The part that talks: models, the loop of tool calls, questions and answers."""
