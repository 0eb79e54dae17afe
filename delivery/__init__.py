"""The decisions of `delivery`: plain Python, no Pulumi, every rule one call and one assertion away."""
