"""Real time: typed messages, rooms while they run, the media plane."""
