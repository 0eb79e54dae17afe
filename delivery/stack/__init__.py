"""What a stack consists of: repository files and manifests, as values."""
