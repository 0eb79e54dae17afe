"""A promotion along one edge, from reading to the pull request. Committed to the GitOps repository, verbatim."""
