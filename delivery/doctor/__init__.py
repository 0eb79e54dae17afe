"""`make doctor`: what stands between a stack and its next update, one line a check, each with its mend.

Everything here only reads: the machine, the configuration, the cluster, the GitOps repository.
"""
