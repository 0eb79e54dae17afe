"""What the workflows of this project run, beyond a line: the rendered difference as a comment, updates, promotions."""
