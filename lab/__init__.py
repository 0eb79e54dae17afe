"""What runs where there is no CLI, no cluster and no account: a preview and a demo, and it says so."""
