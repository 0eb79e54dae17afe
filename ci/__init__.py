"""What the workflows of this project run, beyond a line: previews as a comment, drift as an issue, promotions."""
