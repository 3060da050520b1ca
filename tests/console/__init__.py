"""The console, as people meet it: in a real browser, over the real application."""
