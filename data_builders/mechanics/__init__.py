"""The worlds' mechanics: how each kind of world is drawn and how it truly moves; knows nothing of pictures."""
