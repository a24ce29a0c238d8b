"""What each source and axis of a run contributed; the arms that show it, and the learning curve."""
