"""Plans and reports as texts that people and machines read."""
