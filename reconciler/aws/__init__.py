"""AWS Lambda: handlers that run the program's own commands in their process."""
