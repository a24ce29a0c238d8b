"""Models of one objective each, merged by weight."""
