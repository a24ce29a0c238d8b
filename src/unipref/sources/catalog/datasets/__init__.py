"""One known dataset per file, named like the file; each module holds one `ENTRY`."""
