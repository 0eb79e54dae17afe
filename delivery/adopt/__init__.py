"""Describes what Argo CD deploys already as a configuration of this program: an update changes nothing."""
