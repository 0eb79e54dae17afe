"""The GitHub REST calls that a promotion makes."""
