"""`python -m unipref`."""

from unipref.cli import main

if __name__ == "__main__":
    main()
