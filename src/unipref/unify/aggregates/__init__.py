"""Ways to turn all judgements of the same answers into one utility per answer: one file each, named like its file."""
