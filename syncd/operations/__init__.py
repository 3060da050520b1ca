"""What people may do and see, once: for the command line, the API and the console."""
