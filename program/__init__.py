"""The Pulumi program around the components: its inputs, its providers, what a stage declares."""
