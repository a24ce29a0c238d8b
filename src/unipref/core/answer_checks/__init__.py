"""Rules that check an answer: unipref's own and IFEval's."""
