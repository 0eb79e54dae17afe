"""The platform: what has to run in a cluster before a stage can be deployed there, as one plan. No Pulumi here."""
