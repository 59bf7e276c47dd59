"""Who sends and who receives: rooms, their participants' peers, publications and subscriptions."""
