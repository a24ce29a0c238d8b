"""What every layer speaks: records, contracts, the registry, errors, hashes, the stage cache."""
