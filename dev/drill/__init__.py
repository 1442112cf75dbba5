"""`make drill`: the local stack is put under load, and everything that should arrive is seen to arrive, once."""
