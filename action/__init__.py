"""What runs `reconciler` in a CI: plans on pull requests, applies what was merged, looks for drift.

Standard library only, beside the `reconciler` of the same checkout, which it runs as a command.
"""
