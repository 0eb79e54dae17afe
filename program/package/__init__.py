"""The components as a package for programs in other languages: typed inputs, and the host."""
