"""What no stack may declare: rules over declared resources, for the policy pack in `policy/` and anybody's tests."""
